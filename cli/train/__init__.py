"""The verbs of ``setaccio train``, and what they put together from several folders."""
