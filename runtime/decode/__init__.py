"""From prompts to answers: scheduler, decode loop, sequences, contexts, prompt lookup."""
