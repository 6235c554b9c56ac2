"""From an answer's text to an extraction: parsed, grounded, weighed, merged."""
