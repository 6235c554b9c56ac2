"""Many short trainings with other settings, and the best of them."""
