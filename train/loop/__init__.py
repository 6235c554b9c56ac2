"""The steps: trainer, schedule, early stopping, a retry when memory runs out."""
