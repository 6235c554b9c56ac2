"""Child process: sum the squared activations that enter each matrix of a GGUF.

Contract: ``python _run_imatrix.py < job.json`` with the keys ``gguf``, ``sequences`` (lists of
token ids), ``dataset`` (a name) and ``out``, the imatrix file to write. llama.cpp calls back for
every node of its graph, first to ask whether the result is wanted, then with the result; the
inputs of matrix products are read there. Layout of ``ggml_tensor``: ``ggml.h`` of the llama.cpp
that llama-cpp-python vendors; each node's name is compared with what ggml says it is.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

_BATCH = 512
_F32 = 0


class Tensor(ctypes.Structure):
    """``struct ggml_tensor``."""


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]


class Collector:
    """Sums of squares and counts per weight.

    Attributes:
        sums: by tensor name, experts x columns (a dense matrix has one).
        counts: tokens that each expert saw.
        failure: what went wrong inside a callback, which can not raise.
    """

    def __init__(self, ggml: Any) -> None:
        self.sums: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}
        self.failure: Exception | None = None
        self._op_desc = ggml.ggml_op_desc
        self._op_desc.restype, self._op_desc.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
        self._name = ggml.ggml_get_name
        self._name.restype, self._name.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
        self._get = ggml.ggml_backend_tensor_get
        self._get.restype = None
        self._get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]

    def __call__(self, pointer: int, ask: bool, _data: Any) -> bool:
        """Answer llama.cpp: is it wanted (``ask``), and go on?"""
        try:
            operation = self._op_desc(pointer)
            if operation not in (b"MUL_MAT", b"MUL_MAT_ID"):
                return not ask
            tensor = Tensor.from_address(pointer)
            if tensor.name != self._name(pointer):
                raise RuntimeError("Error: this llama.cpp lays its tensors out in another way")
            name = _weight_name(tensor.src[0].contents)
            wanted = name.startswith("blk.") and tensor.src[1].contents.type == _F32
            if ask or not wanted:
                return wanted if ask else True
            self._collect(name, tensor, routed=operation == b"MUL_MAT_ID")
        except Exception as error:
            self.failure = error
            return False
        return True

    def _read(self, tensor: Any, kind: Any) -> Any:
        """Copy a tensor as an array of its shape, slowest dimension first, whatever its strides."""
        import numpy

        size = (
            sum((n - 1) * step for n, step in zip(tensor.ne, tensor.nb, strict=True))
            + numpy.dtype(kind).itemsize
        )
        buffer = numpy.empty(size, dtype=numpy.uint8)
        self._get(ctypes.addressof(tensor), buffer.ctypes.data, 0, size)
        shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
        return numpy.ndarray(shape, dtype=kind, buffer=buffer, strides=strides)

    def _collect(self, name: str, tensor: Any, *, routed: bool) -> None:
        import numpy

        weight, source = tensor.src[0].contents, tensor.src[1].contents
        squares = numpy.square(self._read(source, numpy.float32), dtype=numpy.float64)
        matrices = weight.ne[2] * weight.ne[3]
        columns = source.ne[0]
        if routed:
            kept = self.sums.setdefault(name, numpy.zeros((matrices, columns)))
            counts = self.counts.setdefault(name, numpy.zeros(matrices))
            # ids: tokens x experts used; activations: tokens x (experts used, or one for all).
            chosen = self._read(tensor.src[2].contents, numpy.int32)[0, 0]
            for used in range(chosen.shape[1]):
                numpy.add.at(kept, chosen[:, used], squares[0, :, used % squares.shape[2]])
                numpy.add.at(counts, chosen[:, used], 1)
            return
        kept = self.sums.setdefault(name, numpy.zeros((1, matrices * columns)))
        counts = self.counts.setdefault(name, numpy.zeros(1))
        for outer in range(squares.shape[0]):
            for inner in range(squares.shape[1]):
                at = (outer % weight.ne[3]) * weight.ne[2] + inner % weight.ne[2]
                kept[0, at * columns : (at + 1) * columns] += squares[outer, inner].sum(axis=0)
        counts += source.ne[1] * source.ne[2] * source.ne[3] / matrices


def _weight_name(tensor: Any) -> str:
    """Name without what a back end puts around it: ``CUDA0#blk.0.attn_k.weight#0``."""
    parts = str(tensor.name.decode("utf-8", "replace")).split("#")
    return parts[1] if len(parts) > 1 else parts[0]


def _run(llama_cpp: Any, job: dict[str, Any], collector: Collector) -> None:
    llama_cpp.llama_backend_init()
    path = job["gguf"].encode()
    model = llama_cpp.llama_model_load_from_file(path, llama_cpp.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp failed to load the model")
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = max(len(ids) for ids in job["sequences"])
    params.n_batch = params.n_ubatch = _BATCH
    callback = llama_cpp.ggml_backend_sched_eval_callback(collector)
    params.cb_eval = callback
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise RuntimeError("llama.cpp failed to make a context")
    batch = llama_cpp.llama_batch_init(_BATCH, 0, 1)
    for ids in job["sequences"]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        for begin in range(0, len(ids), _BATCH):
            part = ids[begin : begin + _BATCH]
            batch.n_tokens = len(part)
            for i, token in enumerate(part):
                batch.token[i], batch.pos[i] = token, begin + i
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
                batch.logits[i] = True  # Else the last layer sees only what logits are wanted of.
            code = llama_cpp.llama_decode(context, batch)
            if collector.failure:
                raise collector.failure
            if code != 0:
                raise RuntimeError(f"llama_decode failed with code {code}")
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)


def _write(job: dict[str, Any], collector: Collector) -> None:
    import gguf
    import numpy

    class Writer(gguf.GGUFWriter):  # type: ignore[misc, unused-ignore]
        """An imatrix is of no architecture."""

        def add_architecture(self) -> None:
            """Leave it out."""

    if not collector.sums:
        raise RuntimeError("llama.cpp failed to show any matrix product")
    writer = Writer(job["out"], "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", [job["dataset"]])
    # llama.cpp counts in chunks of a fixed length; here a chunk is a pair, its length the mean.
    tokens = sum(len(ids) for ids in job["sequences"])
    writer.add_uint32("imatrix.chunk_count", len(job["sequences"]))
    writer.add_uint32("imatrix.chunk_size", max(1, round(tokens / len(job["sequences"]))))
    for name in sorted(collector.sums):
        sums = collector.sums[name].astype(numpy.float32)
        if not numpy.isfinite(sums).all():
            raise RuntimeError(f"Error: the activations of {name} are not finite")
        writer.add_tensor(f"{name}.in_sum2", sums)
        counts = collector.counts[name].astype(numpy.float32).reshape(-1, 1)
        writer.add_tensor(f"{name}.counts", counts)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Read the job, run the model, write the sums."""
    job = json.load(sys.stdin)
    del sys.path[0]  # The script's own folder: its modules have everyday names.
    import llama_cpp
    from llama_cpp._ggml import libggml

    collector = Collector(libggml)
    _run(llama_cpp, job, collector)
    _write(job, collector)


if __name__ == "__main__":
    main()
