"""Load a quantised GGUF and generate: the child of :mod:`setaccio.runtime.model.smoke_test`.

    python -m setaccio.runtime._run_smoke model.gguf

Apart from the folder ``model``, since it decodes, and decoding stands on models.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from setaccio.data.errors import SetaccioError
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.request import Request
from setaccio.runtime.model.load import load_model
from setaccio.runtime.model.tokens import encode_text

_TOKENS = 4


def generate_some(path: str | Path) -> str:
    """Load a GGUF, generate a few tokens and say so.

    Raises:
        ModelError: the GGUF can not be loaded.
    """
    model = load_model(path)
    prompt = encode_text(model, "Health check: one, two, three, four, five, six, seven, eight.")
    prompt = prompt[: max(1, model.context - _TOKENS)]
    _, done = next(decode(model, [], [Request(0, prompt, _TOKENS)], prompt_lookup=False))
    return f"{model.name}: loaded, {len(prompt)} tokens read, {len(done.tokens)} written"


def main(arguments: Sequence[str]) -> int:
    """The child process: exit status 0 when the GGUF named in ``arguments`` generates."""
    try:
        sys.stdout.write(generate_some(arguments[0]) + "\n")
    except SetaccioError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
