"""Running text: its words, its numbers, and where a value stands in it."""
