"""Questions asked of a model: quantisations, noise, an earlier run, people."""
