"""Which rows a person must look at: a review budget, applied to rows of results.

    >>> budget = read_budget("runs/eval/budget.json")
    >>> budget.risk(row), budget.must_review(row)

A budget is made by :mod:`setaccio.eval.trust` from pairs with gold, and lies in ``budget.json`` or
in a GGUF's metadata. It holds a formula (a weight for each of a few signs of doubt that every row
carries), a threshold, and what was promised: that among the rows which are not reviewed no more
than a share of the values (or of the documents) is wrong. Nothing but the row is needed, so rows
that were made before can be judged too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.schema.pointers import leaves, split_pointer
from setaccio.runtime.extraction import Extraction

BUDGET_FORMAT = "setaccio-budget"
BUDGET_VERSION = 1
BUDGET_KEY = "setaccio.budget"
"""GGUF metadata key that holds a budget as JSON."""

SIGNS = (
    "doubt",
    "worst_doubt",
    "removed",
    "ungrounded",
    "empty",
    "answer_tokens",
    "prompt_tokens",
    "chunks",
    "closed_lists",
)
"""Signs of doubt that :func:`signs_of` finds in a row, ``doubt`` being the raw confidence."""

LEAST_CHANCE = 1e-4
"""Rows hold chances with four digits; what is below counts as this."""

_DIGITS = 6  # of a risk, in rows and in the threshold, so that the two agree
_SURE = 1.0
_UNSAID: dict[str, Any] = {"thinking": None}  # what options leave out where it is not asked for


def signs_of(row: Mapping[str, Any], field: str | None = None) -> dict[str, float]:
    """What in a row speaks for an error, as numbers.

    Args:
        row: a row of results whose status is ``ok``.
        field: a top-level key of ``data``; only its values are looked at. None takes all.

    Returns:
        One number for each of :data:`SIGNS`: the logarithm of minus the log probability of all
        values together and of the least sure one; of the greatest probability that the mask
        removed; the shares of values without a place in the document and of empty ones; logarithms
        of the tokens and of the chunks; and whether a list was closed.
    """

    def own(name: str) -> dict[str, Any]:
        known = row.get(name)
        found = known if isinstance(known, Mapping) else {}
        return {at: one for at, one in found.items() if field is None or field_of(at) == field}

    def chances(name: str) -> list[float]:
        return [float(one) for one in own(name).values() if isinstance(one, int | float)]

    surprises = [-math.log(min(max(one, LEAST_CHANCE), 1.0)) for one in chances("confidence")]
    values = {
        at: value for at, value in leaves(row.get("data")) if field is None or field_of(at) == field
    }
    filled = [at for at, value in values.items() if value not in (None, "")]
    spans = own("spans")
    return {
        "doubt": math.log(sum(surprises) + LEAST_CHANCE),
        "worst_doubt": math.log(max(surprises, default=0.0) + LEAST_CHANCE),
        "removed": math.log(max([0.0, *chances("removed")]) + LEAST_CHANCE),
        "ungrounded": sum(at not in spans for at in filled) / max(len(filled), 1),
        "empty": 1 - len(filled) / max(len(values), 1),
        "answer_tokens": math.log1p(float(row.get("completion_tokens") or 0)),
        "prompt_tokens": math.log1p(float(row.get("prompt_tokens") or 0)),
        "chunks": math.log(max(float(row.get("chunks") or 1), 1.0)),
        "closed_lists": float(bool(row.get("closed_lists"))),
    }


def field_of(pointer: str) -> str:
    """The top-level key that a JSON pointer leads through; empty for the whole value."""
    return next(iter(split_pointer(pointer)), "")


def logistic(value: float) -> float:
    """The logistic function, without overflow."""
    return 0.5 * (1 + math.tanh(value / 2))


@dataclass(frozen=True)
class RiskFormula:
    """A logistic function of signs of doubt.

    Attributes:
        intercept: its constant.
        weights: of each sign that is used.
        field: the top-level key whose values it judges; None for the whole document.
    """

    intercept: float
    weights: Mapping[str, float]
    field: str | None = None

    def risk(self, row: Mapping[str, Any]) -> float:
        """Expected share of wrong values (or chance of an error) of a row, from 0 to 1.

        A row whose status is not ``ok`` has 1: nothing of it may pass unseen.
        """
        if row.get("status") != "ok":
            return _SURE
        try:
            return self.risk_of(signs_of(row, self.field))
        except RecursionError:  # of an answer that is nested too deep
            return _SURE

    def risk_of(self, signs: Mapping[str, float]) -> float:
        """The risk of a row that has these signs."""
        score = self.intercept + sum(weight * signs[name] for name, weight in self.weights.items())
        return round(logistic(score), _DIGITS)


@dataclass(frozen=True)
class ReviewBudget:
    """A formula, a threshold, and what they were made with.

    Attributes:
        formula: what gives the risk of a row.
        threshold: the greatest risk that passes unseen.
        max_error: greatest share of errors among what is not reviewed.
        confidence: how sure that is.
        of: what is counted, ``values`` or ``documents``.
        task: ``name`` and ``digest`` of the task.
        model: ``name``, ``sha256`` and, where there is one, ``adapter_sha256``; where it lies in a
            GGUF's metadata also ``weights_sha256``, of that file's weights.
        options: the options of the extraction that can change an answer.
    """

    formula: RiskFormula
    threshold: float
    max_error: float
    confidence: float
    of: str
    task: Mapping[str, str]
    model: Mapping[str, str]
    options: Mapping[str, Any]

    def risk(self, row: Mapping[str, Any]) -> float:
        """See :meth:`RiskFormula.risk`."""
        return self.formula.risk(row)

    def must_review(self, row: Mapping[str, Any]) -> bool:
        """Whether a person must look at a row."""
        return row.get("status") != "ok" or self.risk(row) > self.threshold

    def mark(self, extraction: Extraction) -> Extraction:
        """The same extraction with its risk, and whether it must be reviewed."""
        row = extraction.to_dict()
        return replace(extraction, risk=self.risk(row), review=self.must_review(row))

    @property
    def promise(self) -> str:
        """Such as ``at most 1 % wrong values``."""
        return f"at most {100 * self.max_error:g} % wrong {self.of}"

    def refusal(
        self,
        model: str,
        adapter: str | None,
        tasks: Iterable[str],
        options: Mapping[str, Any],
    ) -> str | None:
        """Why it says nothing about an extraction, as a clause; None where it does.

        Args:
            model: SHA-256 of the model's file.
            adapter: that of the adapter's file, or None.
            tasks: digests under which the task is known.
            options: the extraction's options that can change an answer, with its ``context`` (in
                tokens), by which documents are cut; one that is left out is not compared, apart
                from ``thinking``, which is then None.
        """
        own = self.model.get("adapter_sha256")
        if self.model.get("sha256") != model or (own or None) != adapter:
            return f"was made with another model ({self.model.get('name')})"
        if self.task.get("digest") not in set(tasks):
            return f"was made for another task or version of it ({self.task.get('name')})"
        asked = _UNSAID | dict(options)
        for name, value in (_UNSAID | dict(self.options)).items():
            if name in asked and asked[name] != value:
                return f"was made with {name}={json.dumps(value)}, not {json.dumps(asked[name])}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries: all that is needed to apply it."""
        return {
            "format": BUDGET_FORMAT,
            "version": BUDGET_VERSION,
            "task": dict(self.task),
            "model": dict(self.model),
            "options": dict(self.options),
            "promise": {
                "max_error": self.max_error,
                "confidence": self.confidence,
                "of": self.of,
            },
            "formula": {
                "intercept": self.formula.intercept,
                "weights": dict(self.formula.weights),
            },
            "threshold": self.threshold,
        }


def parse_budget(text: str, source: str) -> ReviewBudget:
    """A budget from its JSON.

    Args:
        text: what ``budget.json`` or a GGUF's metadata holds.
        source: what errors should name.

    Raises:
        DataError: it is no budget, one of a later version, or one that keeps no promise.
    """
    try:
        raw = json.loads(text)
        if raw["format"] != BUDGET_FORMAT:
            raise ValueError("not its format")
        if raw["version"] != BUDGET_VERSION:
            raise DataError(
                f"{source}: a budget of version {raw['version']}, and this Setaccio reads version "
                f"{BUDGET_VERSION}. Make it again: setaccio eval budget --run RUN"
            )
        if raw["threshold"] is None:
            raise DataError(
                f"{source}: keeps no promise with the pairs it was made from. Make one with more "
                "pairs or a greater --max-error: setaccio eval budget --run RUN"
            )
        return _budget_of(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{source}: no review budget. Give the budget.json that setaccio eval budget wrote."
        ) from error


def _budget_of(raw: dict[str, Any]) -> ReviewBudget:
    promise, formula = raw["promise"], raw["formula"]
    weights = {str(name): float(weight) for name, weight in formula["weights"].items()}
    numbers = [float(formula["intercept"]), *weights.values(), float(raw["threshold"])]
    if not set(weights) <= set(SIGNS) or not all(map(math.isfinite, numbers)):
        raise ValueError("no formula of ours")
    return ReviewBudget(
        formula=RiskFormula(numbers[0], weights),
        threshold=numbers[-1],
        max_error=float(promise["max_error"]),
        confidence=float(promise["confidence"]),
        of=str(promise["of"]),
        task={str(key): str(value) for key, value in raw["task"].items()},
        model={str(key): str(value) for key, value in raw["model"].items() if value},
        options=dict(raw["options"]),
    )


def read_budget(path: str | Path) -> ReviewBudget:
    """Read ``budget.json``.

    Raises:
        UsageError: there is no such file.
        DataError: see :func:`parse_budget`.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
    return parse_budget(text, str(path))
