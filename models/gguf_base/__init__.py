"""Any GGUF as a base: its weights dequantised once, its tokenizer rebuilt, and both proved.

    from setaccio.models.gguf_base import base_folder
    found = base_folder(Path("my.gguf"))
    found.folder  # safetensors, config, tokenizer and chat template, in the user's cache

llama.cpp is asked, in a child process, what the file's vocabulary is; training then sees the token
ids that llama.cpp will see. Imports ``data`` and ``models`` only; torch and transformers when they
are needed.
"""

from setaccio.models.gguf_base.folder import GgufBase, base_folder
from setaccio.models.gguf_base.tokenizer import VOCABULARY_FILE

__all__ = ["VOCABULARY_FILE", "GgufBase", "base_folder"]
