"""From an adapter to a GGUF that knows its task: merge, convert, quantise, prove.

Names are imported when first used, so that importing this package imports no torch.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from setaccio.export.card import write_card
    from setaccio.export.convert import convert
    from setaccio.export.convert_adapter import convert_adapter
    from setaccio.export.export import export
    from setaccio.export.export_adapter import export_adapter
    from setaccio.export.imatrix import make_imatrix, read_imatrix
    from setaccio.export.llamacpp_source import converter_root
    from setaccio.export.merge import merge
    from setaccio.export.merge_proof import MergeReport
    from setaccio.export.parity import ParityReport, check_parity
    from setaccio.export.quantise import predicted_size, quantisations, quantise
    from setaccio.export.report import ExportReport

# Hugging Face's libraries report their use to a server unless they are told not to.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_HOMES = {
    "ExportReport": "report",
    "MergeReport": "merge_proof",
    "ParityReport": "parity",
    "check_parity": "parity",
    "convert": "convert",
    "convert_adapter": "convert_adapter",
    "converter_root": "llamacpp_source",
    "export": "export",
    "export_adapter": "export_adapter",
    "make_imatrix": "imatrix",
    "merge": "merge",
    "predicted_size": "quantise",
    "quantisations": "quantise",
    "quantise": "quantise",
    "read_imatrix": "imatrix",
    "write_card": "card",
}

__all__ = [
    "ExportReport",
    "MergeReport",
    "ParityReport",
    "check_parity",
    "convert",
    "convert_adapter",
    "converter_root",
    "export",
    "export_adapter",
    "make_imatrix",
    "merge",
    "predicted_size",
    "quantisations",
    "quantise",
    "read_imatrix",
    "write_card",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


class _Package(ModuleType):
    """A package whose verbs stay functions.

    Importing the module ``merge`` would otherwise bind the module over the function of that name,
    so that what ``from setaccio.export import merge`` gives depended on what ran before.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
