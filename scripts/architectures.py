"""Which architectures can be trained, exported and run: those that all three parts know.

Contract: ``common_architectures()`` gives the names of transformers' classes for language models
that the installed transformers has, that llama.cpp's converter takes, and whose counterpart the
compiled llama.cpp runs. The converter is read, not run; of the library, the names in it are looked
for.

    .venv/bin/python -m scripts.architectures Qwen3 Gemma3 Lfm2 Mamba
"""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path
from typing import NamedTuple

from setaccio.export.gguf.llamacpp_source import converter_root

SUFFIX = "ForCausalLM"


class Support(NamedTuple):
    """Who knows an architecture.

    Attributes:
        transformers: the installed transformers has a language model of it.
        converter: llama.cpp's name of what the converter makes of it; empty where it takes none.
        runtime: the compiled llama.cpp holds that name.
    """

    transformers: bool
    converter: str
    runtime: bool


def support(name: str) -> Support:
    """Who knows an architecture.

    Args:
        name: transformers' class, with or without ``ForCausalLM``.
    """
    name = name if name.endswith(("ForCausalLM", "LMHeadModel")) else name + SUFFIX
    converter = _converter_names().get(name, "")
    # A linker may keep a text as the end of a longer one.
    runtime = bool(converter) and converter.encode() + b"\0" in _library()
    return Support(name in _transformers_names(), converter, runtime)


def common_architectures() -> list[str]:
    """Names of the classes that all three know, in alphabetical order."""
    return sorted(name for name in _transformers_names() if all(support(name)))


@functools.cache
def _transformers_names() -> frozenset[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    found: set[str] = set()
    for value in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        found.update([value] if isinstance(value, str) else value)
    return frozenset(found)


@functools.cache
def _converter_names() -> dict[str, str]:
    """llama.cpp's architecture for each class that the converter takes."""
    own: dict[str, str] = {}
    bases: dict[str, list[str]] = {}
    taken: dict[str, str] = {}
    for file in sorted((converter_root() / "conversion").glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef):
                continue
            bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
            for line in node.body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "model_arch":
                    own[node.name] = ast.unparse(line.value).rpartition(".")[2]
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "ModelBase.register":
                    names = [a.value for a in call.args if isinstance(a, ast.Constant)]
                    taken.update({str(name): node.name for name in names})

    def architecture(kind: str) -> str:
        return own.get(kind) or next(filter(None, map(architecture, bases.get(kind, []))), "")

    return {name: _spelt(architecture(kind)) for name, kind in taken.items()}


def _spelt(member: str) -> str:
    """How a GGUF spells a member of gguf-py's list."""
    from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES

    return MODEL_ARCH_NAMES[MODEL_ARCH[member]] if member in MODEL_ARCH.__members__ else ""


@functools.cache
def _library() -> bytes:
    """The compiled llama.cpp."""
    import llama_cpp

    folder = Path(llama_cpp.__file__).parent
    library = next(path for path in sorted(folder.rglob("*llama*")) if path.suffix in _LIBRARIES)
    return library.read_bytes()


_LIBRARIES = {".so", ".dylib", ".dll"}


def main() -> int:
    """Print a table."""
    names = sys.argv[1:] or common_architectures()
    rows = {name: support(name) for name in names}
    for name, known in rows.items():
        lacking = [part for part, has in zip(Support._fields, known, strict=True) if not has]
        said = f"lacks: {', '.join(lacking)}" if lacking else known.converter
        sys.stdout.write(f"{name:<36} {said}\n")
    return 0 if all(all(known) for known in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
