"""The verbs of ``setaccio data``."""
