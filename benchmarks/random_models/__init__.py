"""Models of random weights that recite given texts."""
