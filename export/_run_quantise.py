"""Child process: call llama.cpp's quantiser, whose log goes to standard error.

Contract: ``python _run_quantise.py < job.json`` with the keys ``source``, ``out``, ``ftype`` (the
number of a llama_ftype), ``threads`` (0: all cores) and ``dry_run``. Exit code 1 means that
llama.cpp refused; a failed assertion inside it ends only this process.
"""

from __future__ import annotations

import ctypes
import json
import sys


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
    source, out = job["source"].encode(), job["out"].encode()
    return int(llama_cpp.llama_model_quantize(source, out, ctypes.byref(params)) != 0)


if __name__ == "__main__":
    sys.exit(main())
