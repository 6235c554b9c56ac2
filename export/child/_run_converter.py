"""Child process: run llama.cpp's converter with our decisions in place.

Contract: ``python _run_converter.py < job.json`` with the keys ``root`` (the converter's folder),
``entry`` (which of its scripts), ``arguments`` (for that script), ``pretokenizer`` (or null: the
converter decides), ``vocabulary`` (a GGUF whose tokenizer metadata is copied in place of what the
converter would make, or null), ``template`` (a chat template in place of that GGUF's, or null) and
``metadata`` (text values to add). It imports nothing of ours, because the
converter needs its own sibling ``gguf-py`` first on the path, and a child keeps that choice away
from the caller.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

_TEMPLATE = "tokenizer.chat_template"
_LAYERS = {"full_attention": "attention", "linear_attention": "mamba"}


def _decide_pretokenizer(text_model: Any, name: str) -> None:
    text_model.get_vocab_base_pre = lambda self, tokenizer: name


def _copy_vocabulary(text_model: Any, path: str, template: str | None) -> None:
    from gguf import GGUFReader  # the converter's own

    original = text_model.prepare_metadata
    fields = GGUFReader(path).fields.values()

    def copy(writer: Any) -> None:
        for field in fields:
            if not field.name.startswith("tokenizer."):
                continue
            if field.name == _TEMPLATE and template is not None:
                continue
            kind, inner = field.types[0], field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
        if template is not None:
            writer.add_string(_TEMPLATE, template)

    def prepare_metadata(self: Any, vocab_only: bool) -> None:
        self.set_vocab = lambda: copy(self.gguf_writer)
        original(self, vocab_only=vocab_only)

    text_model.prepare_metadata = prepare_metadata


def _add_metadata(text_model: Any, values: dict[str, str]) -> None:
    original = text_model.prepare_metadata

    def prepare_metadata(self: Any, vocab_only: bool) -> None:
        original(self, vocab_only=vocab_only)
        for key, value in values.items():
            self.gguf_writer.add_string(key, value)

    text_model.prepare_metadata = prepare_metadata


def _name_layers_as_published(text_model: Any) -> None:
    """transformers 5 saves Granite 4's layers under other names than the converter looks for."""
    original = text_model.__init__

    def initialise(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        if self.hparams.get("model_type") == "granitemoehybrid":
            kinds = self.hparams.get("layer_types") or ()
            self.hparams["layer_types"] = [_LAYERS.get(kind, kind) for kind in kinds]

    text_model.__init__ = initialise


def _read_bpe_of_phi() -> None:
    """Phi-4 mini has byte-level BPE, by which the converter goes only under one class's name."""
    from conversion.phi import Phi3MiniModel  # type: ignore[import-not-found, unused-ignore]

    original = Phi3MiniModel.set_vocab

    def set_vocab(self: Any) -> None:
        if (self.dir_model / "tokenizer.model").is_file():
            original(self)
        else:
            self._set_vocab_gpt2()

    Phi3MiniModel.set_vocab = set_vocab


def _forbid_remote_code() -> None:
    """Some converter classes ask for code that comes with the model; it must never run."""
    from transformers import AutoTokenizer

    original = AutoTokenizer.from_pretrained

    def from_pretrained(*args: Any, **options: Any) -> Any:
        return original(*args, **{**options, "trust_remote_code": False})

    AutoTokenizer.from_pretrained = from_pretrained


def main() -> None:
    """Read the job and become the converter."""
    job = json.load(sys.stdin)
    root = Path(job["root"])
    # The script's own folder goes: its modules have everyday names. The converter looks for
    # vocabularies beside the first entry of the path, so its root has to be that.
    sys.path[0:1] = [str(root), str(root / "gguf-py")]
    from conversion import TextModel  # type: ignore[import-not-found, unused-ignore]

    _forbid_remote_code()
    _name_layers_as_published(TextModel)
    _read_bpe_of_phi()
    TextModel.no_mtp = True  # transformers leaves out layers that predict further tokens
    if job["pretokenizer"]:
        _decide_pretokenizer(TextModel, job["pretokenizer"])
    if job.get("vocabulary"):
        _copy_vocabulary(TextModel, job["vocabulary"], job.get("template"))
    _add_metadata(TextModel, job["metadata"])
    entry = root / job["entry"]
    sys.argv = [str(entry), *job["arguments"]]
    runpy.run_path(str(entry), run_name="__main__")


if __name__ == "__main__":
    main()
