"""A GGUF in memory: read, checked, loaded, with its adapters and its tokens."""
