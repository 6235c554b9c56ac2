"""Shifts of documents, to see whether ``setaccio drift`` notices them: made from real texts.

>>> SHIFTS["scan noise"]("Total: 10.00", random.Random(1))
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from setaccio.data.records import Pair

Shift = Callable[[str, random.Random], str]

NOISE_RATE = 0.06
"""Share of letters that a poor scan spoils."""

_TWINS = "l1 I1 1l O0 o0 0O S5 5S B8 8B ec ce hn nh uv vu ao gq tf ij"
_CONFUSED = {pair[0]: pair[1] for pair in _TWINS.split()} | {"m": "rn"}
_PAIRS = """
a=ein an=ein the=der i=ich you=du he=er she=sie we=wir they=sie my=mein your=dein our=unser
is=ist are=sind was=war be=sein been=gewesen have=habe has=hat had=hatte will=werde would=würde
can=kann could=könnte please=bitte need=brauche want=möchte like=möchte for=für to=zu in=in
on=am at=um of=von from=von with=mit and=und or=oder but=aber not=nicht no=nein yes=ja
this=dieser that=das there=dort here=hier it=es me=mich us=uns table=Tisch
reservation=Reservierung booking=Buchung reserve=reservieren book=buchen people=Personen
person=Person party=Gruppe name=Name under=unter make=machen cancel=stornieren change=ändern
move=verschieben dinner=Abendessen lunch=Mittagessen today=heute tomorrow=morgen tonight=heute
next=nächsten week=Woche month=Monat day=Tag monday=Montag tuesday=Dienstag wednesday=Mittwoch
thursday=Donnerstag friday=Freitag saturday=Samstag sunday=Sonntag january=Januar
february=Februar march=März may=Mai june=Juni july=Juli october=Oktober december=Dezember
one=eins two=zwei three=drei four=vier five=fünf six=sechs seven=sieben eight=acht nine=neun
ten=zehn play=spiele music=Musik song=Lied album=Album artist=Künstler add=füge
playlist=Wiedergabeliste find=finde show=zeige movie=Film weather=Wetter what=was when=wann
where=wo how=wie give=gib rate=bewerte stars=Sterne out=aus restaurant=Gasthaus street=Straße
road=Weg avenue=Allee north=Nord south=Süd east=Ost west=West city=Stadt suite=Büro
"""
_GERMAN = dict(pair.split("=") for pair in _PAIRS.split())
_WORD = re.compile(r"[A-Za-z]+")


def into_german(text: str, _chance: random.Random) -> str:
    """Every common word replaced by a German one; names and numbers stay."""
    return _WORD.sub(lambda word: _GERMAN.get(word[0].lower(), word[0]), text)


def scan_noise(text: str, chance: random.Random) -> str:
    """What optical character recognition makes of a poor scan: mistaken, lost and split letters."""
    made = []
    for letter in text:
        if letter.isspace() or chance.random() >= NOISE_RATE:
            made.append(letter)
            continue
        kind = chance.random()
        if kind < 0.6:
            made.append(_CONFUSED.get(letter, letter + "."))
        elif kind < 0.8:
            made.append(f"{letter} ")
    return "".join(made)


def other_template(text: str, chance: random.Random) -> str:
    """The same content in a form: lines before and behind it, everything in capitals."""
    head = f"TICKET NO. {chance.randrange(10**5, 10**6)}\nCHANNEL: WEB FORM 2.0\nMESSAGE:\n"
    return f"{head}{text.upper()}\n-- END OF MESSAGE, PAGE 1 OF 1 --"


SHIFTS: dict[str, Shift] = {
    "another language (common words into German)": into_german,
    "scan noise (6 % of letters)": scan_noise,
    "a changed template (a form around it, capitals)": other_template,
}
"""Name to what it does to a text."""


OTHERS = "other vendors' (as they are)"
VENDORS = 4
"""Vendors whose receipts are new files, each by itself: those with most of them."""


def vendor_files(
    pairs: Sequence[Pair], most: int, vendors: int = VENDORS
) -> tuple[list[Pair], dict[str, list[Pair]]]:
    """Receipts to compare with, and new files: of other vendors again, and of one that is not seen.

    Args:
        pairs: receipts with their ``company``; differences in case and punctuation are none.
        most: greatest number of receipts to compare with.
        vendors: how many are new files.

    Returns:
        Receipts drawn at random among all vendors but those, and the new files by name. The first,
        of receipts that are left of the same draw, should raise no alarm.
    """
    by_vendor = defaultdict[str, list[Pair]](list)
    for pair in pairs:
        by_vendor[" ".join(re.findall(r"\w+", str(pair.gold.get("company")).lower()))].append(pair)
    greatest = sorted(by_vendor, key=lambda name: (-len(by_vendor[name]), name))[:vendors]
    files = [by_vendor.pop(name) for name in greatest]
    others = [pair for name in sorted(by_vendor) for pair in by_vendor[name]]
    drawn = random.Random(0).sample(others, len(others))
    size = len(files[0]) if files else 0
    cut = max(0, min(most, len(drawn) - size))
    named = {f"one vendor's (number {at})": file for at, file in enumerate(files, 1)}
    return drawn[:cut], {OTHERS: drawn[cut : cut + size], **named}
