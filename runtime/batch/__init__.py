"""Many documents: where they come from, and results that survive a kill."""
