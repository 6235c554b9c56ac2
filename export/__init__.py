"""From an adapter to a GGUF that knows its task: merge, convert, quantise, prove.

Names are imported when first used, so that importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.export.adapter import export_adapter as export_adapter
    from setaccio.export.gguf.convert import convert as convert
    from setaccio.export.gguf.convert import convert_adapter as convert_adapter
    from setaccio.export.gguf.imatrix import make_imatrix as make_imatrix
    from setaccio.export.gguf.imatrix import read_imatrix as read_imatrix
    from setaccio.export.gguf.llamacpp_source import converter_root as converter_root
    from setaccio.export.gguf.quantise import predicted_size as predicted_size
    from setaccio.export.gguf.quantise import quantise as quantise
    from setaccio.export.merging.merge import merge as merge
    from setaccio.export.merging.proof import MergeReport as MergeReport
    from setaccio.export.pipeline import export as export
    from setaccio.export.proof.parity import ParityReport as ParityReport
    from setaccio.export.proof.parity import check_parity as check_parity
    from setaccio.export.publish.card import write_card as write_card
    from setaccio.export.publish.report import ExportReport as ExportReport
    from setaccio.runtime.model.gguf_header import quantisations as quantisations

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "adapter": ["export_adapter"],
        "gguf.convert": ["convert", "convert_adapter"],
        "gguf.imatrix": ["make_imatrix", "read_imatrix"],
        "gguf.llamacpp_source": ["converter_root"],
        "gguf.quantise": ["predicted_size", "quantisations", "quantise"],
        "merging.merge": ["merge"],
        "merging.proof": ["MergeReport"],
        "pipeline": ["export"],
        "proof.parity": ["ParityReport", "check_parity"],
        "publish.card": ["write_card"],
        "publish.report": ["ExportReport"],
    },
)
