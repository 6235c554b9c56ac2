"""Prove that a tokenizer gives llama.cpp's ids, on texts on which two tokenizers would differ.

Contract: ``probe_strings(special, pieces)`` gives over ten thousand pairs of text and whether
special tokens count as tokens in it, the same on every machine. Characters are drawn from those
that Unicode has had since version 3.2 (which Python keeps for this purpose), so that the engines'
own versions of Unicode make no difference, with emoji added by hand. ``compare_ids`` reads what
llama.cpp's child process made of them and raises at the first difference.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unicodedata import ucd_3_2_0

import numpy as np

from setaccio.data.errors import ModelError
from setaccio.models.gguf_base.vocabulary import SPECIAL, Vocabulary

Probe = tuple[str, bool]

_PIECES = 4000  # of the vocabulary, which strings are made of

# First and last code points of scripts and other blocks.
_BLOCKS = (
    (0x41, 0x7A), (0x61, 0x7A), (0xA1, 0xFF), (0x100, 0x17F), (0x180, 0x24F), (0x250, 0x2AF),
    (0x2B0, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x58A), (0x591, 0x5F4),
    (0x60C, 0x6FE), (0x700, 0x74A), (0x780, 0x7B1), (0x901, 0x970), (0x981, 0x9FA), (0xA02, 0xA74),
    (0xA81, 0xAEF), (0xB01, 0xB70), (0xB82, 0xBF2), (0xC01, 0xC6F), (0xC82, 0xCEF), (0xD02, 0xD6F),
    (0xD82, 0xDF4), (0xE01, 0xE5B), (0xE81, 0xEDD), (0xF00, 0xFCF), (0x1000, 0x1059),
    (0x10A0, 0x10FB), (0x1100, 0x11F9), (0x1200, 0x137C), (0x13A0, 0x13F4), (0x1401, 0x1676),
    (0x1680, 0x169C), (0x16A0, 0x16F0), (0x1780, 0x17E9), (0x1800, 0x18A9), (0x1E00, 0x1EF9),
    (0x1F00, 0x1FFE), (0x2010, 0x2063), (0x2070, 0x208E), (0x20A0, 0x20B1), (0x2100, 0x214B),
    (0x2153, 0x2183), (0x2190, 0x23CE), (0x2460, 0x24FE), (0x2500, 0x27BE), (0x2801, 0x28FF),
    (0x2E80, 0x2FD5), (0x3001, 0x303F), (0x3041, 0x309F), (0x30A0, 0x30FF), (0x3105, 0x318E),
    (0x3220, 0x33FE), (0x3400, 0x4DB5), (0x4E00, 0x9FA5), (0xA000, 0xA4C6), (0xAC00, 0xD7A3),
    (0xE000, 0xE0FF), (0xF900, 0xFA6A), (0xFB00, 0xFBB1), (0xFE30, 0xFE6B), (0xFF01, 0xFFEE),
    (0x10300, 0x1034A), (0x10400, 0x1044D), (0x1D100, 0x1D1DD), (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6D6), (0xE0020, 0xE007F),
)  # fmt: skip
_BLANKS = " \t\n\r\v\f\x85\xa0\u1680\u2003\u2009\u2028\u2029\u202f\u205f\u3000"
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\xad\ufffd\ufffc\ufffe\U0010ffff\U00040000\U000c1234"
_EMOJI = """\
😀 🍳 👩‍🍳 👨‍👩‍👧‍👦 🇮🇹 🇦🇹🇩🇪 👍🏽 ❤️ ☕️ 1️⃣ 🏳️‍🌈 🥚🥚 🧑🏿‍🚀 ✨ 🫠 🫶🏼 ™️ 〰️"""
_WORDS = """\
the a of and Heat oven to Mix 2 cups flour with sugar then bake for 25 minutes McDonald
don't DON'T I'll we've they're it's O'Neil 'tis rock'n'roll naïve café ÜBER straße İstanbul
iPhone HTTPServer snake_case camelCase e.g. U.S.A. www.example.com/a?b=c&d=%20 a@b.co #tag
3.14 1,000,000 12345678901 0x1F 1e-9 ½ ¾ 50% $5.00 €7 10:30 2024-05-03 (see) [1] {x} <b> </b>
-- … “quoted” ‘so’ «là» ¿qué? naïve— end."""
_CODE = (
    '{"a": [1, 2.5, null], "b": "x\\n"}',
    "def f(x):\n    return x ** 2  # square\n",
    "for (int i = 0; i < n; i++) { s += a[i]; }",
    "<div class='c'>\n\t<p>Text &amp; more</p>\n</div>",
    "SELECT * FROM t WHERE a >= 10 AND b != '';",
    "if x==1:\n\tprint('''a''')\n\n\n\nelse:\n        pass",
    "| a | b |\n|---|:--|\n| 1 | 2 |",
    "\\frac{a}{b} = \\sum_{i=0}^{n} x_i",
    "#!/bin/sh\nset -e; ls -la | grep '^d' > /tmp/x 2>&1",
    "import { a as b } from './c.js'; // ok\r\n",
)
_MARKS = "\u0301\u0308\u0327\u0300\u0323\u064e\u0651\u05b0\u093f\u094d\u0e31\u3099\ufe0f\u20e3"


class _Source:
    """Draws strings; every draw depends on the ones before it only."""

    def __init__(self) -> None:
        self.random = random.Random("setaccio tokenizer probes")
        self.words, self.faces = _WORDS.split(), _EMOJI.split()
        self.blocks = [self._letters(*block) for block in _BLOCKS]

    @staticmethod
    def _letters(first: int, last: int) -> list[str]:
        step = max(1, (last - first) // 400)
        letters = [chr(code) for code in range(first, last + 1, step)]
        kept = [c for c in letters if ucd_3_2_0.category(c) not in ("Cn", "Cs")]
        return kept or letters

    def some(self, letters: Sequence[str], most: int) -> str:
        return "".join(self.random.choices(letters, k=self.random.randint(1, most)))

    def joined(self, words: Sequence[str], most: int) -> str:
        chosen = self.random.choices(words, k=self.random.randint(1, most))
        return "".join(
            word + (" " if self.random.random() < 0.8 else self.some(_BLANKS, 3)) for word in chosen
        )

    def script(self) -> str:
        letters = self.random.choice(self.blocks)
        words = [self.some(letters, 7) for _ in range(4)]
        return self.joined([*words, self.some(self.random.choice(self.blocks), 4), "a"], 5)

    def blanks(self) -> str:
        parts = []
        for _ in range(self.random.randint(1, 5)):
            run = self.random.choice(_BLANKS) * self.random.choice((1, 1, 2, 3, 4, 7, 8, 15, 33))
            parts += [self.random.choice((run, self.some(_BLANKS, 6))), self.some("aZ9.ж中", 2)]
        return "".join(parts[self.random.randint(0, 1) : len(parts) - self.random.randint(0, 1)])

    def digits(self) -> str:
        zero = self.random.choice((0x30, 0x30, 0x30, 0x660, 0x966, 0xFF10))
        digits = [chr(zero + i) for i in range(10)]
        return self.joined(
            [self.some(digits, 12) + self.some(".,-/:% ", 2) + self.some(digits, 4)] * 2, 4
        )

    def marks(self) -> str:
        return "".join(
            self.some("aeiouAEnсаकกあ中1. ", 2) + self.some(_MARKS, 3)
            for _ in range(self.random.randint(1, 6))
        )

    def runs(self) -> str:
        return "".join(
            self.random.choice("-=_.*#~!/\\'\"`|<>()[]{}$+^&%@,;:?aA0") * self.random.randint(1, 9)
            for _ in range(self.random.randint(1, 7))
        )

    def controls(self) -> str:
        letters = [chr(code) for code in (*range(32), *range(0x7F, 0xA0))]
        return "".join(
            self.some("ab !9", 2) + self.random.choice((self.some(letters, 3), _INVISIBLE[-4]))
            + self.some(_INVISIBLE, 1)
            for _ in range(self.random.randint(1, 4))
        )  # fmt: skip

    def emoji(self) -> str:
        return self.joined([*self.faces, self.some("".join(self.faces), 4), "ok", "!"], 6)

    def code(self) -> str:
        text = "".join(self.random.choices(_CODE, k=2))
        begin = self.random.randrange(len(text) // 2)
        return text[begin : begin + self.random.randint(5, 60)]

    def prose(self) -> str:
        text = self.joined(self.words, 12)
        return text if self.random.random() < 0.7 else text.swapcase()

    def mixed(self) -> str:
        parts = (self.prose, self.script, self.blanks, self.runs, self.emoji, self.digits)
        return "".join(self.random.choice(parts)() for _ in range(3))


def probe_strings(special: Sequence[str], pieces: Sequence[str]) -> list[Probe]:
    """Make the texts.

    Args:
        special: texts of special and user-defined tokens.
        pieces: texts of other tokens of the vocabulary.

    Returns:
        At least 10,000 pairs of a text and whether special tokens count as tokens in it.
    """
    source = _Source()
    plan: tuple[tuple[Callable[[], str], int], ...] = (
        (source.script, 3600),
        (source.prose, 1600),
        (source.blanks, 1200),
        (source.digits, 500),
        (source.marks, 700),
        (source.runs, 700),
        (source.controls, 700),
        (source.emoji, 500),
        (source.code, 600),
        (source.mixed, 400),
    )
    probes: list[Probe] = [("", False), (" ", False), ("\n", True)]
    probes += [(make(), False) for make, count in plan for _ in range(count)]
    probes += [(text, source.random.random() < 0.5) for text in _drawn(source, pieces, 1200)]
    probes += _with_special(source, special)
    return probes


def _drawn(source: _Source, pieces: Sequence[str], count: int) -> list[str]:
    """Strings of the vocabulary's own pieces: words and parts of words that it has."""
    if not pieces:
        return []
    return [
        "".join(source.random.choices(pieces, k=source.random.randint(1, 8))) for _ in range(count)
    ]


def _with_special(source: _Source, special: Sequence[str]) -> list[Probe]:
    """Texts around special tokens, read as tokens and as text."""
    chosen = list(special)
    if len(chosen) > 150:
        chosen = chosen[:100] + source.random.sample(chosen[100:], 50)
    probes: list[Probe] = []
    for token in chosen:
        before, after = source.some(["", "a", " ", "x\n", "é"], 2), source.prose()
        for as_tokens in (True, False):
            probes += [(token, as_tokens), (f"{before}{token}{after}", as_tokens)]
            probes.append((f"{token}{token}{token[:-1]}", as_tokens))
    for token in (
        "<|im_start|>",
        "<|im_end|>",
        "<s>",
        "</s>",
        "<start_of_turn>",
        "[INST]",
        "<unk>",
    ):
        probes += [(f"Say {token} twice: {token}.", False), (f" {token}\n", False)]
    return probes


def make_probes(tokenizer: Any, vocabulary: Vocabulary) -> list[Probe]:
    """The texts for this vocabulary."""
    marked = [i for i, bits in enumerate(vocabulary.attributes) if bits & SPECIAL]
    plain = [i for i, bits in enumerate(vocabulary.attributes) if not bits & SPECIAL]
    step = max(1, len(plain) // _PIECES)
    pieces = [tokenizer.decode([i]) for i in plain[::step]]
    special = tokenizer.convert_ids_to_tokens(marked)
    return probe_strings(special, [piece for piece in pieces if piece])


def write_probes(probes: list[Probe], path: Path) -> None:
    """Write the texts for llama.cpp's child process."""
    path.write_text(json.dumps(probes), encoding="utf-8")


def compare_ids(path: Path, tokenizer: Any, probes: list[Probe], answers: Path) -> None:
    """Tokenise the texts the way training does, and compare with llama.cpp's ids.

    Args:
        path: the GGUF, for messages.
        tokenizer: the tokenizer that was made from it.
        probes: the texts.
        answers: folder with ``ids.npy`` and ``lengths.npy``.

    Raises:
        ModelError: a text gets other ids; the first one is shown with both.
    """
    ids = np.load(answers / "ids.npy", allow_pickle=False).tolist()
    ends = np.cumsum(np.load(answers / "lengths.npy", allow_pickle=False)).tolist()
    start = 0
    for (text, special), end in zip(probes, ends, strict=True):
        theirs, start = ids[start:end], end
        ours = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=not special)
        if ours != theirs:
            at = next(
                (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
                min(len(ours), len(theirs)),
            )
            raise ModelError(
                f"{path}: can not be a base, for its tokenizer could not be rebuilt. The text "
                f"{text!r} gets the tokens {theirs[at : at + 4]} from llama.cpp and "
                f"{ours[at : at + 4]} from the tokenizer made of the same vocabulary (from token "
                f"{at} on). Use a GGUF from another converter, or the model's safetensors folder."
            )
