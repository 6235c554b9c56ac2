"""The models under test: the default base with the shipped adapter, or any GGUF."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import Any

from setaccio.data.files.atomic import atomic_path
from setaccio.models import gguf_path, shipped_adapter
from setaccio.models.catalogue import default_base
from setaccio.models.gguf_base.reader import read_gguf

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
TINY_GGUF = FIXTURES / "tiny-recipe-q8_0.gguf"
"""The tests' recipe model of 4 million parameters; it carries its task."""
DELIVERED = "delivered"
"""The model that ``setaccio extract`` takes where none is named."""
FILE_TYPE = 7  # llama.cpp's LLAMA_FTYPE_MOSTLY_Q8_0


@dataclass(frozen=True)
class Subject:
    """A model under test.

    Attributes:
        name: for files and options.
        label: its name in tables.
        gguf: path of the weights.
        adapter: path of the LoRA adapter that works beside them; empty for none.
        sets: names of the document sets that it answers; none for all.
        arms: names of the programs that it runs in; none for all.
    """

    name: str
    label: str
    gguf: str
    adapter: str = ""
    sets: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """What names it on the command line: nothing for what is taken by itself."""
        if self.name == DELIVERED:
            return ()
        return ("--model", self.gguf, *(("--adapter", self.adapter) if self.adapter else ()))


def default_subjects(folder: Path) -> list[Subject]:
    """The default base with the recipe adapter: merged in Q8_0, and as it is delivered.

    Args:
        folder: where the merged model is made once and kept.

    Raises:
        ModelError: the base is not fetched.
    """
    base, adapter = gguf_path(default_base().name), shipped_adapter()
    merged = folder / f"{adapter.stem}-q8_0.gguf"
    if not merged.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        merge_gguf(base, adapter, merged)
    few = ("ours-serial-schema", "ours-serial-none", "ours-batched-schema", "ours-batched-none")
    few += ("outlines-llguidance", "server")
    name = base.name.partition(".")[0]
    delivered = f"{base.stem.replace('.', ', ')} + recipe adapter, as delivered"
    return [
        Subject("merged", f"{name}, recipe adapter merged, Q8_0", str(merged)),
        Subject(DELIVERED, delivered, str(base), str(adapter), ("recipes",), few),
    ]


def merge_gguf(base: Path, adapter: Path, out: Path) -> None:
    """Write base + LoRA adapter as one GGUF: dequantised, added, Q8_0; with the adapter's task.

    Matrices without an adapter, and all else, are copied as they are.
    """
    import gguf
    import numpy as np
    from gguf.quants import quantize

    weights, delta = read_gguf(base), read_gguf(adapter)
    reader = gguf.GGUFReader(base)
    q8_0 = gguf.GGMLQuantizationType.Q8_0
    alpha = float(delta.metadata["adapter.lora.alpha"])
    with atomic_path(out) as part:
        writer = gguf.GGUFWriter(part, weights.architecture)
        for name, field in reader.fields.items():
            if not name.startswith("GGUF.") and name != "general.architecture":
                value = FILE_TYPE if name == "general.file_type" else field.contents()
                kind, *inner = field.types
                writer.add_key_value(name, value, kind, sub_type=inner[-1] if inner else None)
        writer.add_string("setaccio.task", str(delta.metadata["setaccio.task"]))
        for tensor in reader.tensors:
            if f"{tensor.name}.lora_a" not in delta.tensors:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
                continue
            down, up = (delta.tensor(f"{tensor.name}.lora_{half}") for half in "ab")
            whole = weights.tensor(tensor.name) + alpha / len(down) * (up @ down)
            writer.add_tensor(tensor.name, quantize(np.float32(whole), q8_0), raw_dtype=q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@dataclass(frozen=True)
class Work:
    """Operations that a model's forward passes need.

    Attributes:
        token: for each token, of the matrices in its layers.
        output: for each token whose logits are asked for.
        pair: for each token and each that it looks back at.
        kind: the most usual type of its matrices.
        shapes: distinct shapes (out, in) of the first layer's matrices.
    """

    token: int
    output: int
    pair: int
    kind: int
    shapes: tuple[tuple[int, int], ...]

    def of(self, passes: dict[str, Any]) -> float:
        """Operations of some passes, from a meter's counts."""
        counts = passes["tokens"], passes["outputs"], passes["pairs"]
        return sum(map(mul, (self.token, self.output, self.pair), counts))


def count_work(path: Path) -> Work:
    """Read from a GGUF what its passes need; an adapter's own products are not counted."""
    weights = read_gguf(path)
    layers = {
        n: t for n, t in weights.tensors.items() if n.startswith("blk.") and len(t.shape) == 2
    }
    size = sum(t.shape[0] * t.shape[1] for t in layers.values())
    output = weights.tensors.get("output.weight") or weights.tensors["token_embd.weight"]
    kinds = [tensor.kind for tensor in layers.values()]
    wide, heads = weights.of("embedding_length"), weights.of("attention.head_count", 1)
    heads = max(heads) if isinstance(heads, list) else heads
    head = weights.of("attention.key_length") or wide // heads
    return Work(
        token=2 * size,
        output=2 * output.shape[0] * output.shape[1],
        pair=4 * heads * head * weights.of("block_count"),
        kind=max(set(kinds), key=kinds.count),
        shapes=tuple(sorted({t.shape for n, t in layers.items() if n.startswith("blk.0.")})),
    )
