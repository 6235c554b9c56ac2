"""What is known before, seen during and kept after a training."""
