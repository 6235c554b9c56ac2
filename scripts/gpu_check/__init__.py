"""One command that trains on a GPU with both stacks, compares them, and carries a result to a CPU.

`just gpu-check` on a machine with an NVIDIA GPU; `just gpu-check --rehearse` anywhere, with a tiny
model and the plain stack only. See :mod:`scripts.gpu_check.__main__`.
"""
