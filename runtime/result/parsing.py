"""Find the JSON in a model's answer: strictly as it stands, or leniently inside what surrounds it.

A free model may wrap its answer in code fences, in words or in a thought. Strict parsing takes the
answer as a whole. Lenient parsing goes through it once, from the left: each object or array is read
to its own end, so that neither a fence nor a bracket inside a string ends it, and is a candidate.
What is thought (``<think>...</think>``) holds none. Where the schema is known, the first candidate
that fits it is the answer, then the first of its type; otherwise the first of all.

What is broken is no candidate, nor is anything inside it. Behind it only a fence, or a value that
fits the schema, is one. JSON is RFC 8259 and nothing beyond it: no NaN, no comments, no repair.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.files.decimals import read_float
from setaccio.data.files.json_text import read_object, refuse_constant
from setaccio.data.task.task import Task

_TOKEN = re.compile(
    r"""(?P<open> <(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection)> | \[THINK\] )
      | (?P<close> </(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection)> | \[/THINK\] )
      | (?P<fence> (?:`{3,}|~{3,}) [\w+-]* \s* (?=[{\[]) )
      | (?P<begin> [{\[] )""",
    re.VERBOSE | re.IGNORECASE,
)
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_MOST_BROKEN = 64
"""Broken values after which nothing more is looked for: each may have to be read to the end."""


class ParsedAnswer(NamedTuple):
    """What was found in an answer.

    Attributes:
        found: whether there is a JSON value at all (``null`` is one).
        value: the value; None when nothing was found.
        strict: whether the answer as a whole is that value, blanks around it aside.
    """

    found: bool
    value: Any
    strict: bool


NOTHING = ParsedAnswer(False, None, False)
Fits = Callable[[Any], bool]


_DECODER = json.JSONDecoder(
    parse_constant=refuse_constant, parse_float=read_float, object_pairs_hook=read_object
)


def _checked(value: Any) -> Any:
    # An escaped lone surrogate parses, but no encoding can write what comes of it.
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return value


def parse_strict(text: str) -> Any:
    """Parse a text that is one JSON value and nothing else.

    Raises:
        ValueError: it is not.
    """
    try:
        return _checked(_DECODER.decode(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


@dataclass
class _Search:
    """One walk through an answer.

    Attributes:
        sure: candidates.
        doubtful: candidates behind something broken, which must fit the schema, and sure ones.
    """

    text: str
    kind: type | None
    sure: list[Any] = field(default_factory=list)
    doubtful: list[Any] = field(default_factory=list)
    broken: str = ""  # "", or where something broken stood: in "words" or in a "fence"
    failed: int = 0

    def run(self) -> None:
        at, fenced = 0, False
        while (token := _TOKEN.search(self.text, at)) and self.failed <= _MOST_BROKEN:
            at = token.end()
            if token["open"]:
                end = _closing_tag(self.text, at)
                if end is None:  # the thought never ended
                    return
                at = end
            elif token["close"]:  # the prompt opened it: all up to here was thought
                self.sure, self.doubtful, self.broken = [], [], ""
            elif token["begin"]:
                at = self._value(token.start(), fenced)
            fenced = token["fence"] is not None

    def _value(self, begin: int, fenced: bool) -> int:
        """Take the value that may begin here; returns where to go on."""
        try:
            value, end = _DECODER.raw_decode(self.text, begin)
        except json.JSONDecodeError as error:
            # Nothing was read: braces in words.
            if not self.text[begin + 1 : error.pos].strip():
                return max(error.pos, begin + 1)
            return self._skip(begin, fenced)
        except (ValueError, RecursionError):
            return self._skip(begin, fenced)
        try:
            _checked(value)
        except (ValueError, RecursionError):
            self._note(fenced)
            return end
        self.doubtful.append(value)
        # Behind broken words a fence is trusted again, behind a broken fence nothing is.
        if not self.broken or (fenced and self.broken == "words"):
            self.sure.append(value)
        return end

    def _note(self, fenced: bool) -> None:
        self.failed += 1
        self.broken = "fence" if fenced or self.broken == "fence" else "words"

    def _skip(self, begin: int, fenced: bool) -> int:
        """Where a broken value ends; where it never does, at the next fence or end of a thought."""
        end = _end_of(self.text, begin)
        kind = dict if self.text[begin] == "{" else list
        if end and self.kind not in (None, kind):
            return end  # such as [1, p. 4] where an object is wanted
        self._note(fenced)
        if end:
            return end
        for token in _TOKEN.finditer(self.text, begin + 1):
            if token["fence"] or token["close"]:
                return token.start()
        return len(self.text)


def _closing_tag(text: str, at: int) -> int | None:
    """Where the thought that is open here ends."""
    return next((token.end() for token in _TOKEN.finditer(text, at) if token["close"]), None)


def _end_of(text: str, begin: int) -> int | None:
    """Where the bracket that begins here is closed, strings left out; None where it is not."""
    depth = 0
    for part in _NESTING.finditer(text, begin):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return None


def parse_answer(raw: str, fits: Fits | None = None, kind: type | None = None) -> ParsedAnswer:
    """Find the JSON value in an answer.

    Args:
        raw: the generated text.
        fits: says whether a value fits the schema, where one is known; asked only where an answer
            holds several values, or a broken one.
        kind: ``dict`` or ``list`` where the schema allows nothing else; preferred where none fits.

    Returns:
        The value, and whether it is the whole answer; :data:`NOTHING` when there is none, as in
        an answer that was cut off inside its outermost object.
    """
    try:
        return ParsedAnswer(True, parse_strict(raw.strip(" \t\r\n")), True)
    except ValueError:
        pass
    search = _Search(raw, kind)
    search.run()
    if fits and (len(search.doubtful) > 1 or not search.sure):
        for value in search.doubtful:
            if (kind is None or isinstance(value, kind)) and fits(value):
                return ParsedAnswer(True, value, False)
    for value in search.sure:
        if kind is None or isinstance(value, kind):
            return ParsedAnswer(True, value, False)
    return ParsedAnswer(True, search.sure[0], False) if search.sure else NOTHING


def split_thought(raw: str) -> tuple[str, str]:
    """Take the thought with which an answer begins apart.

    Args:
        raw: the generated text; where the prompt opened the thought it has only the closing mark.

    Returns:
        What stands between the marks, and the answer behind them: empty, and the text as it is,
        where none begins; a thought that never ends leaves no answer.
    """
    marks = [mark for mark in _TOKEN.finditer(raw) if mark["open"] or mark["close"]]
    if not marks or (marks[0]["open"] and raw[: marks[0].start()].strip()):
        return "", raw
    if marks[0]["close"]:
        with contextlib.suppress(ValueError):
            parse_strict(raw)
            return "", raw  # it stands in a string
    begin = marks[0].end() if marks[0]["open"] else 0
    end = next((mark for mark in marks if mark["close"]), None)
    if end is None:
        return raw[begin:].strip(), ""
    return raw[begin : end.start()].strip(), raw[end.end() :].strip()


def parse_for(raw: str, task: Task, rename: Callable[[Any], Any] | None = None) -> ParsedAnswer:
    """Find the JSON value in an answer to a task: the first that fits its schema, or else the first
    of the schema's type.

    Args:
        raw: the generated text.
        task: the task.
        rename: gives the keys of a value the names that the task uses, where they differ.
    """
    rename = rename or (lambda value: value)
    kind = {"object": dict, "array": list}.get(str(task.json_schema.get("type")))
    return parse_answer(raw, lambda value: not task.problems(rename(value)), kind)
