"""Write a model that recites as a GGUF: real shape, real vocabulary, random weights.

    >>> write_model(path, QWEN_05B, vocabulary, [Recital(prompt=[...], answer=[...])])

:mod:`benchmarks.random_models.recite` says how it recites.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from benchmarks.random_models.recite import (
    CONSTANT,
    LOUDNESS,
    SPREAD,
    Floats,
    Memory,
    Recital,
    Shape,
    eight_bits,
    random_embedding,
)
from setaccio.data.errors import UsageError
from setaccio.models.gguf_base.reader import read_gguf

Bytes = npt.NDArray[np.uint8]

_BLOCK = 32  # numbers that share a scale in Q8_0
_BLOCK_BYTES = _BLOCK + 2
_WEIGHT = 0.02  # standard deviation of the random weights, as in the real models' initialisation
_SLOWEST = 0.02  # radians a token of the slowest rotation that tells distances apart
_GAP = 35.0  # by how much the wanted distance outscores its neighbours before the softmax
_POOL = 1 << 20  # random blocks that the later layers are cut from
_ENDING = "<|im_end|>"
ROPE_BASE = 1_000_000.0


def _blocks(numbers: npt.NDArray[np.int8], scale: float) -> Bytes:
    """Q8_0 rows of eight-bit numbers (rows, columns) that all have one scale."""
    rows, columns = numbers.shape
    packed = np.empty((rows, columns // _BLOCK, _BLOCK_BYTES), np.uint8)
    packed[:, :, :2] = np.array([scale], np.float16).view(np.uint8)
    packed[:, :, 2:] = numbers.reshape(rows, -1, _BLOCK).view(np.uint8)
    return packed.reshape(rows, -1)


def _quantised(weights: Floats) -> Bytes:
    rows: Bytes = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
    return rows


class _Pool:
    """Random matrices, cut from one supply of random blocks."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        numbers = eight_bits(self._generator, _POOL * _BLOCK).reshape(1, -1)
        self._supply = _blocks(numbers, _WEIGHT / SPREAD).reshape(_POOL, _BLOCK_BYTES)

    def matrix(self, rows: int, columns: int) -> Bytes:
        count = rows * columns // _BLOCK
        start = int(self._generator.integers(_POOL))
        order = (np.arange(count) + start) % _POOL
        return self._supply[order].reshape(rows, -1)


def _lookback(shape: Shape) -> tuple[Floats, Floats]:
    """Biases of query (heads * head) and key (groups * head): head h attends h tokens back."""
    pairs = shape.head // 2
    speed = ROPE_BASE ** (-np.arange(pairs) / pairs)
    used = speed >= _SLOWEST
    gap = float((1.0 - np.cos(speed[used])).sum()) / np.sqrt(shape.head)
    loudness = np.sqrt(_GAP / gap)
    key = np.zeros((2, pairs))
    key[0, used] = loudness
    queries = []
    for head in range(shape.heads):
        turned = np.stack([np.cos(head * speed), -np.sin(head * speed)]) * loudness
        queries.append(np.where(used, turned, 0.0).reshape(-1))
    return (
        np.concatenate(queries).astype(np.float32),
        np.tile(key.reshape(-1), shape.groups).astype(np.float32),
    )


def _first_layer(shape: Shape, memory: Memory) -> dict[str, Bytes | Floats]:
    width, size = shape.width, shape.groups * shape.head
    query, key = _lookback(shape)
    value = np.eye(size, width, dtype=np.float32)
    constant = np.zeros(size, np.float32)
    for last in range(shape.head - 1, size, shape.head):
        value[last] = 0.0
        constant[last] = CONSTANT
    return {
        "attn_q.weight": _quantised(np.zeros((width, width), np.float32)),
        "attn_q.bias": query,
        "attn_k.weight": _quantised(np.zeros((size, width), np.float32)),
        "attn_k.bias": key,
        "attn_v.weight": _quantised(value),
        "attn_v.bias": constant,
        "attn_output.weight": _quantised(LOUDNESS * np.eye(width, dtype=np.float32)),
        "ffn_gate.weight": _quantised(memory.gate()),
        "ffn_up.weight": _quantised(memory.up()),
        "ffn_down.weight": _quantised(memory.down()),
    }


def _later_layer(shape: Shape, pool: _Pool) -> dict[str, Bytes | Floats]:
    width, size = shape.width, shape.groups * shape.head
    return {
        "attn_q.weight": pool.matrix(width, width),
        "attn_q.bias": np.zeros(width, np.float32),
        "attn_k.weight": pool.matrix(size, width),
        "attn_k.bias": np.zeros(size, np.float32),
        "attn_v.weight": pool.matrix(size, width),
        "attn_v.bias": np.zeros(size, np.float32),
        "attn_output.weight": pool.matrix(width, width),
        "ffn_gate.weight": pool.matrix(shape.hidden, width),
        "ffn_up.weight": pool.matrix(shape.hidden, width),
        "ffn_down.weight": pool.matrix(width, shape.hidden),
    }


def _tensors(
    shape: Shape, embedding: npt.NDArray[np.int8], memory: Memory, seed: int
) -> Iterator[tuple[str, Bytes | Floats]]:
    ones = np.ones(shape.width, np.float32)
    pool = _Pool(seed + 1)
    yield "token_embd.weight", _blocks(embedding, 1.0 / SPREAD)
    yield "output_norm.weight", ones
    for layer in range(shape.layers):
        yield f"blk.{layer}.attn_norm.weight", ones
        yield f"blk.{layer}.ffn_norm.weight", ones
        parts = _later_layer(shape, pool) if layer else _first_layer(shape, memory)
        for name, data in parts.items():
            yield f"blk.{layer}.{name}", data


@functools.lru_cache(maxsize=1)
def read_vocabulary(path: Path) -> dict[str, Any]:
    """The metadata of a GGUF that holds the Qwen 2 vocabulary.

    Raises:
        UsageError: it holds another one.
    """
    metadata = read_gguf(path).metadata
    if metadata["general.architecture"] != "qwen2":
        raise UsageError(f"{path}: not a Qwen 2 vocabulary. Give ggml-vocab-qwen2.gguf.")
    return metadata


def write_model(
    path: Path,
    shape: Shape,
    vocabulary: Path,
    recitals: Iterable[Recital],
    *,
    most: int | None = None,
    seed: int = 0,
) -> list[int]:
    """Write the GGUF.

    Args:
        path: where to; appears when it is complete.
        shape: sizes of the model.
        vocabulary: a GGUF with the real Qwen 2 vocabulary and chat template.
        recitals: what it shall recite, as far as recitals can be told apart.
        most: recitals that are enough; no more are drawn then.
        seed: of the random numbers.

    Returns:
        The indices of the recitals that it knows.

    Raises:
        UsageError: the vocabulary is not one of Qwen 2.
    """
    source = read_vocabulary(vocabulary)
    tokens = source["tokenizer.ggml.tokens"]
    embedding = random_embedding(shape, len(tokens), seed)
    memory = Memory(shape, embedding, tokens.index(_ENDING))
    known = itertools.islice(
        (index for index, recital in enumerate(recitals) if memory.add(recital)), most
    )
    kept = list(known)
    temporary = path.with_name(f".{path.name}.part")
    writer = gguf.GGUFWriter(str(temporary), "qwen2")
    _write_metadata(writer, shape, source, memory)
    for name, data in _tensors(shape, embedding, memory, seed):
        kind = gguf.GGMLQuantizationType.Q8_0 if data.dtype == np.uint8 else None
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    temporary.replace(path)
    return kept


def _write_metadata(writer: Any, shape: Shape, source: dict[str, Any], memory: Memory) -> None:
    writer.add_name(f"{shape.name}, random weights, {len(memory.following)} tokens by heart")
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.groups)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    tokens = source["tokenizer.ggml.tokens"]
    writer.add_tokenizer_model(source["tokenizer.ggml.model"])
    writer.add_tokenizer_pre(source["tokenizer.ggml.pre"])
    writer.add_token_list(tokens)
    writer.add_token_types(source["tokenizer.ggml.token_type"])
    writer.add_token_merges(source["tokenizer.ggml.merges"])
    writer.add_eos_token_id(tokens.index(_ENDING))
    writer.add_pad_token_id(source["tokenizer.ggml.padding_token_id"])
    writer.add_bos_token_id(source["tokenizer.ggml.bos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(source["tokenizer.chat_template"])
