"""A document's prompt as token ids, and whether it fits the context."""
