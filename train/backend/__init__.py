"""The model to be trained: found, loaded, and given to TRL or Unsloth."""
