"""Child processes: llama.cpp's converter, quantiser and evaluation, where a crash is harmless."""
