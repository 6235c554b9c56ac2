"""Synthetic text -> JSON examples of many shapes, to train a small extractor from nothing.

`generate(seed, index)` gives one example, the same each time; `FAMILIES` names the generators.
"""

from __future__ import annotations

from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.exchange import WordExchange
from setaccio.data.synthetic.generate import FAMILIES, generate

__all__ = ["FAMILIES", "Example", "WordExchange", "generate"]
