"""What may stand in a comparison, and its pass over the documents."""
