"""Sentence frames that training texts compose, next to the fixed shapes of ``prose_parts``.

A fixed pool of shapes, however long, teaches its shapes: a model tuned on it takes the words around
a title in any other sentence for the title's own. Here a sentence is put together from parts that
hold further parts, so that hardly two are alike, and one part in six has words drawn at random.

Contract: ``compose(pool, rng)`` returns a sentence with ``{T}``, ``{L}`` or ``{S}`` in it, as the
shapes of the pool of that name have. Evaluation never draws from here, and no frame gives a shape
that is kept for evaluation (there is a test).
"""

from __future__ import annotations

import random
import re

from setaccio.data.prose_parts import SLOTS
from setaccio.data.recipe_parts import pool
from setaccio.data.recipe_source import word_list

# What each pool of ``prose_parts`` is composed from; parts in braces are expanded below.
FRAMES: dict[str, tuple[str, ...]] = {
    "TITLE_OPENING": pool(
        """{one} {got} {T}{from}.|{one} {got} {T}{from}{when}.|{When}, {one} {got} {T}{from}.|
        {one} {cooked} {T}{when}.|{one} {cooked} {T}{why}.|{When}, {one} {cooked} {T}.|
        {one} {minds} {T}{why}.|{one} {minds} {T}{when}.|{T} {was} {praised}.|
        {T} {was} {praised}{when}.|{T} {was} {praised}{why}.|{When}, {T} {was} {praised}.|
        {T} {came} {to}.|{T} {came} {to}{when}.|{When}, {T} {came} {to}{why}.|
        {T}, {aside}, {was} {praised}.|{T} ({aside}) {was} {praised}.|
        {thing} {says} {T}{when}.|{thing} with {T} on it {happened}{when}.|
        {order} {T}{when}.|{order} {T}{why}.|{ask} {T}{when}?|{ask} {T}{from}?|
        {T}? {remark}.|{remark}: {T}.|{remark}, and {T} {was} {praised}.|
        As for {T}, {remark_}.|{exclaim} {T}!|{exclaim} {T}{why}!|
        {What} {one_} {cooked} {when_} was {T}.|{What} {one_} {got}{from} was {T}.|
        Between {words} and {words}, {T} {was} {praised}.|{one} and {T} {happened}{when}.|
        {words}, {T}, {words}.|{one} {told} {one_} about {T}{why}.|
        {one} {told} {one_} that {T} {was} {praised}.|{T} and {words}: {remark_}.|
        {not} {T}{why}.|{not} {T}{when}.|It {was} {T} that {one_} {got}{from}.|
        With {words} gone, {one_} {cooked} {T}.|{T} is {adj}, {adj} and {adj}.|
        {T} beats {words}{when}.|The words {words} and {T} {came} {to}.|
        Dear {name}, {remark_}, so {T} {was} {praised}.|{name} {cooked} {T}{why}."""
    ),
    "TITLE_MIDDLE": pool(
        """{When}, {T} {was} {praised}.|{T} {needs} {thing_}{why}.|{one} {minds} {T}{why}.|
        {one} {told} {one_} that {T} {needs} {thing_}.|{remark}, {so} {T} {was} {praised}.|
        {T} {was} never {praised}{why}.|{not} {T}{why}.|{ask} {T}{when}?|{T}, {aside}, {happened}.|
        {words} and {T} {happened}{when}.|{exclaim} {T}!|{remark}: {T} {needs} {thing_}."""
    ),
    "TITLE_CLOSING": pool(
        """{one} {cooked} {T}{when}.|{T} {was} {praised}{when}.|{T} {was} {praised}{why}.|
        {one} {minds} {T}{why}.|{so_} {T} {was} {praised}.|{so_} {T}{when}.|{so_} {T}{why}.|
        {exclaim} {T}!|{one} {told} {one_} it was {T}.|{thing} {says} {T}.|{order} {T}{when}.|
        {What} {one_} {got}{from} was {T}.|{remark}, {so} {one_} {cooked} {T}.|{remark}: {T}.|
        {ask} {T}{when}?|{T}, {aside}, {came} {to}.|{When}, {one_} {minds} {T}.|
        As for {T}, {remark_}.|{name} {named} it {T}{why}.|{one} {named} all this {T}{when}.|
        {Love} {name}, {aside}, with {T}{why}."""
    ),
    "TITLE_IN_LIST": pool(
        """{When}, {one_} {cooked} {T} with {L}.|{T}{when} {takes} {L}.|{T}, {aside}, {takes} {L}.|
        {one} {cooked} {T} from {L}.|{L} {went} into {T}{when}.|
        {one} {told} {one_} that {T} {takes} {L}.|
        {remark}: {T} {takes} {L}.|{remark}, {so} {T} {takes} {L}.|{order} {T}{when}: {L}.|
        {one} {minds} {T}, {aside}, and that {takes} {L}.|{thing} for {T} {says} {L}.|
        {exclaim} {T}! It {takes} {L}.|{one} bought {L} for {T}{when}.|
        {T} and {words} {takes} {L}."""
    ),
    "TITLE_IN_STEP": pool(
        """{When}, for {T}, {S}|{remark}, {so} for {T} {S}|To {make} {T}{when}, {S}|{T}{why}: {S}|
        To {make} {T} {how}, {S}|{T}, {aside}: {S}|{order} {T}: {S}|
        {one} {cooked} {T} like this: {S}|
        {exclaim} {T}! {When}, {S}|{When}, with {T} in mind, {S}|
        {one} {told} {one_} to {make} {T}: {S}|
        If {one_} {minds} {T}, {S}|{T} {needs} {thing_}: {S}|{T} with {words}: {S}"""
    ),
    "LIST": pool(
        """{When}, {one_} {bought} {L}.|{one} {bought} {L}.|
        {When}, {it_} {takes} {L}.|{it} {takes} {L}.|{remark}: {L}.|
        {remark}, {so} {one_} {bought} {L}.|
        {thing} {says} {L}.|{L} {went} into it.|{one} {told} {one_} to bring {L}.|
        {Get} {L}.|{When}, {get} {L}.|{words} aside, {it_} {takes} {L}.|
        {What} {one_} {bought} {when_} was {L}.|{name} {bought} {L}."""
    ),
    "LIST_NEXT": pool(
        """{more}, {one_} {bought} {L}.|{more}, {it_} {takes} {L}.|{one} also {bought} {L}.|
        {more}, {get} {L}.|{more}: {L}.|{it} also {takes} {L}.|{L} also {went} into it."""
    ),
    "LIST_LAST": pool(
        """{end}, {one_} {bought} {L}.|{end}, {it_} {takes} {L}.|{end}, {get} {L}.|{end}: {L}.|
        {L} {went} into it.|{one} {told} {one_} to keep {L}."""
    ),
    "FIRST": pool(
        """{When}, {S}|{start}, {S}|{start}: {S}|{start} {when_}, {S}|{remark}, {so} {S}|
        {Then}, {when_}, {S}|{How}, {S}"""
    ),
    "THEN": pool(
        """{When}, {S}|{Then} {how}, {S}|{Then}, {when_}, {S}|{past}, {S}|{past}, {how}, {S}|
        {Then}, {remark_}, {so} {S}|{How}, {S}|{Then}: {S}|{past}: {S}|{Then}{why}, {S}"""
    ),
    "LAST": pool(
        "{end}, {S}|{end}: {S}|{end}, {when_}, {S}|{past}, {S}|{When}, {S}|{end}, {how}, {S}"
    ),
    "OPENERS": pool(
        """{one} {minds} {words}{when}.|{remark}.|{remark}, and {words} {happened}{when}.|
        {one} {told} {one_} that {words} {happened}.|{ask} {words}{when}?|
        {When}, {words} {happened}.|
        {thing} {happened}{when}.|Dear {name}, {remark_}.|{name} and {name} {happened}."""
    ),
    "BETWEEN": pool(
        """{remark}.|{words} {happened}{when}.|{one} {minds} {words} here.|{thing} {happened}.|
        {ask} {words}?|{name} {told} {one_} about {words}."""
    ),
    "CLOSERS": pool(
        """{remark}.|{Love} {name}.|{words} {happened}{when}.|{one} {minds} {words}{why}.|
        {ask} {words}{when}?|{one} {told} {one_} that {words} {happened}.|{exclaim} {words}!"""
    ),
}

# A name with a capital stands at the beginning of a sentence; a trailing "_" marks a small letter.
PARTS: dict[str, tuple[str, ...]] = {
    "one": pool(
        """I|we|they|my {who}|our {who}|the {who} next door|a {who} of mine|{name}|{name}|
        {name} and I|the {word}s|half of {place}|somebody|one of the {who}s|his {who}|her {who}|
        an old {who}|the man with the {word}|the woman from {place}|all of us"""
    ),
    "got": pool(
        """brought|carried home|copied|cut out|found|got|inherited|kept|picked up|remembered|
        saved|stole|translated|wrote up|ordered|discovered|borrowed|was handed|dug out|traded"""
    ),
    "from": pool(
        """ from {place}| from {name}| from the {word}| out of a {adj} magazine| at the {word}|
        from a box of {word}s| on a train to {place}| off the back of a {word}| in a {word}|
        from my {who}| over the telephone| at a {adj} {word}"""
    ),
    "when": pool(
        """ on {occasion}| every {day}| last {day}| at {occasion}| when it rained| once a month|
        after {words}| while the {word} was {adj}| in the {word}| {number} times a week|
        when nobody looked| as long as there was {word}| since the {word} broke| in {month}|
        whenever {name} visits| that winter| before school| between two {word}s| back in {place}|
        until the {word} closed| at noon| during the {word}| for {number} people| this morning"""
    ),
    "why": pool(
        """ because {words} {happened}| since {one_} {minds} {words}| so that {words} {happened}|
        although {words} {happened}| for the sake of {name}| unless {words} {happened}|
        even if it is {adj}|
        , which is {adj}|, and not {words}| instead of {words}| despite the {word}| just for {name}|
        , as {name} says| like {words}| with {words}| for {adj} reasons|, if you ask {name}|
        to please {name}"""
    ),
    "cooked": pool(
        """cooked|made|prepared|served|baked|fixed|threw together|attempted|tried|practised|
        put on the table|warmed up|ate|shared|finished|demanded|offered|sold|tasted|packed"""
    ),
    "minds": pool(
        """adore|like|crave|miss|dream of|think of|talk about|can not resist|swear by|insist on|
        believe in|look forward to|never say no to|fancy|respect|want|feel like|live for"""
    ),
    "was": pool("is|was|is|was|can be|used to be|will be|seemed|remains|has always been|looks"),
    "praised": pool(
        """{adj}|famous in {place}|hard to beat|the pride of {place}|what {name} wanted|
        gone by noon|
        {adj} and {adj}|on the menu|no secret|good with {words}|better than {words}|well known|
        the answer|next|a habit of ours|as {adj} as {words}|meant for {name}|my idea of {word}|
        {number} minutes of work|new to {name}|on everybody's mind|all {name} ever cooked"""
    ),
    "came": pool("came|went|travelled|was sent|was carried|was taken|made its way|was brought"),
    "to": pool(
        """to {place}|to us by way of {place}|with my {who}|all the way from {place}|to the {word}|
        into the family with {name}|in a letter|first|on a {adj} card|along|back|by {word}"""
    ),
    "aside": pool(
        """by the way|believe me|as it happens|in short|of course|no less|I think|says {name}|
        like {words}|the {adj} one|a {adj} {word}|my {who}'s {word}|no doubt|as always|for once|
        a must in {place}|the {word} of {place}|mind you|{words}|not {words}"""
    ),
    "thing": pool(
        """the card|the {adj} note|a page in the {word}|the label|the {word}|the sign outside|
        the letter from {name}|the margin|the back of the {word}|a slip of paper|the {adj} book"""
    ),
    "says": pool("says|said|reads|shows|spells|mentions|announces|lists|names"),
    "happened": pool(
        """happened|turned up|went missing|made us laugh|arrived|never mattered|got lost|won|
        took over|changed everything|was {adj}|came along|fell over|did it|are back|stayed {adj}"""
    ),
    "order": pool(
        """make|try|remember|expect|bring|think of|look at|forget about anything but|serve|
        save room for|
        trust in|wait for|say yes to|call for|plan on|never refuse|set the table for|introducing"""
    ),
    "ask": pool(
        """who wants|who could forget|where is|what about|who made|did {name} mention|
        shall we have|how about|does {name} know|who remembers|why not try|would you like"""
    ),
    "remark": pool(
        """it is {adj}|time is short|the {word} is {adj}|{name} is coming|{words} {happened}|
        nothing is {adj} here|I am in a hurry|there is a {word} in {place}|{one_} {minds} {words}|
        {name} {told} {one_}|the oven is {adj}|that is life|here is one for {name}|guess what|
        the children are hungry|it rained in {place}|we had {words}|you know {name}|well|
        my {who} was right|there are {number} of us|the answer is {adj}|one more|and now"""
    ),
    "exclaim": pool(
        "oh,|hurrah for|long live|thank goodness for|three cheers for|ah,|so much for|and now,|my,"
    ),
    "what": pool("what|the thing|all|something"),
    "words": pool(
        """the {word}|a {word}|{word}s|my {word}|{word} and {word}|the {adj} {word}|no {word}|
        {number} {word}s|her {word}|{name}'s {word}|that {word}|{word} {word}|our {adj} {word}"""
    ),
    "told": pool("told|promised|wrote to|reminded|showed|asked|warned|phoned|taught|surprised"),
    "not": pool(
        """nothing is like|nobody expects|it is not|there is never enough|few people know|
        no one forgets|you can not buy|do not laugh at|not everybody likes|it could only be"""
    ),
    "needs": pool("needs|wants|deserves|asks for|hates|depends on|likes|can do without"),
    "so": pool("so|and|but|still|which is why|hence"),
    "so_": pool("thus|behold:|so much for|ready for|here you have|that makes|it is finally"),
    "named": pool("named|called|christened|labelled|nicknamed|titled"),
    "love": pool("love from|yours,|greetings from|kisses,|as ever,|see you soon,|signed,"),
    "takes": pool(
        "takes|took|needs|wants|uses|involves|asks for|contains|starts from|has|comes with"
    ),
    "went": pool("went|go|disappear|are put|were stirred|all go|must go"),
    "bought": pool(
        """bought|took|brought|needed|grabbed|found|fetched|had|laid out|weighed|put aside|
        got together|counted|chose|ordered|picked|unpacked|looked for|set down"""
    ),
    "get": pool(
        "fetch|get|bring|weigh|choose|count out|look for|take out|reach for|unpack|prepare"
    ),
    "it": pool("this|the whole thing|one {word}|each batch|a batch|the pot|a {adj} one|mine"),
    "more": pool("besides|also|in addition|then|next|as well|what is more|too|after that|and"),
    "end": pool(
        """in the last minute|finally|last|at the very end|to close|to complete it|one last thing|
        almost there|before you are done|then, finally|for the last part|at long last"""
    ),
    "start": pool(
        """first|to open|as the first thing|at first|to begin|right away|step 1|for starters|
        one|before all else|at the outset|the beginning"""
    ),
    "then": pool(
        """then|next|after that|now|afterwards|later|from here|soon|thereupon|a little later|
        second|third|when you can|at once|by and by|in turn|again|this time"""
    ),
    "past": pool(
        """with that behind you|once it is {adj}|when {name} is ready|after {number} minutes|
        that finished|when it is {adj} enough|with the {word} out of the way|once you are there|
        as soon as it looks {adj}|a few minutes on|when you have the {word}|now that it is {adj}"""
    ),
    "how": pool(
        """with care|without hurry|one by one|by hand|slowly|like {name}|with a {word}|as usual|
        in peace|if you like|if possible|the {adj} way|in {place} style|all at once"""
    ),
    "make": pool("make|prepare|cook|try|build|produce|recreate|get|enjoy|start|serve|do"),
    "day": pool("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|week|weekend|month|fall"),
    "month": pool("January|February|March|April|June|July|August|October|November|December"),
}
FRAME_SHARE = 0.55  # of the sentences of training texts; the others are shapes of ``prose_parts``
_SLOT = re.compile(r"\{(\w+)\}")
_OPEN = {"T", "L", "S"}


def compose(name: str, rng: random.Random) -> str:
    """Compose a sentence.

    Args:
        name: a key of ``FRAMES``.
        rng: the only source of chance.

    Returns:
        The sentence, its first letter as it happens to be, with ``{T}``, ``{L}``, ``{S}`` open.
    """
    text = rng.choice(FRAMES[name])
    while slot := next((m for m in _SLOT.finditer(text) if m[1] not in _OPEN), None):
        text = text[: slot.start()] + _fill(slot[1], rng) + text[slot.end() :]
    return text


def _fill(name: str, rng: random.Random) -> str:
    if name in ("word", "name"):
        kind = "proper" if name == "name" else rng.choice(("common", "common", "rare"))
        return rng.choice(word_list(kind))
    if name in SLOTS:
        return rng.choice(SLOTS[name])
    key = name if name in PARTS else name.removesuffix("_").lower()
    text = rng.choice(PARTS[key])
    if name in ("when", "why", "from") and text[0] != ",":
        return " " + text
    return text[:1].upper() + text[1:] if name[0].isupper() else text
