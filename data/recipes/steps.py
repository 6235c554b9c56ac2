"""Step patterns of the recipe grammar, by phase of the method.

Contract: in a pattern ``{list}`` stands for the foods that the step takes; every other ``{slot}``
names an entry of ``FILL``, whose entries may hold slots themselves.
"""

from __future__ import annotations

from setaccio.data.recipes.vocabulary import pool

FILL: dict[str, tuple[str, ...]] = {
    "bowl": pool(
        """a large bowl|a bowl|a mixing bowl|a medium bowl|a small bowl|a deep bowl|
        a large mixing bowl|a glass bowl|the bowl of a mixer|another bowl|a separate bowl|
        a big bowl|a punch bowl|a crock"""
    ),
    "pot": pool(
        """a large pot|a saucepan|a Dutch oven|a heavy pot|a stockpot|a medium saucepan|
        a large saucepan|a kettle|the pot|a double boiler|a deep pot|a 4-quart pot|a soup pot|
        a small saucepan"""
    ),
    "skillet": pool(
        """a skillet|a large skillet|a frying pan|a heavy skillet|a nonstick pan|a wok|
        an iron skillet|a hot pan|a deep skillet|the skillet|an electric skillet|a sauté pan|
        a 12-inch skillet"""
    ),
    "dish": pool(
        """a greased 9 x 13-inch pan|a casserole dish|a 2-quart baking dish|a loaf pan|
        the prepared pan|a buttered casserole|a 9-inch pie plate|a baking dish|
        two round cake pans|an 8-inch square pan|a tube pan|a shallow baking dish|a 9x13 pan|
        muffin tins|a greased dish|a Bundt pan|an oblong pan|a roasting pan|a Pyrex dish|
        a jelly roll pan|a springform pan"""
    ),
    "sheet": pool(
        """a greased cookie sheet|a baking sheet|an ungreased cookie sheet|waxed paper|
        a lined tray|parchment paper|a cookie sheet|a buttered baking sheet|a baking tray"""
    ),
    "temp": pool(
        """350°|375°F|325°|400°|425°F|350°F|350 degrees|180°C|300°|450°|375 degrees|200°C|275°|
        350 degrees F|160 °C|400 F|325°F|220°C|190 C"""
    ),
    "mins": pool(
        """30 minutes|10 minutes|45 minutes|20 minutes|15 minutes|25 to 30 minutes|1 hour|
        12 minutes|40 min.|2 hours|1 1/2 hours|50 minutes|35 minutes|20-25 min|
        about 20 minutes|1 hour and 15 minutes|90 minutes|about half an hour|
        18 to 20 minutes|an hour or so|55 to 60 minutes|half an hour"""
    ),
    "brief": pool(
        """5 minutes|3 to 4 minutes|a few minutes|6 minutes|2-3 minutes|about 10 minutes|
        1 minute|a minute or two|2 min.|8-10 minutes|4 minutes|about 5 minutes"""
    ),
    "hours": pool(
        """2 hours|overnight|at least 4 hours|several hours|an hour|3 hours|24 hours|
        at least 1 hour|until firm|until ready to serve|1 to 2 hours|6 hours or overnight|
        30 minutes|for a day"""
    ),
    "done": pool(
        """golden brown|done|set|bubbly|lightly browned|a toothpick comes out clean|tender|firm|
        the edges are brown|the top springs back|hot and bubbly|crisp|cooked through|browned|
        the juices run clear|a knife comes out clean|puffed and golden|the cheese melts|
        nicely browned|just set in the middle"""
    ),
    "soft": pool(
        """tender|soft|translucent|lightly browned|golden|fragrant|wilted|no longer pink|brown|
        limp|just tender|crisp-tender|fork-tender|caramelized|sizzling|cooked through"""
    ),
    "smooth": pool(
        """smooth|well blended|light and fluffy|combined|well mixed|creamy|thick|foamy|
        evenly coated|just moistened|no lumps remain|stiff|crumbly|thoroughly mixed|
        the dough holds together|the sugar dissolves|frothy|incorporated|soft peaks form"""
    ),
    "heat": pool(
        """medium heat|low heat|medium-high heat|high heat|a gentle flame|a low flame|
        moderate heat|medium-low heat|very low heat|a hot fire"""
    ),
    "low": pool("low heat|a low flame|medium-low heat|very low heat|gentle heat|a small flame"),
    "how": pool(
        "well|thoroughly|gently|until {smooth}|with a wooden spoon|by hand|for {brief}|slowly"
    ),
    "mixture": pool("the mixture|the batter|it all|everything|the whole mixture|this mixture|it"),
    "size": pool(
        """1-inch|small|bite-size|walnut-sized|2-inch|large|thin|even|half-inch|1/2-inch|
        1/4-inch|golf ball-sized|equal|3-inch"""
    ),
    "number": pool("2|3|4|6|8|10|12|two|four|six|eight|sixteen|20|24"),
}

PHASES: dict[str, tuple[str, ...]] = {
    "combine": pool(
        """Combine {list} in {bowl}.|Mix {list} {how}.|In {bowl}, mix {list}.|
        Cream together {list}.|Beat {list} until {smooth}.|Stir together {list}.|
        Whisk {list} in {bowl} until {smooth}.|In {bowl}, combine {list} and mix {how}.|
        Blend {list} {how}.|Sift together {list}.|Place {list} in {bowl} and stir {how}.|
        Put {list} into {bowl} and mix until {smooth}.|
        Using an electric mixer, beat {list} for {brief}.|Toss {list} together in {bowl}.|
        Mix together {list}.|Combine {list} and set aside.|With a fork, work together {list}.|
        Take {bowl} and stir together {list}.|Measure {list} into {bowl} and beat {how}.|
        In {bowl}, whisk together {list} until {smooth}.|Rub together {list} until {smooth}.|
        Beat together {list} at medium speed until {smooth}.|Work {list} into a paste.|
        Mix {list} in a blender for {brief}.|
        Throw {list} into {bowl} and give everything a good stir.|Make a paste of {list}.|
        Cut together {list} with a pastry blender until {smooth}.|
        Dump {list} into {bowl}; stir {how}.|Mash together {list}.|
        Whip {list} until {smooth}.|Stir {list} until {smooth}, then set aside.|
        Bring together {list} in {bowl} with your hands."""
    ),
    "add": pool(
        """Add {list} and mix {how}.|Stir in {list}.|Fold in {list} {how}.|Add {list}.|
        Blend in {list}.|Beat in {list}.|Mix in {list} until {smooth}.|
        Gradually add {list}, stirring all the time.|Add {list} and stir {how}.|
        Pour in {list} and mix {how}.|Work in {list} a little at a time.|
        Gently fold in {list}.|Add {list}, beating after each addition.|
        Slowly stir in {list}.|Drop in {list} and stir.|Toss in {list}.|
        Add {list} to {mixture} and blend {how}.|Stir {list} into {mixture}.|
        Fold {list} into {mixture}.|Beat {list} into {mixture}.|
        Carefully add {list} and cook for {brief}.|Put in {list} and heat through.|
        Add {list} all at once and stir until {smooth}.|Incorporate {list} one at a time.|
        Return to the heat and add {list}.|Lower the heat, then add {list}.|Tip in {list}.|
        Whisk in {list}.|Remove from heat and stir in {list}.|
        Mix {list} into {mixture} {how}.|Alternately add {list}, ending with the dry part.|
        Scatter in {list}, then stir {how}."""
    ),
    "saute": pool(
        """Sauté {list} in {skillet} until {soft}.|Brown {list} in {skillet}.|
        Cook {list} over {heat} until {soft}.|Fry {list} for {brief}.|
        In {skillet}, cook {list} until {soft}.|Heat {list} in {skillet}.|
        Saute {list} over {heat} for {brief}.|
        Cook {list} in {skillet} for {brief}, stirring often.|
        Brown {list} over {heat}; drain off the fat.|
        In {skillet}, fry {list} over {heat} until {soft}.|
        Place {list} in {skillet} and cook over {heat} until {soft}.|
        Sear {list} on both sides.|Soften {list} over {heat} for {brief}.|
        Stir-fry {list} until {soft}.|Brown {list} on all sides.|
        Fry {list} gently until {soft}.|Put {list} in {skillet} and brown {how}.|
        Sweat {list} over {heat}.|Warm {skillet} over {heat} and cook {list} until {soft}.|
        Cook {list} quickly over {heat}.|Let {list} sizzle in {skillet} for {brief}.|
        Toast {list} lightly in {skillet}.|
        Over {heat}, cook {list} until {soft}, about {brief}.|Crisp {list} in {skillet}."""
    ),
    "boil": pool(
        """Boil {list} for {mins}.|Bring {list} to a boil in {pot}.|
        Cook {list} until {soft}; drain.|In {pot}, bring {list} to a boil.|
        Simmer {list} in {pot} for {mins}.|Heat {list} in {pot} until hot.|
        Combine {list} in {pot} and bring to a boil.|
        Place {list} in {pot} and cook over {heat}.|Put {list} in {pot} and boil for {mins}.|
        Cook {list} according to package directions and drain.|
        Melt {list} over {heat}, stirring constantly.|Melt {list} in {pot}.|
        Pour {list} into {pot} and heat.|In {pot}, heat {list} until almost boiling.|
        Boil {list} until {soft}, then drain.|
        Stir {list} together in {pot} over {heat} until {smooth}.|
        Warm {list} slowly in {pot}.|
        Bring {list} to a rolling boil and cook for {brief}, stirring constantly.|
        Set {list} on the stove over {heat} for {mins}.|
        Cover {list} with water and cook until {soft}.|
        Parboil {list} for {brief} and drain well.|Scald {list} in {pot}.|
        Let {list} bubble in {pot} for {mins}.|Steam {list} until {soft}."""
    ),
    "toss": pool(
        """Toss {list} in {bowl}.|Combine {list} in {bowl} and toss lightly.|
        Place {list} in {bowl}.|Mix {list} lightly.|Layer {list} in {bowl}.|
        In {bowl}, toss together {list}.|Put {list} in {bowl} and toss {how}.|
        Arrange {list} on a platter.|Tear up and toss {list}.|
        Gently toss {list} with two forks.|Pile {list} into {bowl}.|
        Toss together {list} just before serving.|Lay out {list} on a serving plate.|
        Tumble {list} together in {bowl}."""
    ),
    "dress": pool(
        """Pour {list} over the top and toss.|Toss with {list}.|Drizzle with {list}.|
        Add {list} and toss lightly.|Spoon {list} over all.|Dress with {list} and mix {how}.|
        Sprinkle {list} over the bowl.|Stir {list} through the salad.|Moisten with {list}.|
        Shake {list} in a jar and pour over the bowl.|Coat lightly with {list}.|
        Splash {list} over everything and toss once more."""
    ),
    "season": pool(
        """Season with {list}.|Sprinkle with {list}.|Add {list} to taste.|
        Rub all over with {list}.|Stir in {list} and taste.|Season to taste with {list}.|
        Dust with {list}.|Finish with {list}.|Sprinkle {list} over everything.|
        Adjust the seasoning with {list}.|Brush with {list}.|Spice it up with {list}.|
        Flavor with {list}.|Work {list} into the surface with your fingers."""
    ),
    "layer": pool(
        """Layer {list} in {dish}.|Spread {list} in the bottom of {dish}.|
        Arrange {list} in {dish}.|Place {list} in layers in {dish}.|Line {dish} with {list}.|
        Cover with {list}.|Spread {list} evenly over the first layer.|
        Alternate layers of {list} in {dish}.|Press {list} into the bottom of {dish}.|
        Spoon {list} over the base.|Put down a layer of {list}.|
        Build up layers of {list} in {dish}, ending where you started."""
    ),
    "top": pool(
        """Top with {list}.|Sprinkle {list} on top.|Sprinkle with {list}.|
        Spread {list} over the top.|Garnish with {list}.|Cover the top with {list}.|
        Scatter {list} over all.|Dot with {list}.|Place {list} on top.|
        Spoon {list} over the top.|Decorate with {list}.|Finish the top with {list}.|
        Spread evenly with {list}.|Crown with {list} before serving.|
        Shower {list} over the surface."""
    ),
    "prep": pool(
        """Peel and slice {list}.|Chop {list} finely.|Wash {list} and pat dry.|
        Cut {list} into {size} pieces.|Dice {list} and set aside.|Slice {list} thinly.|
        Trim {list} and cut into {size} strips.|Cut up {list}.|
        Rinse {list} under cold water and drain.|Coarsely chop {list}.|
        Prepare {list} by cutting into {size} chunks.|Cube {list}.|Grate {list} into {bowl}.|
        Soak {list} in cold water for {mins}.|Shred {list} with a sharp knife.|
        Core and quarter {list}."""
    ),
    "arrange": pool(
        """Place {list} in {dish}.|Arrange {list} in {dish}.|Pack {list} into sterilized jars.|
        Lay {list} in {dish}.|Put {list} in {dish} and cover with foil.|Set {list} in {dish}.|
        Line up {list} in {dish}.|Coat {list} on both sides and place in {dish}.|
        Tuck {list} around the sides of {dish}.|Thread {list} onto skewers.|
        Dip in {list} and lay in {dish}.|Spread out {list} in {dish} in a single layer."""
    ),
    "blend": pool(
        """Blend {list} until {smooth}.|Mix {list} in {bowl}.|
        Put {list} in a blender and whirl for {brief}.|Stir {list} together in a pitcher.|
        Combine {list} and chill.|Pour {list} into a large pitcher.|Shake {list} in a jar.|
        Place {list} in a blender and blend {how}.|Mix together {list} and stir {how}.|
        Process {list} until {smooth}.|Whirl {list} on high speed until {smooth}.|
        Heat {list} slowly, but do not boil."""
    ),
    "preheat": pool(
        """Preheat oven to {temp}.|Preheat the oven to {temp}.|Heat oven to {temp}.|
        Turn the oven on to {temp}.|Set the oven at {temp}.|
        Preheat oven to {temp} and grease {dish}.|
        Heat the oven to {temp} and line {dish} with foil.|Warm the oven to {temp}.|
        Bring the oven up to {temp}.|Light the oven and set it to {temp}.|
        Have the oven heated to {temp}.|Start the oven at {temp} while you work."""
    ),
    "grease": pool(
        """Grease {dish}.|Butter {dish} well.|Grease and flour {dish}.|
        Line {dish} with parchment paper.|Spray {dish} lightly.|Oil {dish} and set aside.|
        Lightly grease {dish}.|Rub {dish} with a buttered cloth.|
        Get out {dish} and grease it well."""
    ),
    "pour": pool(
        """Pour into {dish}.|Spread in {dish}.|Pour {mixture} into {dish}.|Turn into {dish}.|
        Spoon into {dish}.|Put {mixture} in {dish}.|Press {mixture} into {dish}.|
        Transfer {mixture} to {dish}.|Scrape {mixture} into {dish} and smooth the top.|
        Pour over all.|Fill {dish} about two-thirds full.|
        Divide {mixture} between {dish} and a small extra pan.|Ladle {mixture} into {dish}.|
        Tip {mixture} out into {dish} and level it off.|Spread {mixture} evenly in {dish}."""
    ),
    "bake": pool(
        """Bake at {temp} for {mins}.|Bake for {mins} at {temp}.|Bake {mins} or until {done}.|
        Bake in a {temp} oven for {mins}.|Bake, uncovered, at {temp} for {mins}.|
        Bake until {done}.|Bake at {temp} until {done}, about {mins}.|
        Cover and bake at {temp} for {mins}.|Cook in the oven at {temp} for {mins}.|
        Bake at {temp} for {mins} or until {done}.|
        Place in a {temp} oven and bake until {done}.|
        Roast at {temp} for {mins}, basting twice.|Bake {mins}.|Put in the oven for {mins}.|
        Slide into the oven and bake for {mins}.|Broil until {done}.|
        Bake for {mins}, turning the pan once.|Leave in the oven at {temp} until {done}.|
        Let it bake at {temp} for {mins}.|Remove the cover and bake another {mins}."""
    ),
    "simmer": pool(
        """Simmer for {mins}.|Cover and simmer for {mins}.|Reduce heat and simmer until {soft}.|
        Cook over {low} for {mins}.|Simmer, covered, {mins}.|
        Bring to a boil, then simmer for {mins}.|
        Let simmer on {low} for {mins}, stirring occasionally.|
        Turn down the heat and cook {mins}.|Cook and stir until thickened.|
        Cover and cook over {low} until {soft}.|Heat through.|
        Leave to bubble gently for {mins}.|Cook slowly for {mins}.|Boil gently for {mins}.|
        Keep over {low} for another {mins}, uncovered."""
    ),
    "fry": pool(
        """Fry over {heat} until {done}.|Drop by spoonfuls onto a hot griddle.|
        Cook on both sides until {done}.|
        Pour 1/4 cup at a time onto a hot griddle and cook until {done}.|
        Flip once and cook {brief} more.|Fry in {skillet} for {brief}.|
        Cook in {skillet} over {heat}, turning once.|Turn when bubbles form on the surface.|
        Ladle onto a hot pan and cook until {done}."""
    ),
    "chill": pool(
        """Chill {hours}.|Refrigerate {hours}.|Cover and refrigerate {hours}.|Chill until firm.|
        Let stand {hours}.|Place in the refrigerator {hours}.|Freeze {hours}.|
        Chill before serving.|Cover and chill {hours}.|
        Put in the refrigerator to set {hours}.|Keep cold {hours}.|
        Leave in the icebox {hours}."""
    ),
    "cool": pool(
        """Cool on a wire rack.|Let cool for {brief} before slicing.|Cool completely.|
        Remove from oven and let cool.|Cool in pan for {brief}, then turn out.|
        Let stand {mins}.|Allow to cool for {mins}.|Cool slightly and cut into squares.|
        Turn out onto a rack to cool.|Set on a rack until cold.|
        Leave in the pan until cool enough to handle."""
    ),
    "shape": pool(
        """Drop by teaspoonfuls onto {sheet}.|Roll into {size} balls.|
        Shape into {number} loaves.|Roll out and cut into {size} shapes.|
        Form into {size} balls and place on {sheet}.|
        Shape into {size} balls and flatten with a fork.|Place on {sheet}, 2 inches apart.|
        Roll out on a floured board and cut with a cutter.|Drop by spoonfuls on {sheet}.|
        Divide into {number} pieces and roll each into a ball.|Pat out on {sheet}.|
        Press through a cookie press onto {sheet}.|Scoop {size} mounds onto {sheet}."""
    ),
    "knead": pool(
        """Knead for {brief}.|Turn out on a floured board and knead for {brief}.|
        Knead until smooth and elastic.|Knead lightly a few times.|
        Turn onto a floured surface and knead until {smooth}.|Punch down and knead again.|
        Work the dough with your hands for {brief}.|Stretch and fold the dough for {brief}."""
    ),
    "rise": pool(
        """Let rise until doubled.|Cover and let rise {mins}.|
        Let rise in a warm place for {mins}.|Set aside to rise until double in bulk.|
        Let the dough rest for {mins}.|Cover with a towel and let rise {hours}.|
        Leave to rise in a bowl near the stove for {mins}.|
        Put in a warm spot until doubled in size."""
    ),
    "rest": pool(
        """Let rest {mins} before carving.|Let stand for {mins}.|Remove and let rest.|
        Allow to stand {hours}.|Cover loosely and let stand {mins}.|
        Seal and store in a cool place.|Set aside for {mins}.|
        Rest the dish under foil for {mins}.|Leave to stand {hours} before opening."""
    ),
    "cut": pool(
        """Cut into squares.|Cut into {size} pieces.|Slice and serve.|Cut into bars.|
        Break into {size} pieces.|Cut into {number} squares when cool.|
        Slice with a sharp knife.|Cut in wedges.|Snap into {size} shards once cold."""
    ),
    "finish": pool(
        """Serve hot.|Serve immediately.|Serve warm.|Serve at once.|Remove from heat and serve.|
        Spoon into bowls and serve.|Serve cold.|Keep warm until served.|
        Stir well before serving.|Ladle into warm bowls.|Slice and serve warm.|
        Bring to the table straight from the stove."""
    ),
    "serve": pool(
        """Serve cold.|Serve at once.|Serve chilled.|Stir well before serving.|
        Spoon into bowls and serve.|Bring to the table in {bowl}.|Serve immediately.|
        Toss once more before serving.|Keep cold until served."""
    ),
    "note": pool(
        """Store in an airtight container.|Freeze any leftovers.|Wrap in foil to keep moist.|
        Keep refrigerated.|Store in a cool, dry place.|Double the batch for a crowd.|
        Cover tightly to store.|Seal in jars for {mins}.|
        Put away in tins lined with waxed paper."""
    ),
}

# With what an instruction begins, in cookbooks that nobody generated.
STEP_STARTS = frozenset(
    pool(
        """add|adjust|after|allow|apply|arrange|as|at|bake|baste|beat|before|begin|blanch|blend|
        boil|break|bring|broil|brown|brush|butter|chill|chop|clean|coat|combine|continue|cook|
        cool|core|cover|crack|cream|crumble|crush|cube|cut|deglaze|dice|dip|discard|dissolve|
        divide|drain|dredge|drizzle|drop|dry|dust|fill|finish|flatten|flip|fluff|fold|for|
        form|freeze|from|fry|garnish|gather|get|give|grate|grease|grill|grind|heat|if|in|
        incorporate|keep|knead|ladle|layer|lay|leave|let|lift|line|lower|make|marinate|mash|
        massage|measure|melt|meanwhile|microwave|mince|mix|move|next|once|on|over|pack|
        pan-fry|pat|peel|pierce|place|plate|poach|pour|preheat|pre-heat|prepare|press|prick|
        process|pull|pulse|punch|puree|put|reduce|refrigerate|remove|repeat|reserve|rest|
        return|rinse|roast|roll|rub|salt|sauté|saute|scatter|scald|scoop|scrape|seal|sear|
        season|separate|serve|set|shake|shape|shred|sift|simmer|skim|slice|slide|smooth|soak|
        soften|spoon|spray|spread|sprinkle|squeeze|stand|start|steam|steep|stir|store|strain|
        stuff|sweat|take|taste|tear|then|thicken|throw|thread|tie|tilt|tip|to|toast|top|toss|
        transfer|trim|tuck|turn|until|use|using|wait|warm|wash|when|while|whip|whisk|wipe|
        with|work|wrap|zest|second|now|finally|afterwards|lastly|first"""
    )
)
