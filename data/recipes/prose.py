"""Turn a structured recipe into running text, together with what should be read out of it.

Contract: ``write_prose(recipe, rng)`` returns the text and its gold. The gold is cut out of the
text, so it is grounded by construction: the title and every ingredient stand in the text as they
stand in the gold, a direction is one sentence of the text without its leading connective and with
a capital first letter. Nothing in the text says which part is the title or the ingredients.
Sentences of small talk belong to no field. With ``held_out=True`` no sentence shape is one that
training texts use.

    text, gold = write_prose(generate_recipe(rng), rng)
"""

from __future__ import annotations

import random
import re
from functools import cache

from setaccio.data.recipes import prose_parts as parts
from setaccio.data.recipes.prose_inline import clean_items, place_inline
from setaccio.data.recipes.prose_text import (
    ITEM,
    STEP,
    TITLE,
    Prose,
    agree,
    capitalised,
    cut,
    first_word,
    lower,
    unstopped,
    verbless,
    wrap,
)
from setaccio.data.recipes.source import StructuredRecipe, recipe_sentences, split_pool
from setaccio.data.recipes.steps import STEP_STARTS

_CONNECTIVE = re.compile(
    r"(?:(?:and )?(?:then|next|now|after that|afterwards|finally|meanwhile|first|firstly|lastly|"
    r"first of all|at last|second|third|in the meantime|last)\b,? )+",
    re.IGNORECASE,
)
_SLOT = re.compile(r"\{(" + "|".join(parts.SLOTS) + r")\}")
MAX_MERGED_CHARS = 260
STYLES = {"inline": 40, "list": 27, "spread": 15, "mixed": 18}


@cache
def shapes(name: str, held_out: bool) -> tuple[str, ...]:
    """Return the training or the held-out part of a pool of ``prose_parts``."""
    return split_pool(getattr(parts, name), held_out=held_out)


def write_prose(recipe: StructuredRecipe, rng: random.Random, *, held_out: bool = False) -> Prose:
    """Write a recipe as prose.

    Args:
        recipe: what to write about; ``mentions`` helps to put quantities inside the steps.
        rng: the only source of chance.
        held_out: use the sentence shapes that are kept for evaluation.

    Returns:
        The text, and the gold as it can be read in that text.
    """
    writer = _Writer(rng, held_out)
    return cut(writer.write(recipe))


class _Writer:
    """The choices of one text."""

    def __init__(self, rng: random.Random, held_out: bool) -> None:
        self.rng = rng
        self.held_out = held_out
        self.invented = True
        self.connectives = rng.choice((0.0, 0.0, 0.0, 0.2, 0.35, 0.6, 0.8))
        self.merging = rng.choice((0.0, 0.0, 0.0, 0.3, 0.6))
        self.chatter = rng.choice((0.0, 0.0, 0.1, 0.3, 0.6))

    def write(self, recipe: StructuredRecipe) -> str:
        """Return the whole text with the gold's spans marked."""
        rng = self.rng
        style = rng.choices(list(STYLES), list(STYLES.values()))[0]
        self.invented = bool(recipe.mentions)
        steps = [s for step in recipe.directions for s in recipe_sentences(step)]
        items = clean_items(recipe)
        if style in ("inline", "mixed"):
            steps, items = place_inline(recipe, items, steps, rng, part=style == "mixed", mark=ITEM)
        steps = self._merge(steps)
        title = TITLE[0] + self._cased(recipe.title) + TITLE[1]
        lists = self._lists(items, spread=style == "spread")
        told = self._tell(steps)
        opening, closing = "", ""
        place = rng.random()
        if place < 0.46:
            opening = self._shape("TITLE_ALONE").replace("{T}", title)
        elif place < 0.6 and not lists:
            frame = self._step_frame("TITLE_IN_STEP", steps[0])
            told[0] = self._step(frame.replace("{T}", title), steps[0])
        elif place < 0.6:
            frame = self._shape("TITLE_IN_LIST").replace("{T}", title)
            lists[0] = self._list(frame, items) if len(lists) == 1 else lists[0]
            if len(lists) > 1:
                opening = self._sentence("TITLE_OPENING", title) + " "
        elif place < 0.8:
            opening = self._sentence("TITLE_OPENING", title) + " "
        elif place < 0.86 and len(told) > 2:
            told.insert(rng.randint(1, len(told) - 1), self._sentence("TITLE_MIDDLE", title))
        else:
            closing = self._sentence("TITLE_CLOSING", title)
        return self._noise(self._lay_out(opening, lists, told, closing))

    def _shape(self, pool: str) -> str:
        shape = self.rng.choice(shapes(pool, self.held_out))
        shape = re.sub(_SLOT, lambda m: self.rng.choice(parts.SLOTS[m[1]]), shape)
        shape = re.sub(r"\ba (?=[aeiou8])", "an ", shape)
        return re.sub(r"^[a-z]", lambda m: m[0].upper(), shape)

    def _sentence(self, pool: str, title: str) -> str:
        return self._shape(pool).replace("{T}", title)

    def _cased(self, title: str) -> str:
        roll = self.rng.random()
        if roll < 0.05:
            return title.upper()
        return title.lower() if roll < 0.1 else title

    def _lists(self, items: list[str], *, spread: bool) -> list[str]:
        """Write the items that no step holds as one sentence, or as two or three."""
        if not items:
            return []
        if not spread or len(items) < 4:
            return [self._list(self._shape("LIST"), items)]
        pools = ["LIST", "LIST_NEXT", "LIST_LAST"] if len(items) > 5 else ["LIST", "LIST_NEXT"]
        if self.rng.random() < 0.3:
            pools = ["LIST", self.rng.choice(("LIST_NEXT", "LIST_LAST"))]
        cuts = sorted(self.rng.sample(range(1, len(items)), len(pools) - 1))
        groups = [items[a:b] for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
        return [
            self._list(self._shape(pool), group) for pool, group in zip(pools, groups, strict=True)
        ]

    def _list(self, shape: str, items: list[str]) -> str:
        comma = any("," in item for item in items)
        between = "; " if self.rng.random() < (0.6 if comma else 0.06) else ", "
        # "and" belongs to the language, not to a shape: evaluation has it too, next to new ones.
        joiners = parts.JOINERS if self.held_out else shapes("JOINERS", False)
        last = self.rng.choice(joiners)
        if self.rng.random() < 0.1:
            last = between
        elif between == "; " and last[0] in ", ":
            last = ";" + last.lstrip(",")
        elif between == ", ":
            last = last.replace(";", ",")
        marked = [ITEM[0] + item + ITEM[1] for item in items]
        if shape.startswith("{L}"):
            marked[0] = ITEM[0] + capitalised(items[0]) + ITEM[1]
        text = between.join(marked[:-1]) + last + marked[-1] if len(marked) > 1 else marked[0]
        shape = re.sub(r"\{L\} (is|goes|comes)\b", agree, shape) if len(items) > 1 else shape
        sentence = shape.replace("{L}", text)
        # An abbreviation at the end of the sentence lends it its full stop.
        return sentence.replace("." + ITEM[1] + ".", "." + ITEM[1])

    def _merge(self, steps: list[str]) -> list[str]:
        """Run some steps together: what one sentence says is one step."""
        merged = steps[:1]
        for step in steps[1:]:
            joiner = self.rng.choice(parts.MERGERS if self.held_out else shapes("MERGERS", False))
            before = merged[-1].removesuffix(".")
            if (
                self.rng.random() < self.merging
                and len(before) + len(step) < MAX_MERGED_CHARS
                and not before.endswith(("!", "?", ":"))
                and self._instructs(merged[-1])
                and self._instructs(step)
                and (joiner[0] == ";" or not verbless(step))
            ):
                own = _CONNECTIVE.match(step)
                merged[-1] = before + joiner + lower(step[own.end() :] if own else step)
            else:
                merged.append(step)
        return merged

    def _tell(self, steps: list[str]) -> list[str]:
        told = []
        for n, step in enumerate(steps):
            pool = "FIRST" if n == 0 else "LAST" if n == len(steps) - 1 else "THEN"
            wanted = self.rng.random() < self.connectives and self._instructs(step)
            frame = self._step_frame(pool, step) if wanted else "{S}"
            told.append(self._step(frame, step))
        return told

    def _instructs(self, step: str) -> bool:
        """Say whether a step is an instruction; in rows from elsewhere some are remarks."""
        return self.invented or first_word(step) in STEP_STARTS

    def _step_frame(self, pool: str, step: str) -> str:
        frame = self._shape(pool)
        while verbless(step) and any(tail in frame for tail in parts.NEEDS_VERB):
            frame = self._shape(pool)
        return frame

    def _step(self, frame: str, step: str) -> str:
        own = _CONNECTIVE.match(step)
        if own:
            rest = step[own.end() :]
            if frame == "{S}":
                return own[0] + STEP[0] + rest + STEP[1]
            step = rest
        if frame == "{S}":
            return STEP[0] + step + STEP[1]
        return frame.replace("{S}", STEP[0] + lower(step) + STEP[1])

    def _lay_out(self, opening: str, lists: list[str], told: list[str], closing: str) -> str:
        """Put the sentences in order, with small talk between and lines or paragraphs."""
        rng = self.rng
        body = list(told)
        for at in range(len(body) - 1, 0, -1):
            talk = self._shape("BETWEEN")
            if rng.random() < self.chatter * 0.4 and talk not in body:
                body.insert(at, talk)
        before = [self._shape("OPENERS")] if rng.random() < self.chatter else []
        after = [closing] if closing else []
        if rng.random() < self.chatter:
            after.insert(rng.randint(0, len(after)), self._shape("CLOSERS"))
        lines = rng.random() < 0.12
        paragraph = rng.choice((" ", " ", " ", "\n", "\n\n"))
        joined = "\n".join(unstopped(s, rng) for s in body) if lines else " ".join(body)
        blocks = [" ".join(before), " ".join(lists), joined, " ".join(after)]
        if lines:
            paragraph = "\n"
        if before and opening.endswith(". ") and rng.random() < 0.4:
            # Small talk may also come before the sentence that holds the title.
            blocks[0], opening = f"{blocks[0]} {opening.strip()}", ""
        return opening + paragraph.join(block for block in blocks if block)

    def _noise(self, text: str) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.03:
            text = text.lower()
        elif roll < 0.07:
            text = wrap(text, rng.randint(50, 90))
        elif roll < 0.1:
            text = text.replace(". ", ".  ")
        if rng.random() < 0.15:
            text = text.replace("'", "’")
        if rng.random() < 0.02:
            text = text.replace(", ", ",")
        return text
