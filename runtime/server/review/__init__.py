"""A page on which a person goes over rows of results; what is found right or put right is kept."""
