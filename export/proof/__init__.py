"""Proof that a GGUF is the model that it was made from."""
