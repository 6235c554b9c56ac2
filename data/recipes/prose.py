"""Turn a structured recipe into running text, together with what should be read out of it.

Contract: ``write_prose(recipe, rng)`` returns the text and its gold. The gold is cut out of the
text, so it is grounded by construction: the title and every ingredient stand in the text as they
stand in the gold, a direction is one sentence of the text without its leading connective and with
a capital first letter. Nothing in the text says which part is the title or the ingredients.
Sentences of small talk belong to no field. With ``held_out=True`` no sentence shape is one that
training texts use.

    text, gold = write_prose(recipe, random.Random(1))
"""

from __future__ import annotations

import random
import re
import textwrap

from setaccio.data.recipes import prose_parts as parts
from setaccio.data.recipes.prose_inline import place_inline
from setaccio.data.recipes.prose_parts import shapes
from setaccio.data.recipes.prose_text import (
    ITEM,
    STEP,
    TITLE,
    Prose,
    capitalised,
    cut,
    first_word,
    lower,
    mark,
    verbless,
)
from setaccio.data.recipes.public_domain import STEP_STARTS, StructuredRecipe, recipe_sentences

_CONNECTIVE = re.compile(
    r"(?:(?:and )?(?:then|next|now|after that|afterwards|finally|meanwhile|first|firstly|lastly|"
    r"first of all|at last|second|third|in the meantime|last)\b,? )+",
    re.IGNORECASE,
)
_SLOT = re.compile(r"\{(" + "|".join(parts.SLOTS) + r")\}")
_NEEDS_VERB = re.compile(r"\b(?:you|we|I|to|and|You then|You first) \{S\}")
_SEVERAL = {"is": "are", "goes": "go", "comes": "come"}
MAX_MERGED_CHARS = 260
STYLES = {"inline": 40, "list": 27, "spread": 15, "mixed": 18}


def write_prose(recipe: StructuredRecipe, rng: random.Random, *, held_out: bool = False) -> Prose:
    """Write a recipe as prose.

    Args:
        recipe: what to write about.
        rng: the only source of chance.
        held_out: use the sentence shapes that are kept for evaluation.

    Returns:
        The text, and the gold as it can be read in that text.
    """
    return cut(_Writer(rng, held_out).write(recipe))


class _Writer:
    """The choices of one text."""

    def __init__(self, rng: random.Random, held_out: bool) -> None:
        self.rng = rng
        self.held_out = held_out
        self.connectives = rng.choice((0.0, 0.0, 0.0, 0.2, 0.35, 0.6, 0.8))
        self.merging = rng.choice((0.0, 0.0, 0.0, 0.3, 0.6))
        self.chatter = rng.choice((0.0, 0.0, 0.1, 0.3, 0.6))

    def write(self, recipe: StructuredRecipe) -> str:
        """Return the whole text with the gold's spans marked."""
        rng = self.rng
        style = rng.choices(list(STYLES), list(STYLES.values()))[0]
        steps = [s for step in recipe.directions for s in recipe_sentences(step)]
        # Inside a sentence a capital stands only where a name needs it.
        capital = re.compile(r"[A-Z][a-z]+(?:$|[ ,(][a-z(0-9])")
        items = [lower(item) if capital.match(item) else item for item in recipe.ingredients]
        if style in ("inline", "mixed"):
            steps, items = place_inline(items, steps, rng, part=style == "mixed")
        steps = self._merge(steps)
        title = mark(TITLE, self._cased(recipe.title))
        lists = self._lists(items, spread=style == "spread")
        told = self._tell(steps)
        opening, closing = "", ""
        place = rng.random()
        if place < 0.46:
            opening = self._shape("TITLE_ALONE", title)
        elif place < 0.6 and not lists:
            told[0] = self._step(self._step_frame("TITLE_IN_STEP", steps[0], title), steps[0])
        elif place < 0.6 and len(lists) == 1:
            lists = [self._list(self._shape("TITLE_IN_LIST", title), items)]
        elif place < 0.8:
            opening = self._shape("TITLE_OPENING", title) + " "
        elif place < 0.86 and len(told) > 2:
            told.insert(rng.randint(1, len(told) - 1), self._shape("TITLE_MIDDLE", title))
        else:
            closing = self._shape("TITLE_CLOSING", title)
        return self._noise(self._lay_out(opening, lists, told, closing))

    def _shape(self, pool: str, title: str = "") -> str:
        """A shape of the pool with its slots filled in."""
        shape = self.rng.choice(shapes(pool, self.held_out))
        shape = _SLOT.sub(lambda m: self.rng.choice(parts.SLOTS[m[1]]), shape)
        shape = re.sub(r"\ba (?=[aeiou8])", "an ", shape)
        return (shape[:1].upper() + shape[1:]).replace("{T}", title)

    def _joiner(self, pool: str) -> str:
        # "and" belongs to the language, not to a shape: evaluation has it too, next to new ones.
        more = shapes(pool, True) if self.held_out else ()
        return self.rng.choice(shapes(pool, False) + more)

    def _cased(self, title: str) -> str:
        roll = self.rng.random()
        if roll < 0.05:
            return title.upper()
        return title.lower() if roll < 0.1 else title

    def _lists(self, items: list[str], *, spread: bool) -> list[str]:
        """Write the items that no step holds as one sentence, or as two or three."""
        pools = ["LIST"]
        if spread and len(items) > 3:
            pools += ["LIST_NEXT", "LIST_LAST"] if len(items) > 5 else ["LIST_NEXT"]
            if self.rng.random() < 0.3:
                pools[1:] = [self.rng.choice(("LIST_NEXT", "LIST_LAST"))]
        cuts = sorted(self.rng.sample(range(1, len(items)), len(pools) - 1)) if items else []
        groups = [items[a:b] for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
        return [
            self._list(self._shape(pool), group)
            for pool, group in zip(pools, groups, strict=True)
            if group
        ]

    def _list(self, shape: str, items: list[str]) -> str:
        comma = any("," in item for item in items)
        between = "; " if self.rng.random() < (0.6 if comma else 0.06) else ", "
        last = self._joiner("JOINERS")
        if self.rng.random() < 0.1:
            last = between
        elif between == "; " and last[0] in ", ":
            last = ";" + last.lstrip(",")
        elif between == ", ":
            last = last.replace(";", ",")
        marked = [mark(ITEM, item) for item in items]
        if shape.startswith("{L}"):
            marked[0] = capitalised(marked[0])
        text = marked[0]
        if len(marked) > 1:
            text = between.join(marked[:-1]) + last + marked[-1]
            shape = re.sub(r"(?<=\{L\} )(is|goes|comes)\b", lambda m: _SEVERAL[m[1]], shape)
        # An abbreviation at the end of the sentence lends it its full stop.
        return shape.replace("{L}", text).replace("." + ITEM[1] + ".", "." + ITEM[1])

    def _merge(self, steps: list[str]) -> list[str]:
        """Run some steps together: what one sentence says is one step."""
        merged = steps[:1]
        for step in steps[1:]:
            joiner = self._joiner("MERGERS")
            before = merged[-1].removesuffix(".")
            if (
                self.rng.random() < self.merging
                and len(before) + len(step) < MAX_MERGED_CHARS
                and not before.endswith(("!", "?", ":"))
                and {first_word(merged[-1]), first_word(step)} <= STEP_STARTS
                and (joiner[0] == ";" or not verbless(step))
            ):
                merged[-1] = before + joiner + lower(_cut_connective(step)[1])
            else:
                merged.append(step)
        return merged

    def _tell(self, steps: list[str]) -> list[str]:
        told = []
        for n, step in enumerate(steps):
            pool = "FIRST" if n == 0 else "LAST" if n == len(steps) - 1 else "THEN"
            # In rows from elsewhere some steps are remarks.
            wanted = self.rng.random() < self.connectives and first_word(step) in STEP_STARTS
            told.append(self._step(self._step_frame(pool, step) if wanted else "{S}", step))
        return told

    def _step_frame(self, pool: str, step: str, title: str = "") -> str:
        frame = self._shape(pool, title)
        while verbless(step) and _NEEDS_VERB.search(frame):
            frame = self._shape(pool, title)
        return frame

    def _step(self, frame: str, step: str) -> str:
        before, step = _cut_connective(step)
        if frame == "{S}":
            return before + mark(STEP, step)
        return frame.replace("{S}", mark(STEP, lower(step)))

    def _lay_out(self, opening: str, lists: list[str], told: list[str], closing: str) -> str:
        """Put the sentences in order, with small talk between and lines or paragraphs."""
        rng = self.rng
        body = list(told)
        for at in range(len(body) - 1, 0, -1):
            talk = self._shape("BETWEEN")
            if rng.random() < self.chatter * 0.4 and talk not in body:
                body.insert(at, talk)
        before = self._shape("OPENERS") if rng.random() < self.chatter else ""
        after = [closing] if closing else []
        if rng.random() < self.chatter:
            after.insert(rng.randint(0, len(after)), self._shape("CLOSERS"))
        lines = rng.random() < 0.12
        paragraph = "\n" if lines else rng.choice((" ", " ", " ", "\n", "\n\n"))
        if lines:
            # Who writes a step to a line leaves some full stops out.
            body = [s.replace("." + STEP[1], STEP[1]) if rng.random() < 0.15 else s for s in body]
        if before and opening.endswith(". ") and rng.random() < 0.4:
            # Small talk may also come before the sentence that holds the title.
            before, opening = f"{before} {opening.strip()}", ""
        blocks = [before, " ".join(lists), ("\n" if lines else " ").join(body), " ".join(after)]
        return opening + paragraph.join(block for block in blocks if block)

    def _noise(self, text: str) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.03:
            text = text.lower()
        elif roll < 0.07:
            # At spaces alone, so that the gold keeps its words whole.
            lines = textwrap.TextWrapper(rng.randint(50, 90), replace_whitespace=False)
            lines.break_long_words = lines.break_on_hyphens = False
            text = lines.fill(text)
        elif roll < 0.1:
            text = text.replace(". ", ".  ")
        if rng.random() < 0.15:
            text = text.replace("'", "’")
        return text.replace(", ", ",") if rng.random() < 0.02 else text


def _cut_connective(step: str) -> tuple[str, str]:
    own = _CONNECTIVE.match(step)
    return (own[0], step[own.end() :]) if own else ("", step)
