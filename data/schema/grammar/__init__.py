"""What llguidance is given in a schema's place, and the regular expressions of exact numbers."""
