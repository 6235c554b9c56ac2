"""What Ollama needs to run an exported GGUF with its task.

Contract: ``write_modelfile(folder, gguf, chat, task)`` writes ``Modelfile`` (template, stops, the
task's instruction and schema as the system message, its examples) and ``ollama-request.json``, a
request whose ``format`` is the schema: Ollama constrains an answer by the request, not by the
Modelfile. Formats: https://github.com/ollama/ollama/blob/main/docs/modelfile.md and ``docs/api.md``
there.
"""

from __future__ import annotations

import json
from pathlib import Path

from setaccio.data.errors import ModelError
from setaccio.data.records import atomic_write
from setaccio.data.task.pieces import ChatFormat, Piece, completion_end, prompt_pieces
from setaccio.data.task.task import Task
from setaccio.export.publish.report import is_foreign

MODELFILE, REQUEST = "Modelfile", "ollama-request.json"
# Tokens of context that Ollama is told to keep, at most: each costs memory whether used or not.
MOST_CONTEXT = 8192
MARK = "# Written by setaccio export."
_QUOTES = '"""'


def write_modelfile(
    folder: Path, gguf: str, chat: ChatFormat, task: Task | None, *, context: int | None = None
) -> list[Path]:
    """Write the files for Ollama, unless a Modelfile of another hand is there.

    Args:
        folder: where the GGUF lies.
        gguf: its file name.
        chat: the model's chat format.
        task: what it extracts; without one there is no request.
        context: greatest length that the model knows, in tokens.

    Returns:
        The files written.
    """
    path = folder / MODELFILE
    if is_foreign(path, MARK):
        return []
    try:
        text = modelfile(gguf, chat, task, context=context)
    except (ModelError, ValueError):  # A template that Ollama's language can not say.
        path.unlink(missing_ok=True)
        return []
    with atomic_write(path) as stream:
        stream.write(text)
    if task is None:
        return [path]
    with atomic_write(folder / REQUEST) as stream:
        json.dump(request(gguf.removesuffix(".gguf"), task), stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return [path, folder / REQUEST]


def remove_modelfile(folder: Path) -> None:
    """Remove what :func:`write_modelfile` wrote before; a Modelfile of another hand stays."""
    if not is_foreign(folder / MODELFILE, MARK):
        for name in (MODELFILE, REQUEST):
            (folder / name).unlink(missing_ok=True)


def request(model: str, task: Task) -> dict[str, object]:
    """A body for Ollama's ``/api/chat`` that asks for one extraction.

    Args:
        model: the name given to ``ollama create``.
        task: its schema becomes the request's ``format``.
    """
    return {
        "model": model,
        "stream": False,
        "format": task.json_schema,
        "options": {"temperature": 0},
        "messages": [{"role": "user", "content": "The text to extract from."}],
    }


def modelfile(gguf: str, chat: ChatFormat, task: Task | None, *, context: int | None = None) -> str:
    """The Modelfile of a GGUF.

    Ollama would cut a document that is longer than its own default context without a word, and
    punish repeated tokens, which an extraction copies from the document on purpose.

    Raises:
        ModelError: the chat template can not be rendered.
        ValueError: a text holds three quotes in a row, which a Modelfile can not quote.
    """
    name = gguf.removesuffix(".gguf")
    lines = [
        MARK,
        f"# ollama create {name} -f {MODELFILE}",
        f"# Ask with the schema as the request's format: {REQUEST}",
        f"FROM ./{gguf}",
        f"TEMPLATE {_quote(go_template(chat))}",
    ]
    stops = dict.fromkeys(text for text in (completion_end(chat), chat.eos) if text)
    lines += [f"PARAMETER stop {_quote(text)}" for text in stops]
    lines += ["PARAMETER temperature 0", "PARAMETER repeat_penalty 1"]
    if context:
        lines.append(f"PARAMETER num_ctx {min(context, MOST_CONTEXT)}")
    if task is not None:
        system, *shots = task.messages("")[:-1]
        lines.append(f"SYSTEM {_quote(system['content'])}")
        lines += [f"MESSAGE {shot['role']} {_quote(shot['content'])}" for shot in shots]
    return "\n".join(lines) + "\n"


def go_template(chat: ChatFormat) -> str:
    """The chat template in the language of Ollama's templates, for one turn after another.

    Found by rendering the model's own template around place holders, so both say the same.

    Raises:
        ModelError: the chat template can not be rendered.
    """
    user = {"role": "user", "content": "U"}
    with_system = prompt_pieces(chat, [{"role": "system", "content": "S"}, user])
    alone = prompt_pieces(chat, [user])
    begin, between, after = _around(with_system)
    before, _ = _around(alone)
    return "".join(
        [
            "{{ if .System }}",
            _escape(_without_bos(begin, chat)),
            "{{ .System }}",
            _escape(between),
            "{{ else }}",
            _escape(_without_bos(before, chat)),
            "{{ end }}{{ .Prompt }}",
            _escape(after),
            "{{ .Response }}",
            _escape(completion_end(chat)),
        ]
    )


def _around(pieces: list[Piece]) -> list[str]:
    """The scaffold before, between and behind the contents, empty where there is none."""
    parts = [""]
    for piece in pieces:
        if piece.special:
            parts[-1] += piece.text
        else:
            parts.append("")
    return parts


def _without_bos(text: str, chat: ChatFormat) -> str:
    """llama.cpp puts the token in front itself, so a written one would make it two."""
    return text.removeprefix(chat.bos) if chat.add_bos and chat.bos else text


def _escape(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')


def _quote(text: str) -> str:
    if _QUOTES in text or text.endswith('"'):
        raise ValueError("a Modelfile has no way to quote three quotes in a row")
    return f"{_QUOTES}{text}{_QUOTES}"
