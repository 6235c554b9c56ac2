"""Many scores as numbers with their uncertainty, and differences beyond the noise."""
