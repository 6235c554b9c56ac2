"""Scripts that run in a child process, so that a crash of native code ends only that."""

from pathlib import Path

SCRIPTS = Path(__file__).parent
"""Where they lie."""
