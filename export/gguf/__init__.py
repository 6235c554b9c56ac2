"""GGUF files: converted, quantised, with an importance matrix of one's own pairs."""
