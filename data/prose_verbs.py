"""Verbs that training texts begin their steps with, beside those of the step patterns.

Where a title stands before the first step with nothing but a blank between them, only the verb
says that the title is over: `Brown Rice Sauté the onions`. The patterns have few verbs; a model
that knew no others would read on.
"""

from __future__ import annotations

import random

from setaccio.data.prose_text import first_word, verbless
from setaccio.data.recipe_parts import pool
from setaccio.data.recipe_steps import STEP_STARTS

EXCHANGED_VERBS = 0.2
"""Share of the steps of invented recipes that get another verb in training texts."""

VERBS = pool(
    """add|arrange|assemble|bake|baste|batter|beat|blanch|blend|boil|bone|braise|bread|
    break|brew|broil|brown|brush|bury|butter|candy|caramelize|carve|chill|chop|churn|
    clarify|coat|combine|cook|cool|core|cover|crack|cream|crimp|crisp|crumble|crush|
    cube|cure|cut|debone|deep-fry|deglaze|dice|dilute|dip|dissolve|divide|dot|drain|
    dredge|dress|drizzle|drop|dry|dunk|dust|empty|fasten|ferment|fill|fillet|flake|
    flatten|flip|flour|fluff|fold|freeze|frost|fry|garnish|glaze|grate|grease|grill|
    grind|halve|heat|hull|ice|infuse|insert|invert|juice|julienne|knead|knot|ladle|
    lay|layer|lift|line|loosen|lower|macerate|marinate|mash|measure|melt|microwave|
    mill|mince|mix|moisten|mound|nestle|oil|open|pack|pan-fry|parboil|pare|pat|peel|
    pickle|pierce|pile|pinch|pipe|pit|place|plate|pluck|plump|plunge|poach|position|
    pound|pour|preheat|prepare|press|prick|process|proof|puree|push|quarter|reduce|
    refrigerate|reheat|remove|render|resift|rinse|ripen|roast|roll|rotate|rub|salt|
    sauté|saute|scald|scatter|scoop|score|scramble|scrape|scrub|seal|sear|season|seed|
    separate|shave|shell|shred|shuck|sieve|sift|simmer|skewer|skim|skin|slather|slice|
    slit|smear|smoke|smooth|soak|soften|spear|split|spoon|spray|spread|sprinkle|
    squeeze|stack|steam|steep|stem|stew|stir|stir-fry|strain|stuff|sweeten|swirl|tear|
    temper|tenderize|thaw|thicken|thin|thread|throw|tie|toast|top|toss|trim|truss|
    turn|twist|uncover|unfold|unmold|unroll|warm|wash|weigh|wet|whip|whirl|whisk|
    wilt|wipe|work|wrap|zest"""
)
_NO_VERBS = {"then", "next", "now", "first", "second", "finally", "lastly", "meanwhile"}


def exchange_verb(step: str, rng: random.Random) -> str:
    """Begin a step with another verb.

    Args:
        step: a sentence; one that begins with another word than its verb stays as it is.
        rng: the only source of chance.
    """
    word = first_word(step)
    if word not in STEP_STARTS or word in _NO_VERBS or verbless(step):
        return step
    return rng.choice(VERBS).capitalize() + step[len(word) :]
