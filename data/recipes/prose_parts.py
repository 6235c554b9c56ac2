"""Sentence shapes of the prose writer.

Contract: every pool is split between training and evaluation by position. ``{T}`` is the title,
``{L}`` a list of ingredients, ``{S}`` a step with a small first letter; every other slot names an
entry of ``SLOTS``. No shape labels the title or the ingredients, and small talk never tells the
reader to do anything to the food.
"""

from __future__ import annotations

from functools import cache

HELD_OUT_EVERY = 6


def pool(text: str) -> tuple[str, ...]:
    """Split a ``|``-separated text into its stripped parts."""
    return tuple(part.strip() for part in text.replace("\n", " ").split("|"))


def split_pool(pool: tuple[str, ...], *, held_out: bool) -> tuple[str, ...]:
    """Return the part of a pool that training uses, or the disjoint part kept for evaluation.

    Args:
        pool: templates or values; every sixth one is kept for evaluation.
        held_out: which of the two parts to return.

    Returns:
        The entries at positions 5, 11, 17... when ``held_out``, the others otherwise.
    """
    last = HELD_OUT_EVERY - 1
    return tuple(item for n, item in enumerate(pool) if (n % HELD_OUT_EVERY == last) is held_out)


@cache
def shapes(name: str, held_out: bool) -> tuple[str, ...]:
    """Return the training or the held-out part of one of the pools below."""
    return split_pool(globals()[name], held_out=held_out)


# The title stands alone before the rest of the text; the shape is what separates the two.
TITLE_ALONE = (
    "{T}\n", "{T}\n\n", "{T} ", "{T}. ", "{T} - ", "{T}\n \n", "{T}\n", "{T}\n\n", "{T} ", "{T}: ",
    "{T}! ", "{T} – ", "{T}\n", "{T}...\n", "\"{T}\"\n", "{T}.\n", "** {T} **\n", "{T} — ",
)  # fmt: skip

# The title opens the first step.
TITLE_IN_STEP = pool(
    """For {T}, {S}|To make {T}, {S}|For the {T}, {S}|To prepare {T}, {S}|If you want {T}, {S}|
    When making {T}, {S}|For a good {T}, {S}|To make the {T}, first {S}|For my {T}, {S}|
    To get {T} on the table, {S}|For our {T}, {S}|To start the {T}, {S}"""
)
# The title opens the list of ingredients.
TITLE_IN_LIST = pool(
    """For {T} you need {L}.|To make {T}, you will need {L}.|{T} takes {L}.|{T} calls for {L}.|
    For {T}, gather {L}.|My {T} starts with {L}.|What goes into {T} is {L}.|
    {T} is made with {L}.|You can make {T} with {L}.|{T} needs {L}.|For the {T}, have ready {L}.|
    Into {T} go {L}."""
)
# The title has a sentence of its own: before, between or after the rest.
TITLE_OPENING = pool(
    """This is my recipe for {T}.|Here is how we make {T} at home.|I want to share {T} with you.|
    {T} is a favorite in our house.|We have been making {T} for years.|Today we are making {T}.|
    My {who} taught me to make {T}.|Let me tell you about {T}.|{T} always reminds me of {place}.|
    I have made {T} for {occasion} ever since I was {age}.|For {occasion}, everyone asks for {T}.|
    There is nothing like {T} for {occasion}.|The dish is called {T}.|
    People keep asking me for {T}.|I found {T} in an old notebook from {place}.|
    Nobody makes {T} like my {who}.|Have you ever tried {T}?|
    {T} is what my {who} cooks for {occasion}."""
)
TITLE_MIDDLE = pool(
    """That is the secret of {T}.|By now it begins to look like {T}.|
    {T} takes a little patience.|This is where {T} gets its flavor.|
    My {who} always sang while making {T}.|Real {T} is never rushed.|
    This part is what makes it {T}.|{T} is not as hard as it sounds.|
    At this point {T} smells like {place}.|I learned this part of {T} from my {who}.|
    Most people get {T} wrong right here.|It would not be {T} otherwise."""
)
TITLE_CLOSING = pool(
    """And that is how we make {T}.|That is all there is to {T}.|Now you have {T}.|
    And there you have it, {T}.|That is {T}.|This is what we call {T}.|I hope you like {T}.|
    We call this {T}.|The result is {T}.|And so you get {T}.|That is how my {who} made {T}.|
    Your guests will thank you for {T}."""
)
# The list of ingredients as one sentence, or as two or three.
LIST = pool(
    """You will need {L}.|You'll need {L}.|Gather {L}.|Get together {L}.|I use {L}.|It takes {L}.|
    Start with {L}.|You need {L}.|Set out {L}.|Take {L}.|It calls for {L}.|Have ready {L}.|
    Get out {L}.|I always have {L} on hand.|What goes in: {L}.|Begin with {L}.|Buy {L}.|
    The recipe calls for {L}.|It is made with {L}.|All you need is {L}.|Bring home {L}.|
    Collect {L}.|{L} are all you need.|You are going to need {L}.|Measure out {L}.|
    To begin, you need {L}.|First, gather {L}.|On the counter you want {L}.|We used {L}.|
    My {who} used {L}."""
)
LIST_NEXT = pool(
    """You will also need {L}.|You also need {L}.|Add to that {L}.|Then there is {L}.|
    Also get {L}.|Besides that, {L}.|Next come {L}.|You'll want {L} too.|Also {L}.|
    To these add {L}.|On top of that, you need {L}.|I also use {L}."""
)
LIST_LAST = pool(
    """Finally, have {L}.|Last of all, you need {L}.|Don't forget {L}.|And lastly {L}.|
    To finish you need {L}.|To round it off, {L}.|And of course {L}.|The last things are {L}.|
    For the end, keep {L}.|That leaves {L}.|Finish the shopping with {L}.|And finally {L}."""
)
# Connectives before a step.
FIRST = pool(
    """First, {S}|To start, {S}|Begin like this: {S}|To begin, {S}|First of all, {S}|
    Start this way: {S}|The first step: {S}|First you {S}|Before anything else, {S}|Now, {S}|
    So, {S}|First off, {S}"""
)
THEN = pool(
    """Then {S}|Next, {S}|After that, {S}|Now {S}|Then, {S}|Once that is done, {S}|Next {S}|
    When that is done, {S}|Following that, {S}|Afterwards, {S}|After this, {S}|And then {S}|
    You then {S}|With that done, {S}|Meanwhile, {S}|At this point, {S}|Now you {S}|
    In the meantime, {S}|Then you {S}|From there, {S}|When ready, {S}|Soon after, {S}|
    Next you {S}|Then go ahead and {S}"""
)
LAST = pool(
    """Finally, {S}|Last, {S}|At the end, {S}|To finish, {S}|Lastly, {S}|In the end, {S}|
    Finally {S}|As a last step, {S}|Last of all, {S}|When everything is done, {S}|
    To finish up, {S}|The last step: {S}"""
)
# Small talk, which belongs to no field.
OPENERS = pool(
    """This is a {adj} dish that everyone likes.|My {who} made this for {occasion}.|
    It is {adj} and does not cost much.|I have loved this since I was {age}.|
    We had this in {place} last year.|It is perfect for {occasion}.|This one is a keeper.|
    Hello from {place}!|My {who} gave me this many years ago.|
    I hope you enjoy it as much as we do.|It feeds {number} hungry people.|
    The kids ask for it all the time.|This has been in our family forever.|
    You asked me for this, so here it is.|It is the {adj} kind of cooking I grew up with.|
    Nothing could be simpler.|I am no great cook, but this works.|It never fails."""
)
BETWEEN = pool(
    """It smells wonderful.|This part is easy.|Do not worry if it looks strange.|
    That is the hard part.|My {who} likes this part best.|
    It takes some time, but it is worth it.|The kids can help here.|It should look {adj} by now.|
    This never fails.|I usually have a cup of coffee here.|You will see why in a moment.|
    The house smells like {place} by now."""
)
CLOSERS = pool(
    """It is delicious.|Everyone loves it.|Enjoy!|It keeps for days.|
    My family can't get enough of it.|This is always a hit for {occasion}.|
    It tastes even better the next day.|I hope you like it.|It is gone in no time.|
    I make it about {number} times a year.|Very good!|It is so {adj}.|Good luck!|
    My {who} would be proud.|You will not regret it.|It goes well with anything.|That's it!|
    There are never any leftovers."""
)
SLOTS = {
    "who": pool(
        """grandmother|aunt|mother|neighbor|uncle|sister|friend|cousin|father|mother-in-law|
        roommate|brother|grandfather|great-aunt"""
    ),
    "adj": pool(
        """delicious|simple|quick|creamy|wonderful|rich|light|tasty|cheap|hearty|easy|good|fancy|
        spicy"""
    ),
    "occasion": pool(
        """Christmas|Thanksgiving|Sunday|birthdays|the church potluck|Easter|the fair|picnics|
        weddings|Friday nights"""
    ),
    "place": pool(
        """Texas|Italy|our village|Georgia|the mountains|Mexico|Iowa|France|Greece|Louisiana"""
    ),
    "age": pool("""five|six|seven|nine|ten|twelve|a child|a student|twenty|little"""),
    "number": pool("""4|6|8|ten|twelve|a dozen|five|seven|20|three|8 to 10|4 to 6|15|nine"""),
}

JOINERS = (" and ", ", and ", " and ", ", plus ", " plus ", ", along with ", ", and ", " and ",
           " & ", ", and also ", "; and ", ", as well as ")  # fmt: skip

MERGERS = (", then ", ", and ", "; ", " and ", ", ", ", and then ", " and then ", "; then ",
           ", then ", "; ", ", and ", "; next ")  # fmt: skip
