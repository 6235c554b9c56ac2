"""A LoRA adapter for any GGUF, made in a moment, and a base in full precision."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize

RANK = 4


def write_adapter(base: Path, path: Path, seed: int, values: dict[str, str] | None = None) -> Path:
    """A LoRA adapter with random weights on every attention output of a base, and metadata."""
    dice = np.random.default_rng(seed)
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for key, value in (values or {}).items():
        writer.add_string(key, value)
    for tensor in reader.tensors:
        if tensor.name.endswith("attn_output.weight"):
            width, height = (int(size) for size in tensor.shape)
            down = dice.normal(0, 0.05, (RANK, width)).astype(np.float32)
            up = dice.normal(0, 1.0, (height, RANK)).astype(np.float32)
            writer.add_tensor(f"{tensor.name}.lora_a", down)
            writer.add_tensor(f"{tensor.name}.lora_b", up)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_unquantised(base: Path, path: Path) -> Path:
    """A GGUF with its weights as float32: what is added up in another order differs too little to
    change an answer."""
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            value = 0 if name == "general.file_type" else field.contents()
            kind, *inner = field.types
            writer.add_key_value(name, value, kind, sub_type=inner[-1] if inner else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
