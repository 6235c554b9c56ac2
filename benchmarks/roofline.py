"""What this machine can do at best, measured: matrix products and memory.

The speed of forward passes is given as a share of it. Three numbers: float32 products, as PyTorch
computes them; products with the weights' own type, as ggml computes them, for the shapes of the
model's matrices and 512 tokens, by itself; and how fast memory is read and written.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

from benchmarks.subjects import count_work

TOKENS = 512
TRIES = 6
FLOATS = 1 << 25
"""Numbers of each array of the memory's measurement: 128 MiB, more than any cache holds."""
_F32 = 0
_METADATA = 1 << 20


def measure_machine(model: str, threads: int) -> dict[str, Any]:
    """Measure it.

    Returns:
        ``float32`` and ``weights``, operations a second; ``kind``, name of the weights' type;
        ``bandwidth``, bytes a second.
    """
    import gguf
    import torch

    from benchmarks.training import matrix_rate

    torch.set_num_threads(threads)
    work = count_work(Path(model))
    left, right = torch.rand(FLOATS), torch.rand(FLOATS)
    out = torch.empty(FLOATS)
    return {
        "float32": matrix_rate(list(work.shapes), time.perf_counter, TOKENS),
        "weights": max(_ggml_rate(shape, work.kind, threads) for shape in work.shapes),
        "kind": gguf.GGMLQuantizationType(work.kind).name,
        "bandwidth": 12 * FLOATS / _best(lambda: torch.add(left, right, alpha=3.0, out=out)),
    }


def _best(work: Any) -> float:
    """Least seconds of some tries."""
    found = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


class _Params(ctypes.Structure):
    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


class _Ggml:
    """ggml's functions by name; everything that is no number of another type is a pointer."""

    def __init__(self) -> None:
        import llama_cpp

        folder = Path(llama_cpp.__file__).parent / "lib"
        self._library = ctypes.CDLL(str(next(folder.glob("libggml-cpu.*"))))

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._library, name)
        function.restype = ctypes.c_void_p

        def call(*given: Any) -> Any:
            return function(*(ctypes.c_void_p(v) if isinstance(v, int) else v for v in given))

        return call

    def layouts(self, backend: int) -> list[int]:
        """Kinds of memory that weights may lie in, those that rearrange them included."""
        device = self.ggml_backend_get_device(backend)
        register = self.ggml_backend_dev_backend_reg(device)
        find = self.ggml_backend_reg_get_proc_address(register, b"ggml_backend_dev_get_extra_bufts")
        found = [self.ggml_backend_get_default_buffer_type(backend)]
        if find:
            pointers = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)
            for pointer in pointers(find)(device):
                if not pointer:
                    break
                found.append(pointer)
        return found


def _ggml_rate(shape: tuple[int, int], kind: int, threads: int) -> float:
    """Operations a second of one product, in the layout that is fastest."""
    ggml = _Ggml()
    backend = ggml.ggml_backend_cpu_init()
    ggml.ggml_backend_cpu_set_n_threads(backend, ctypes.c_int(threads))
    seconds = [
        _ggml_seconds(ggml, backend, layout, shape, kind) for layout in ggml.layouts(backend)
    ]
    return 2 * TOKENS * shape[0] * shape[1] / min(seconds)


def _ggml_seconds(
    ggml: _Ggml, backend: int, layout: int, shape: tuple[int, int], kind: int
) -> float:
    """Seconds of one product; infinite where the layout does not know the type."""
    out, wide = shape

    def new(context: int, kind: int, rows: int) -> int:
        sizes = ctypes.c_int64(wide), ctypes.c_int64(rows)
        return int(ggml.ggml_new_tensor_2d(context, ctypes.c_int(kind), *sizes))

    weights, rest = (ggml.ggml_init(_Params(_METADATA, None, True)) for _ in range(2))
    matrix, tokens = new(weights, kind, out), new(rest, _F32, TOKENS)
    product = ggml.ggml_mul_mat(rest, matrix, tokens)
    graph = ggml.ggml_new_graph(rest)
    ggml.ggml_build_forward_expand(graph, product)
    ggml.ggml_backend_alloc_ctx_tensors_from_buft(weights, layout)
    device = ggml.ggml_backend_get_device(backend)
    if not (ggml.ggml_backend_dev_supports_op(device, product) or 0) & 1:
        return float("inf")
    plain = ggml.ggml_backend_get_default_buffer_type(backend)
    ggml.ggml_backend_alloc_ctx_tensors_from_buft(rest, plain)
    for tensor, kind_, rows in ((matrix, kind, out), (tokens, _F32, TOKENS)):
        data = _random(ggml, kind_, rows, wide)
        sizes = ctypes.c_size_t(0), ctypes.c_size_t(len(data))
        ggml.ggml_backend_tensor_set(tensor, data, *sizes)
    return _best(lambda: ggml.ggml_backend_graph_compute(backend, graph))


def _random(ggml: _Ggml, kind: int, rows: int, wide: int) -> Any:
    import numpy as np

    numbers = np.random.default_rng(0).normal(size=(rows, wide)).astype(np.float32)
    sizes = ctypes.c_int64(0), ctypes.c_int64(rows), ctypes.c_int64(wide)
    row = ggml.ggml_row_size(ctypes.c_int(kind), ctypes.c_int64(wide))
    data = ctypes.create_string_buffer(rows * row)
    ggml.ggml_quantize_chunk(ctypes.c_int(kind), numbers.ctypes.data, data, *sizes, None)
    return data
