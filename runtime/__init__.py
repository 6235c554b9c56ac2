"""A GGUF and a text in, an extraction out: offline, on a CPU, without torch.

    >>> from setaccio.runtime import Extractor
    >>> extraction = Extractor("recipes.gguf").extract("Sponge cake. Beat 2 eggs with 50 g sugar.")
    >>> extraction.status, extraction.data["title"]
    ('ok', 'Sponge cake')

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.data.text.evidence import Span as Span
    from setaccio.runtime.extraction import Extraction as Extraction
    from setaccio.runtime.extraction import Status as Status
    from setaccio.runtime.extractor import Extractor as Extractor
    from setaccio.runtime.grammar.constraint import Constraint as Constraint
    from setaccio.runtime.model.adapters import Adapter as Adapter
    from setaccio.runtime.model.adapters import load_adapter as load_adapter
    from setaccio.runtime.model.load import LoadedModel as LoadedModel
    from setaccio.runtime.model.load import load_model as load_model
    from setaccio.runtime.streaming import Partial as Partial

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "extraction": ["Extraction", "Span", "Status"],
        "extractor": ["Extractor"],
        "grammar.constraint": ["Constraint"],
        "model.adapters": ["Adapter", "load_adapter"],
        "model.load": ["LoadedModel", "load_model"],
        "streaming": ["Partial"],
    },
)
