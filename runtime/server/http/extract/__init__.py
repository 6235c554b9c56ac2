"""``/extract`` and ``/extract/stream``."""
