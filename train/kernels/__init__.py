"""Losses, attention and LoRA layers that are faster or smaller than the libraries' own."""
