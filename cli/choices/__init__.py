"""What flags choose: the model, its adapter, the task, the review budget."""
