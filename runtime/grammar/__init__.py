"""The schema as a constraint on tokens, and the legal end of an answer that was cut off."""
