"""What is to be extracted: the task, its files, its rules, and the pieces of its prompt."""
