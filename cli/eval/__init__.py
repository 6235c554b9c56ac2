"""The verbs of ``setaccio eval``."""
