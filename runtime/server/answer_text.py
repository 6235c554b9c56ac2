"""An answer's text as it grows: what of it is certain, where a stop string ends it, its chances."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Sequence

from setaccio.runtime.decode.generation import Generation
from setaccio.runtime.decode.request import Finish
from setaccio.runtime.decode.sampling import Ranking
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import text_ranges, token_bytes
from setaccio.runtime.server.request_types import TokenLogprob

Push = Callable[[str, Generation], None]
"""Given each new text that is certain, and the answer that it belongs to."""


class AnswerText:
    """Follows one answer.

    Args:
        model: whose tokens.
        stop: texts that end the answer.
        push: told what is certain, or None.
    """

    def __init__(
        self, model: LoadedModel, stop: Sequence[str] = (), push: Push | None = None
    ) -> None:
        self._model = model
        self._stop = stop
        self._push = push
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw = bytearray()
        self._ends: list[int] = []  # of each token in the bytes
        self._read = 0  # bytes that were made text
        self._text = ""
        self._pushed = 0

    def __call__(self, generation: Generation) -> Finish | None:
        """Read on; ``stop`` where a stop string has come."""
        if generation.rewound is not None and generation.rewound < len(self._ends):
            del self._ends[generation.rewound :]
            del self._raw[self._ends[-1] if self._ends else 0 :]
        for token in generation.tokens[len(self._ends) :]:
            self._raw += token_bytes(self._model, token)
            self._ends.append(len(self._raw))
        settled = generation.settled
        certain = len(self._raw) if settled is None else settled
        if certain > self._read:
            self._text += self._decoder.decode(bytes(self._raw[self._read : certain]))
            self._read = certain
        cut = find_stop(self._text, self._stop)
        end = len(self._text) - self._held() if cut is None else cut
        if self._push is not None and end > self._pushed:
            self._push(self._text[self._pushed : end], generation)
            self._pushed = end
        return None if cut is None else "stop"

    def _held(self) -> int:
        """Characters at the end that may be the beginning of a stop string."""
        longest = max(map(len, self._stop), default=0)
        for size in range(min(longest - 1, len(self._text)), 0, -1):
            if any(stop.startswith(self._text[-size:]) for stop in self._stop):
                return size
        return 0


def find_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where a text is cut by stop strings: before the one that is complete first.

    Of several that end together the longest counts. So it does not matter in what portions the
    text has come.
    """
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def name_logprobs(
    model: LoadedModel, tokens: Sequence[int], rankings: Sequence[Ranking], first: int, end: float
) -> tuple[TokenLogprob, ...]:
    """The chances of an answer's tokens.

    Args:
        model: whose tokens.
        tokens: of the answer.
        rankings: of each of them; those behind the last ranking only complete the answer, and
            the grammar had the only say about them.
        first: the first token that is named.
        end: characters of the answer's text; a token that ends behind them is not named.
    """

    def name(token: int, logprob: float, top: Sequence[tuple[int, float]] = ()) -> TokenLogprob:
        raw = token_bytes(model, token)
        # JSON has no infinity.
        shown = max(logprob, -9999.0) if not math.isnan(logprob) else -9999.0
        return TokenLogprob(
            raw.decode("utf-8", "replace"), raw, shown, tuple(name(*each) for each in top)
        )

    ranges = text_ranges(model, tokens)
    known = [*rankings, *[Ranking(0.0)] * (len(tokens) - len(rankings))]
    last = next((n for n, (_, behind) in enumerate(ranges) if behind > end), len(tokens))
    return tuple(name(tokens[n], known[n].logprob, known[n].top) for n in range(first, last))
