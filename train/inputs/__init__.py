"""What a training reads: task, base, pairs, and the batches made of them."""
