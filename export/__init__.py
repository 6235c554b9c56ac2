"""From an adapter to a GGUF that knows its task: merge, convert, quantise, prove.

Names are imported when first used, so that importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.export.adapter import export_adapter
    from setaccio.export.gguf.convert import convert, convert_adapter
    from setaccio.export.gguf.imatrix import make_imatrix, read_imatrix
    from setaccio.export.gguf.llamacpp_source import converter_root
    from setaccio.export.gguf.quantise import predicted_size, quantise
    from setaccio.export.merging.merge import merge
    from setaccio.export.merging.proof import MergeReport
    from setaccio.export.pipeline import export
    from setaccio.export.proof.parity import ParityReport, check_parity
    from setaccio.export.publish.card import write_card
    from setaccio.export.publish.report import ExportReport
    from setaccio.runtime.model.gguf_header import quantisations

_HOMES = {
    "ExportReport": "publish.report",
    "MergeReport": "merging.proof",
    "ParityReport": "proof.parity",
    "check_parity": "proof.parity",
    "convert": "gguf.convert",
    "convert_adapter": "gguf.convert",
    "converter_root": "gguf.llamacpp_source",
    "export": "pipeline",
    "export_adapter": "adapter",
    "make_imatrix": "gguf.imatrix",
    "merge": "merging.merge",
    "predicted_size": "gguf.quantise",
    "quantisations": "gguf.quantise",
    "quantise": "gguf.quantise",
    "read_imatrix": "gguf.imatrix",
    "write_card": "publish.card",
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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
