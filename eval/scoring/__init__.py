"""One document's score: gold against prediction, field by field."""
