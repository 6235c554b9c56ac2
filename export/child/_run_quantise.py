"""Child process: call llama.cpp's quantiser, whose log goes to standard error.

Contract: ``python _run_quantise.py < job.json`` with the keys ``source``, ``out``, ``ftype`` (the
number of a llama_ftype), ``threads`` (0: all cores), ``dry_run``, ``imatrix`` (an .npz with
``names`` and ``values-<n>``, or null) and ``imatrix_name``. Exit code 1 means that llama.cpp
refused; a failed assertion inside it ends only this process.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any


def _give_imatrix(llama_cpp: Any, params: Any, path: str, name: str) -> list[Any]:
    """Hand an importance matrix over, and note it in the metadata as llama.cpp's own tool does.

    Returns:
        What must stay alive while llama.cpp reads it.
    """
    import numpy

    with numpy.load(path, allow_pickle=False) as archive:
        rows = [(str(key), archive[f"values-{n}"]) for n, key in enumerate(archive["names"])]
    floats = ctypes.POINTER(ctypes.c_float)
    entries = (llama_cpp.llama_model_imatrix_data * (len(rows) + 1))()  # The last one is the end.
    for entry, (key, values) in zip(entries, rows, strict=False):
        entry.name = key.encode()
        entry.data = values.ctypes.data_as(floats)
        entry.size = values.size
    notes = (llama_cpp.llama_model_kv_override * 3)()
    notes[0].tag, notes[0].key = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR, b"quantize.imatrix.file"
    notes[0].value.val_str = name.encode()[:127]
    notes[1].tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
    notes[1].key, notes[1].value.val_i64 = b"quantize.imatrix.entries_count", len(rows)
    params.imatrix, params.kv_overrides = entries, notes
    return [rows, entries, notes]


def main() -> int:
    """Read the job and quantise."""
    job = json.load(sys.stdin)
    del sys.path[0]  # The script's own folder: its modules have everyday names.
    import llama_cpp

    # Without a callback llama.cpp writes its log to standard error, and the sizes are only there.
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(0), ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = job["ftype"]
    params.nthread = job["threads"]
    params.dry_run = job["dry_run"]
    alive = []
    if job["imatrix"]:
        alive = _give_imatrix(llama_cpp, params, job["imatrix"], job["imatrix_name"])
    source, out = job["source"].encode(), job["out"].encode()
    refused = llama_cpp.llama_model_quantize(source, out, ctypes.byref(params)) != 0
    del alive
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
