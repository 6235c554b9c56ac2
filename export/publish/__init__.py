"""What goes beside a GGUF: model card, Modelfile, report."""
