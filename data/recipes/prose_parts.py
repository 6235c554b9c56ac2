"""Sentence shapes of the prose writer.

Contract: plain tuples, split between training and evaluation by position (every sixth shape is
only ever used for evaluation). ``{T}`` is the title, ``{L}`` a list of ingredients, ``{S}`` a step
with a small first letter; every other slot names an entry of ``SLOTS``. No shape labels the title
or the ingredients, and a chatter sentence never tells the reader to do anything to the food.
"""

from __future__ import annotations

from setaccio.data.recipes.vocabulary import pool

# The title stands alone before the rest of the text; the shape is what separates the two.
TITLE_ALONE = (
    "{T}\n", "{T}\n\n", "{T} ", "{T}. ", "{T} - ", "{T}\n \n", "{T}\n", "{T}\n\n", "{T} ", "{T}: ",
    "{T}! ", "{T} – ", "{T}\n", "{T}\n\n", "{T} -- ", "\n{T}\n", "{T} ", "{T}...\n",
    "{T}\n", "\"{T}\"\n", "{T}.\n", "** {T} **\n", "{T} — ", "{T} ---\n",
)  # fmt: skip

# The title opens the first step.
TITLE_IN_STEP = pool(
    """For {T}, {S}|To make {T}, {S}|For the {T}, {S}|To prepare {T}, {S}|If you want {T}, {S}|
    When making {T}, {S}|For a good {T}, {S}|To make the {T}, first {S}|For my {T}, {S}|
    To get {T} on the table, {S}|For our {T}, {S}|To start the {T}, {S}|To cook {T}, {S}|
    To put together {T}, {S}|For {T}, first {S}|When you make {T}, {S}|For homemade {T}, {S}|
    To fix {T}, {S}|{T} is easy: {S}|{T} goes like this: {S}|Here is how to make {T}: {S}|
    For {T}, begin this way: {S}|Making {T}? First {S}|To whip up {T}, {S}|
    If {T} is on the menu, {S}|Anyone who wants {T} should {S}|For {T} you {S}|
    To bring {T} to life, {S}|Whenever we have {T}, we {S}|To serve {T}, you {S}"""
)

# The title opens the list of ingredients.
TITLE_IN_LIST = pool(
    """For {T} you need {L}.|To make {T}, you will need {L}.|{T} takes {L}.|{T} calls for {L}.|
    For {T}, gather {L}.|My {T} starts with {L}.|What goes into {T} is {L}.|
    {T} is made with {L}.|You can make {T} with {L}.|{T} needs {L}.|
    For the {T}, have ready {L}.|Into {T} go {L}.|{T} is made from {L}.|
    All it takes for {T} is {L}.|For {T}, I use {L}.|{T} requires {L}.|
    To prepare {T}, get {L}.|In {T} you will find {L}.|{T} can be put together from {L}.|
    Our {T} uses {L}.|For {T}, set out {L}.|To cook {T}, buy {L}.|For good {T} you want {L}.|
    We make {T} out of {L}.|{T} consists of {L}.|The things that make {T} are {L}.|
    If you have {L}, you can make {T}.|With {L} you can make {T}.|Take {L} and you have {T}.|
    The shopping for {T} comes to {L}."""
)

# The title has a sentence of its own, before, between or after the rest.
TITLE_OPENING = pool(
    """This is my recipe for {T}.|Here is how we make {T} at home.|I want to share {T} with you.|
    {T} is a favorite in our house.|We have been making {T} for years.|
    Today we are making {T}.|My {who} taught me to make {T}.|Let me tell you about {T}.|
    {T} always reminds me of {place}.|
    I have made {T} for {occasion} ever since I was {age}.|
    For {occasion}, everyone asks for {T}.|There is nothing like {T} for {occasion}.|
    The dish is called {T}.|People keep asking me for {T}.|
    I found {T} in an old notebook from {place}.|Nobody makes {T} like my {who}.|
    Have you ever tried {T}?|{T} is what my {who} cooks for {occasion}.|
    You asked for {T}, so here it is.|This one is known as {T}.|{T} comes from {place}.|
    I learned {T} in {place}.|My {who} called this {T}.|
    In our family it goes by the name of {T}.|Tonight it is {T}.|
    A neighbor gave me {T} {number} years ago.|The whole family loves {T}.|
    {T} never lasts long here.|If you like {adj} food, you will like {T}.|
    I am writing down {T} before I forget it.|Some days only {T} will do.|
    {T} is {adj} and costs very little.|We call it {T}.|For {occasion} my {who} brings {T}.|
    Do you remember {T} from {place}?|It is time for {T}.|
    {T} was served for {occasion} when I was young.|My {who} wrote to me about {T}.|
    Here comes {T}, a {adj} one.|I promised you {T}.|What we ate in {place} was {T}.|
    This makes {T} the way my {who} did.|One of my favorites is {T}.|{T} is worth the wait."""
)
TITLE_MIDDLE = pool(
    """That is the secret of {T}.|By now it begins to look like {T}.|
    {T} takes a little patience.|This is where {T} gets its flavor.|
    My {who} always sang while making {T}.|Real {T} is never rushed.|
    This part is what makes it {T}.|{T} is not as hard as it sounds.|
    At this point {T} smells like {place}.|I learned this part of {T} from my {who}.|
    Most people get {T} wrong right here.|It would not be {T} otherwise.|{T} depends on this.|
    There are many kinds of {T}, but this is ours.|Did I say this was {T}?|
    Without this it would hardly be {T}.|You can tell it is {T} by the smell.|
    Halfway there, {T} already looks {adj}."""
)
TITLE_CLOSING = pool(
    """And that is how we make {T}.|That is all there is to {T}.|Now you have {T}.|
    And there you have it, {T}.|That is {T}.|This is what we call {T}.|I hope you like {T}.|
    We call this {T}.|The result is {T}.|And so you get {T}.|That is how my {who} made {T}.|
    Your guests will thank you for {T}.|The name of the dish is {T}.|There you go: {T}.|
    My {who} calls it {T}.|You have just made {T}.|It is known around here as {T}.|
    That, my friends, is {T}.|In {place} they call it {T}.|What you get is {T}.|
    So that was {T}.|Nothing beats {T} for {occasion}.|Around {place} this is {T}.|
    And with that, {T} is ready.|We have {T} for {occasion}.|Everyone will want more {T}.|
    Let me know how you like {T}.|Now you know how {T} is made.|
    The family name for it is {T}.|This, in short, is {T}."""
)

LIST = pool(
    """You will need {L}.|You'll need {L}.|Gather {L}.|Get together {L}.|I use {L}.|
    It takes {L}.|Start with {L}.|You need {L}.|Set out {L}.|Take {L}.|It calls for {L}.|
    Have ready {L}.|Get out {L}.|I always have {L} on hand.|What goes in: {L}.|
    Begin with {L}.|Buy {L}.|The recipe calls for {L}.|It is made with {L}.|
    All you need is {L}.|Bring home {L}.|Collect {L}.|{L} are all you need.|
    You are going to need {L}.|Measure out {L}.|To begin, you need {L}.|First, gather {L}.|
    On the counter you want {L}.|We used {L}.|My {who} used {L}.|Go and get {L}.|
    Before you start, set out {L}.|Make sure you have {L}.|I like to use {L}.|
    The list is short: {L}.|From the store you want {L}.|It uses {L}.|For this, you need {L}.|
    You should have {L}.|Check that you have {L}.|Here is what goes in: {L}.|
    What you want is {L}.|Into it go {L}.|We start out with {L}.|Find {L}.|Lay out {L}.|
    Assemble {L}.|It only takes {L}.|Pick up {L}.|Put {L} on the table before you begin.|
    The shopping list reads {L}.|You want {L}.|This takes {L}.|That means {L}.|
    In the kitchen I line up {L}.|One batch needs {L}.|I bought {L}.|{L} will do.|
    For one batch, count on {L}.|It requires {L}.|Simply get {L}.|Keep {L} within reach.|
    Everything it needs: {L}.|Look in the pantry for {L}.|Our version has {L} in it."""
)
LIST_NEXT = pool(
    """You will also need {L}.|You also need {L}.|Add to that {L}.|Then there is {L}.|
    Also get {L}.|Besides that, {L}.|Next come {L}.|You'll want {L} too.|Also {L}.|
    To these add {L}.|On top of that, you need {L}.|I also use {L}.|It also takes {L}.|
    Along with that goes {L}.|Then you need {L}.|Have {L} ready as well.|
    Beyond that, it takes {L}.|There should also be {L}.|In addition, have {L}.|And then {L}.|
    We also want {L}.|Also set out {L}.|Keep {L} nearby as well.|Not to forget {L}.|Plus {L}.|
    It calls for {L} too.|Furthermore, {L}.|Moreover, get {L}.|Another thing you need is {L}.|
    Apart from that, you need {L}.|The same goes for {L}."""
)
LIST_LAST = pool(
    """Finally, have {L}.|Last of all, you need {L}.|Don't forget {L}.|And lastly {L}.|
    To finish you need {L}.|To round it off, {L}.|And of course {L}.|The last things are {L}.|
    For the end, keep {L}.|That leaves {L}.|Finish the shopping with {L}.|And finally {L}.|
    The rest is {L}.|Also have {L} for later.|And do remember {L}.|Last comes {L}.|
    Then only {L} is missing.|At the end you will want {L}.|For the finish, buy {L}.|
    All that remains is {L}.|And one more thing, {L}.|Keep {L} for the end.|
    It is completed by {L}.|Lastly, get {L}."""
)

FIRST = pool(
    """First, {S}|To start, {S}|Begin like this: {S}|To begin, {S}|First of all, {S}|
    Start this way: {S}|The first step: {S}|First you {S}|Before anything else, {S}|Now, {S}|
    So, {S}|First off, {S}|To begin with, {S}|First thing, {S}|Right, {S}|You first {S}|
    Start out simply: {S}|To get going, {S}|At the start, {S}|We first {S}|Okay, {S}|
    For a start, {S}|1. {S}|The first thing to do: {S}|Initially, {S}|To get started, {S}|
    As a first step, {S}|In the beginning, {S}|Step one: {S}|Firstly, {S}"""
)
THEN = pool(
    """Then {S}|Next, {S}|After that, {S}|Now {S}|Then, {S}|Once that is done, {S}|Next {S}|
    When that is done, {S}|Following that, {S}|Afterwards, {S}|After this, {S}|And then {S}|
    You then {S}|With that done, {S}|Meanwhile, {S}|At this point, {S}|Now you {S}|
    In the meantime, {S}|Then you {S}|From there, {S}|When ready, {S}|Soon after, {S}|
    Next you {S}|Then go ahead and {S}|Next up, {S}|Once finished, {S}|Now it is time to {S}|
    Subsequently, {S}|The next step: {S}|Then just {S}|After doing so, {S}|Now just {S}|
    Then I {S}|That done, {S}|Once you have done that, {S}|At that point, {S}|Then simply {S}|
    Thereafter, {S}|As soon as that is done, {S}|Then we {S}|Straight after, {S}|
    Okay, now {S}|Well then, {S}|When you are done with that, {S}|Then be sure to {S}|
    So now {S}|With this ready, {S}|And next, {S}|Having done that, {S}|
    Then it is time to {S}|And now {S}|Later, {S}|Shortly after, {S}|This done, {S}|
    Now we {S}|A moment later, {S}|Then don't forget to {S}|Next, you {S}|After which, {S}|
    In the next step, {S}|Moving on, {S}|Now go on and {S}|Once this is ready, {S}|
    When you have that, {S}|Next, just {S}|After that you {S}|Next in line, {S}|Only then {S}"""
)
LAST = pool(
    """Finally, {S}|Last, {S}|At the end, {S}|To finish, {S}|Lastly, {S}|In the end, {S}|
    Finally {S}|As a last step, {S}|Last of all, {S}|When everything is done, {S}|
    To finish up, {S}|The last step: {S}|And finally, {S}|Then, at last, {S}|
    All that is left: {S}|To end, {S}|And last of all, {S}|For the finish, {S}|At last, {S}|
    To conclude, {S}|Right at the end, {S}|And lastly, {S}|To wrap up, {S}|
    Now all you do is {S}|In a final step, {S}|You finally {S}|Ultimately, {S}|
    When all that is done, {S}|And to finish, {S}|By way of ending, {S}"""
)
# These take a bare verb: the step must begin with one.
NEEDS_VERB = (
    " you {S}",
    " we {S}",
    " I {S}",
    " to {S}",
    "should {S}",
    " and {S}",
    "is {S}",
    "You {S}",
    "You then {S}",
    "You first {S}",
    "We first {S}",
    "You finally {S}",
)

OPENERS = pool(
    """This is a {adj} dish that everyone likes.|My {who} made this for {occasion}.|
    It is {adj} and does not cost much.|I have loved this since I was {age}.|
    We had this in {place} last year.|It is perfect for {occasion}.|This one is a keeper.|
    Hello from {place}!|My {who} gave me this many years ago.|
    I hope you enjoy it as much as we do.|It feeds {number} hungry people.|
    The kids ask for it all the time.|This has been in our family forever.|
    You asked me for this, so here it is.|It is the {adj} kind of cooking I grew up with.|
    Nothing could be simpler.|I am no great cook, but this works.|It never fails.|
    I first ate this at a church supper in {place}.|This is what I make when time is short.|
    My {who} swears by it.|There are fancier ways, but this is mine.|
    It looks like a lot of work, but it is not.|I got this from a {who} in {place}.|
    There is nothing to it.|It was {adj}, as always.|It tastes even better the next day.|
    Everyone who visits wants to know how it is done.|Thanks again for the lovely visit.|
    It rained all day, so we cooked.|Sorry it took me so long to write.|
    My {who} from {place} would be proud.|You can do this in {number} minutes.|
    What a {adj} supper it was!|As promised, here is what you asked for.|
    Whoever invented this was a genius.|We were {number} at the table last night.|
    No one believes how easy this is.|I must have cooked this {number} times.|
    There was never any left over after {occasion}."""
)
BETWEEN = pool(
    """It smells wonderful.|This part is easy.|Do not worry if it looks strange.|
    That is the hard part.|My {who} likes this part best.|
    It takes some time, but it is worth it.|The kids can help here.|
    It should look {adj} by now.|This never fails.|I usually have a cup of coffee here.|
    You will see why in a moment.|The house smells like {place} by now.|
    My {who} always gets impatient here.|Patience pays off.|It is {adj} already.|
    There is no need to hurry.|This is where the magic happens.|
    It may seem too much, but it is not.|I learned that from my {who}.|
    Some people skip this, but I never do.|So far so good.|
    The dog will be very interested by now.|It reminds me of {occasion}.|
    No special tools are needed.|Nobody will notice if it is not perfect.|
    That is nearly everything.|The radio is on by then.|It is all quite {adj}.|
    My {who} would laugh at me for this.|That took me years to learn."""
)
CLOSERS = pool(
    """It is delicious.|Everyone loves it.|Enjoy!|It keeps for days.|
    My family can't get enough of it.|This is always a hit for {occasion}.|
    It tastes even better the next day.|I hope you like it.|It is gone in no time.|
    I make it about {number} times a year.|Very good!|It is so {adj}.|Good luck!|
    My {who} would be proud.|You will not regret it.|It goes well with anything.|That's it!|
    There are never any leftovers.|It is a real {adj} treat.|Nothing could be better.|
    Love from all of us in {place}.|Let me know how it turns out.|This was a favorite of my {who}.|
    It is great for {occasion}.|We had it again for {occasion}.|Even my {who} liked it.|
    Simple and {adj}.|Yum!|My {who} agrees.|This is {adj} every single time.|
    Best wishes to all of you.|It is even good cold.|People in {place} love it.|
    Give my love to your {who}.|It makes a {adj} gift.|I could eat it every day.|
    Nothing is easier.|This makes plenty.|It is hard to stop at one helping.|
    Tell me about {occasion}!"""
)

SLOTS = {
    "who": pool(
        """grandmother|aunt|mother|neighbor|uncle|sister|friend|cousin|father|mother-in-law|
        roommate|brother|grandfather|great-aunt|wife|husband|teacher|boss|daughter|son|
        godmother|landlady"""
    ),
    "adj": pool(
        """delicious|simple|quick|creamy|wonderful|rich|light|tasty|cheap|hearty|easy|good|fancy|
        spicy|comforting|sweet|colorful|crunchy|lovely|plain|festive|old-fashioned|warming|
        fresh"""
    ),
    "occasion": pool(
        """Christmas|Thanksgiving|Sunday|birthdays|the church potluck|Easter|the fair|picnics|
        weddings|Friday nights|the family reunion|summer evenings|game day|New Year|
        the harvest|cold days"""
    ),
    "place": pool(
        """Texas|Italy|our village|Georgia|the mountains|Mexico|Iowa|France|Greece|Louisiana|
        the old country|Kentucky|Boston|Bavaria|Cornwall|Ohio|Sicily|the Midwest|Provence|
        Scotland"""
    ),
    "age": pool("five|six|seven|nine|ten|twelve|a child|a student|twenty|little"),
    "number": pool("4|6|8|ten|twelve|a dozen|five|seven|20|three|8 to 10|4 to 6|15|nine"),
}

JOINERS = (" and ", ", and ", " and ", ", plus ", " plus ", ", along with ", ", and ", " and ",
           " & ", ", and also ", "; and ", ", as well as ")  # fmt: skip

MERGERS = (", then ", ", and ", "; ", " and ", ", ", ", and then ", " and then ", "; then ",
           ", then ", "; ", ", and ", "; next ")  # fmt: skip
