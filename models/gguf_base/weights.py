"""The weights of a GGUF as safetensors in 16 bits, one tensor at a time.

Contract: ``write_weights(gguf, config, folder)`` writes shards of at most a gibibyte and, where
there are several, their index. A shard that is there already is kept, so that a run that was cut
off goes on where it was.

float16, where the file holds no bfloat16: every F16 weight and every scale of a quantised block is
one already, and a dequantised weight is rounded by at most 2^-12 of its size, far below the step of
even 8 bits; float32 vectors were bfloat16 in the published model, which float16 holds exactly. A
file with bfloat16 matrices becomes bfloat16, which loses nothing. A tensor that float16 can not
hold (over 65,504) stays in float32.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import ModelError, short_reason
from setaccio.data.files.atomic import atomic_path
from setaccio.models.gguf_base.loading import read_config, without_bars
from setaccio.models.gguf_base.reader import GgufFile
from setaccio.models.gguf_base.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

SHARD_BYTES = 2**30
_BF16 = 30
_LARGEST_F16 = 65504.0
# What transformers computes from its configuration, so that no weight has a place for it.
_COMPUTED = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


def stored_type(gguf: GgufFile) -> str:
    """``bfloat16`` where the file holds matrices of it, else ``float16``."""
    wide = any(place.kind == _BF16 and len(place.shape) > 1 for place in gguf.tensors.values())
    return "bfloat16" if wide else "float16"


def weight_names(gguf: GgufFile, config: dict[str, Any]) -> dict[str, str]:
    """Which tensor of the file is which weight of the transformers model.

    Raises:
        ModelError: a tensor without a place in the model, or a weight that the file lacks.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    kind = config["model_type"]
    values = {key: value for key, value in config.items() if key != "model_type"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **values))
    processor = TENSOR_PROCESSORS.get(gguf.architecture, TensorProcessor)(config=config)
    names: dict[str, str] = get_gguf_hf_weights_map(model, processor)
    found = {name: names[name] for name in gguf.tensors if name in names}
    homeless = [n for n in gguf.tensors if n not in found and not _computed(n)]
    if config["tie_word_embeddings"]:
        homeless = [name for name in homeless if name != "output.weight"]
    if homeless:
        raise ModelError(
            f"{gguf.path}: transformers' {gguf.architecture} has no place for the tensor "
            f"{homeless[0]}. It can not be a base."
        )
    shapes = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    wanted = set(shapes) - set(found.values())
    if config["tie_word_embeddings"]:
        wanted.discard("lm_head.weight")
    if wanted:
        raise ModelError(f"{gguf.path}: lacks the weight {min(wanted)}. It can not be a base.")
    for name, weight in found.items():
        if gguf.tensors[name].shape != shapes[weight]:
            raise ModelError(
                f"{gguf.path}: the tensor {name} is {list(gguf.tensors[name].shape)}, but "
                f"transformers' {gguf.architecture} wants {list(shapes[weight])}. It can not be a "
                "base."
            )
    return found


def _computed(name: str) -> bool:
    return name in _COMPUTED or name.endswith(("rope_freqs.weight", "attn_rot_embd"))


def write_weights(
    gguf: GgufFile,
    config: dict[str, Any],
    folder: Path,
    advance: Callable[[float], None] = lambda share: None,
) -> None:
    """Dequantise all tensors.

    Args:
        gguf: the file.
        config: from :func:`setaccio.models.gguf_base.config.model_config`.
        folder: where to write.
        advance: called with the share that is done, 0 to 1.

    Raises:
        ModelError: a type that can not be read, tensors that do not fit the model, or no room.
    """
    names = weight_names(gguf, config)
    shards = _shards(gguf, list(names))
    total, done = sum(gguf.tensors[name].weights for name in names), 0
    index: dict[str, str] = {}
    for number, members in enumerate(shards, 1):
        file = _shard_name(number, len(shards))
        index |= {names[name]: file for name in members}
        if not (folder / file).is_file():
            held = {}
            for name in members:
                held[names[name]] = _weight(gguf, name, config)
                done += gguf.tensors[name].weights
                advance(done / total)
            _save(held, folder / file, gguf)
        else:
            done += sum(gguf.tensors[name].weights for name in members)
            advance(done / total)
    if len(shards) > 1:
        size = sum((folder / file).stat().st_size for file in set(index.values()))
        text = json.dumps({"metadata": {"total_size": size}, "weight_map": index}, indent=2)
        (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def _save(held: dict[str, torch.Tensor], file: Path, gguf: GgufFile) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    size = sum(weight.nbytes for weight in held.values())
    free = shutil.disk_usage(file.parent).free
    try:
        with atomic_path(file) as part:
            save_file(held, part, metadata={"format": "pt"})
    except (SafetensorError, OSError) as error:
        raise ModelError(_no_room(file, gguf, size, free, error)) from error


def _no_room(where: Path, gguf: GgufFile, size: int, free: int, error: Exception) -> str:
    """What to say where ``size`` bytes can not be written: a full disk, or a quota."""
    reason = short_reason(error).removeprefix("Error while serializing: ")
    return (
        f"{where}: can not be written ({reason}). {size / 1e6:.0f} MB are needed there to "
        f"dequantise {gguf.path.name}, and the disk had {free / 1e6:.0f} MB free. Make room, or "
        "name another cache folder in XDG_CACHE_HOME."
    )


def _shard_name(number: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"


def _shards(gguf: GgufFile, names: list[str]) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    held = 0
    for name in names:
        size = 2 * gguf.tensors[name].weights
        if shards[-1] and held + size > SHARD_BYTES:
            shards.append([])
            held = 0
        shards[-1].append(name)
        held += size
    return shards


def _weight(gguf: GgufFile, name: str, config: dict[str, Any]) -> torch.Tensor:
    """One weight as transformers has it: heads in its order, norms without llama.cpp's offset."""
    import numpy as np
    import torch
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor

    processor = TENSOR_PROCESSORS.get(gguf.architecture, TensorProcessor)(config=config)
    values = processor.process(weights=gguf.tensor(name), name=name).weights
    weight = torch.from_numpy(np.array(values, np.float32, order="C"))
    if not torch.isfinite(weight).all():
        raise ModelError(f"{gguf.path}: the tensor {name} holds no finite numbers. Fetch it again.")
    if stored_type(gguf) == "bfloat16":
        return weight.to(torch.bfloat16)
    return weight if weight.abs().max() > _LARGEST_F16 else weight.to(torch.float16)


@without_bars()
def write_whole(gguf: GgufFile, vocabulary: Vocabulary, folder: Path) -> None:
    """Let transformers read the file and save what it made of it, ``config.json`` included.

    For an architecture that is not checked here. The reader holds the whole model in memory, and
    what it leaves out of the configuration is left out; whether the result is the model that
    llama.cpp runs, the proof decides.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it, which holds where the reader says otherwise.
        folder: where to write.

    Raises:
        ModelError: it can not, or there is no room for the result.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.path.resolve().parent),
            gguf_file=gguf.path.name,
            dtype=getattr(torch, stored_type(gguf)),
            local_files_only=True,
            trust_remote_code=False,
        )
        # As a quantised model it would refuse to be saved; dequantised, it is none any more.
        model.config.__dict__.pop("quantization_config", None)
        model.hf_quantizer = None
        for name in ("bos", "eos", "pad"):
            setattr(model.config, f"{name}_token_id", getattr(vocabulary, name))
        size, free = 2 * model.num_parameters(), shutil.disk_usage(folder).free
        try:
            model.save_pretrained(folder, max_shard_size="1GB")
        except (SafetensorError, OSError) as error:
            for file in folder.glob("*.safetensors"):
                file.unlink()  # whole or not, nothing says
            raise ModelError(_no_room(folder, gguf, size, free, error)) from error
    except ModelError:
        raise
    except Exception as error:  # this reader raises whatever its many steps do
        raise ModelError(
            f"{gguf.path}: transformers can not read this {gguf.architecture} GGUF "
            f"({short_reason(error)}). Use the model's safetensors folder."
        ) from error
    config = read_config(folder)
    if config.pop("quantization_config", None) is not None:
        text = json.dumps(config, indent=2) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
