"""Words of the recipe grammar: foods, preparations, dishes and titles.

Contract: plain tuples and dictionaries, no logic beyond splitting strings. Every tuple is split
between training and evaluation by position (see ``setaccio.data.recipes.source``). The step
patterns are in ``setaccio.data.recipes.steps``.
"""

from __future__ import annotations


def pool(text: str) -> tuple[str, ...]:
    """Split a ``|``-separated text into its stripped, non-empty parts."""
    return tuple(part.strip() for part in text.replace("\n", " ").split("|") if part.strip())


FOODS: dict[str, tuple[str, ...]] = {
    "dry": pool(
        """flour|sugar|brown sugar|powdered sugar|whole wheat flour|cornmeal|rolled oats|
        bread crumbs|graham cracker crumbs|cake flour|self-rising flour|white sugar|
        granulated sugar|wheat germ|Bisquick|biscuit mix|rye flour|rice flour|buckwheat flour|
        cornflakes|crushed saltines|almond flour|semolina|confectioners sugar|
        light brown sugar|dark brown sugar|oat bran|crisp rice cereal|quick oats|cocoa powder|
        potato flakes|polenta|couscous|instant rice|cracker crumbs|vanilla wafer crumbs|panko|
        spelt flour|chickpea flour|tapioca"""
    ),
    "spice": pool(
        """salt|baking powder|baking soda|cinnamon|nutmeg|ground cloves|ginger|allspice|paprika|
        black pepper|cayenne pepper|chili powder|cumin|curry powder|turmeric|oregano|
        dried basil|thyme|rosemary|sage|garlic powder|onion powder|dry mustard|celery seed|
        poppy seeds|caraway seeds|cream of tartar|cornstarch|garlic salt|celery salt|
        seasoned salt|mace|cardamom|coriander|fennel seed|marjoram|dill weed|white pepper|
        red pepper flakes|smoked paprika|pumpkin pie spice|Italian seasoning|sesame seeds|
        dry yeast|soda|kosher salt|sea salt|lemon pepper|saffron|anise seed|bay leaf powder|
        tarragon|chili flakes|garam masala"""
    ),
    "liquid": pool(
        """milk|water|buttermilk|heavy cream|sour cream|chicken broth|beef broth|orange juice|
        pineapple juice|apple cider|vegetable stock|tomato juice|white wine|red wine|
        cold water|boiling water|warm water|evaporated milk|half-and-half|whipping cream|
        plain yogurt|coconut milk|lemonade|ginger ale|cranberry juice|strong coffee|hot tea|
        apple juice|vegetable broth|clam juice|grape juice|beer|lukewarm water|almond milk|
        skim milk|club soda|crème fraîche|fish stock|dry sherry|lime soda|prune juice|oat milk"""
    ),
    "flavour": pool(
        """vanilla|vanilla extract|almond extract|lemon juice|lime juice|Worcestershire sauce|
        soy sauce|vinegar|cider vinegar|red wine vinegar|honey|molasses|maple syrup|
        corn syrup|Dijon mustard|prepared mustard|ketchup|Tabasco sauce|horseradish|olive oil|
        vegetable oil|sesame oil|salad oil|peanut oil|balsamic vinegar|white vinegar|
        tomato paste|rum|brandy|lemon extract|peppermint extract|orange liqueur|fish sauce|
        hot sauce|chili sauce|tahini|capers|pesto|mayonnaise|Kahlúa|salad dressing|
        steak sauce|butter flavoring|rosewater|barbecue sauce|hoisin sauce|agave syrup|
        tamarind paste|liquid smoke|grated lemon rind"""
    ),
    "fat": pool(
        """butter|margarine|shortening|oleo|unsalted butter|lard|coconut oil|salted butter|
        vegetable shortening|bacon drippings|ghee|Crisco|peanut butter|almond butter"""
    ),
    "egg": pool("egg|egg|egg|egg yolk|egg white|large egg"),
    "veg": pool(
        """onion|carrot|potato|tomato|green pepper|red pepper|zucchini|cucumber|eggplant|
        sweet potato|red onion|turnip|leek|beet|parsnip|squash|yellow onion|green onion|
        shallot|jalapeño|bell pepper|scallion|radish|Roma tomato|russet potato|spring onion|
        fennel bulb|artichoke|avocado|poblano pepper|plum tomato|butternut squash|courgette|
        aubergine|rutabaga|white onion|chili pepper|pumpkin|kohlrabi|spaghetti squash"""
    ),
    "leafy": pool(
        """celery|cabbage|spinach|broccoli|cauliflower|mushrooms|lettuce|green beans|peas|corn|
        lima beans|bean sprouts|asparagus|kale|Brussels sprouts|Swiss chard|snow peas|okra|
        romaine|red cabbage|water chestnuts|watercress|hash brown potatoes|mixed vegetables|
        bok choy|collard greens|arugula|black-eyed peas|bamboo shoots|endive|sauerkraut"""
    ),
    "herb": pool(
        """parsley|cilantro|basil|chives|mint|fresh dill|fresh thyme|fresh rosemary|flat parsley|
        fresh sage|fresh oregano|lemon balm|chervil|fresh tarragon|coriander leaves|lovage"""
    ),
    "garlic": pool("garlic|garlic|garlic"),
    "meat": pool(
        """ground beef|chicken|bacon|ham|sausage|stew beef|ground turkey|chuck roast|shrimp|
        crab meat|round steak|ground pork|lamb shoulder|veal|cod fillets|haddock|
        salmon fillets|Italian sausage|hamburger|pork tenderloin|turkey breast|tuna steaks|
        scallops|beef brisket|short ribs|pork shoulder|catfish|lean beef|chorizo|
        smoked sausage|venison|halibut|prosciutto|chicken thighs|spareribs|corned beef|
        kielbasa|flank steak|trout|lobster meat|mussels"""
    ),
    "piece": pool(
        """chicken breast|pork chop|chicken thigh|sausage link|hot dog|lamb chop|drumstick|
        bacon slice|turkey cutlet|fish fillet|cube steak|veal cutlet|duck leg|chicken wing|
        minute steak|tuna steak"""
    ),
    "canned": pool(
        """cream of chicken soup|cream of mushroom soup|tomato sauce|kidney beans|
        crushed pineapple|tomatoes|tuna|black beans|whole kernel corn|cream-style corn|
        green chilies|evaporated milk|pork and beans|cherry pie filling|condensed milk|
        tomato soup|chickpeas|mandarin oranges|fruit cocktail|pumpkin purée|sliced peaches|
        cheddar cheese soup|refried beans|salmon|French-fried onions|stewed tomatoes|
        cream of celery soup|water chestnuts|enchilada sauce|pinto beans|coconut cream|
        blueberry pie filling|diced tomatoes|black olives|beef consommé|
        sweetened condensed milk|chow mein noodles|navy beans|artichoke hearts|pimentos"""
    ),
    "packaged": pool(
        """cream cheese|lemon Jell-O|yellow cake mix|instant vanilla pudding|onion soup mix|
        frozen spinach|Cool Whip|crescent rolls|frozen broccoli|stuffing mix|taco seasoning|
        chocolate pudding|orange gelatin|Ranch dressing mix|tortillas|ramen noodles|
        puff pastry|brownie mix|slivered almonds|lime Jell-O|frozen hash browns|
        white cake mix|phyllo dough|frozen peas|butterscotch pudding|strawberry gelatin|
        chocolate cake mix|frozen strawberries|dry yeast|unflavored gelatin|corn muffin mix|
        Velveeta|frozen whipped topping|biscuits|egg noodles|spice cake mix|frozen corn|
        saltine crackers|won ton wrappers|brown gravy mix"""
    ),
    "cheese": pool(
        """Cheddar cheese|Mozzarella cheese|Parmesan cheese|Swiss cheese|Monterey Jack cheese|
        cottage cheese|feta|Ricotta|Gruyère|blue cheese|Provolone|American cheese|goat cheese|
        sharp Cheddar|Colby cheese|Romano cheese|mascarpone|Brie|pepper Jack|Gouda|
        queso fresco|halloumi|Emmental|Pecorino"""
    ),
    "nut": pool(
        """pecans|walnuts|almonds|peanuts|coconut|cashews|hazelnuts|pistachios|pine nuts|
        macadamia nuts|black walnuts|sunflower seeds|nuts|mixed nuts|pumpkin seeds|chestnuts"""
    ),
    "fruit": pool(
        """apple|banana|peach|lemon|orange|pear|lime|mango|plum|grapefruit|nectarine|apricot|
        pineapple|papaya|kiwi|persimmon|quince|tangerine|cantaloupe|fig"""
    ),
    "berry": pool(
        """raisins|strawberries|blueberries|raspberries|cranberries|cherries|dates|currants|
        maraschino cherries|dried apricots|prunes|applesauce|golden raisins|blackberries|
        mandarin orange slices|seedless grapes|candied fruit|rhubarb|dried cherries|
        gooseberries|mashed bananas|fresh peaches|shredded carrots|grated zucchini|citron"""
    ),
    "sweet": pool(
        """chocolate chips|miniature marshmallows|butterscotch chips|semi-sweet chocolate|
        white chocolate|caramels|marshmallow creme|M&M's|toffee bits|peanut butter chips|
        dark chocolate|gumdrops|coconut flakes|caramel sauce|strawberry jam|apricot preserves|
        marmalade|Nutella|chocolate syrup|mint chips|orange marmalade|grape jelly"""
    ),
    "pasta": pool(
        """macaroni|spaghetti|egg noodles|rice|lasagna noodles|penne|wild rice|long-grain rice|
        brown rice|linguine|rigatoni|pasta shells|fettuccine|barley|lentils|orzo|
        bow tie pasta|quinoa|bulgur|rotini|split peas|basmati rice|Arborio rice|vermicelli|
        ziti|gnocchi|farfalle"""
    ),
    "bare": pool(
        """salt and pepper to taste|salt|oil for frying|cooking spray|paprika to taste|
        powdered sugar for dusting|lemon slices|whipped cream|ice cubes|parsley for garnish|
        salt to taste|pepper to taste|butter for the pan|ground pepper|hot sauce to taste|
        chopped nuts|maraschino cherries|crushed ice|garlic salt to taste|toasted bread|
        grated cheese|flour for dusting|soy sauce to taste|lettuce leaves|corn chips"""
    ),
}

PREPARATIONS: dict[str, tuple[str, ...]] = {
    "veg": pool(
        """chopped|finely chopped|diced|sliced|thinly sliced|minced|grated|peeled and cubed|
        peeled|coarsely chopped|cut into chunks|quartered|julienned|shredded|halved|
        seeded and diced"""
    ),
    "leafy": pool(
        """chopped|shredded|sliced|finely shredded|torn|cooked|cut up|drained|trimmed|steamed|
        finely chopped|washed and dried"""
    ),
    "herb": pool("chopped|finely chopped|minced|torn|snipped|roughly chopped"),
    "garlic": pool("minced|crushed|finely chopped|pressed|sliced|grated"),
    "meat": pool(
        """cooked|cubed|browned and drained|cut into strips|cut into bite-size pieces|diced|
        trimmed|cooked and crumbled|peeled and deveined|thinly sliced|cut up|shredded"""
    ),
    "piece": pool("boned and skinned|pounded thin|cooked and diced|halved|trimmed|cut in half"),
    "canned": pool("drained|undrained|drained and rinsed|with juice|chopped|mashed|undiluted"),
    "packaged": pool("softened|thawed|thawed and drained|at room temperature|cubed|crushed"),
    "cheese": pool("grated|shredded|cubed|crumbled|finely grated|sliced|divided|softened"),
    "nut": pool("chopped|coarsely chopped|toasted|ground|finely chopped|halved|slivered|crushed"),
    "fruit": pool("peeled|peeled and sliced|cored and chopped|sliced|grated|juiced|mashed|diced"),
    "berry": pool("chopped|drained|washed|pitted|halved|hulled and sliced|fresh or frozen|soaked"),
    "fat": pool("melted|softened|at room temperature|cold and cubed|divided|cut into pieces"),
    "egg": pool("beaten|well beaten|slightly beaten|separated|at room temperature|lightly whisked"),
    "pasta": pool("cooked|cooked and drained|uncooked|rinsed|soaked overnight|cooked al dente"),
    "sweet": pool("melted|chopped|finely chopped|divided|unwrapped|broken up"),
    "dry": pool("sifted|packed|divided|toasted|firmly packed|finely crushed"),
    "liquid": pool("scalded|chilled|warmed|at room temperature|divided|cold"),
}

# Archetype: food classes with how many of each, then the phases of the method in order.
# A phase written with a number takes that share of the foods, "?" makes it optional.
ARCHETYPES: dict[str, tuple[str, str]] = {
    "cake": (
        "dry 2-4|fat 1|egg 0-1|spice 1-3|liquid 0-1|flavour 0-2|berry 0-1|nut 0-1|sweet 0-1",
        "preheat?|combine 3|add 2|add 2|grease?|pour|bake|cool|top? 1|note?",
    ),
    "cookies": (
        "fat 1|dry 2-3|egg 1|spice 1-2|flavour 0-1|nut 0-1|sweet 0-1|berry 0-1",
        "preheat?|combine 3|add 2|add 1|shape|bake|cool?|note?",
    ),
    "bread": (
        "dry 2-3|spice 1-3|liquid 1|egg 0-1|fat 0-1|berry 0-1|nut 0-1",
        "combine 3|add 2|knead|rise|shape|preheat?|bake|cool?",
    ),
    "pie": (
        "dry 1-2|egg 0-1|fruit 0-1|fat 1|spice 1-2|flavour 0-1|liquid 0-1|packaged 0-1",
        "preheat?|combine 2|add 2|pour|top? 1|bake|cool",
    ),
    "casserole": (
        "canned 1-2|meat 0-1|pasta 0-1|cheese 1|veg 1|leafy 0-1|liquid 0-1|spice 0-2|bare 0-1",
        "preheat?|saute? 1|combine 3|grease?|layer? 2|pour|top 1|bake|finish?",
    ),
    "soup": (
        "meat 0-1|veg 1-3|leafy 0-1|liquid 1-2|canned 0-2|garlic 0-1|spice 1-3|herb 0-1|pasta 0-1",
        "prep? 1|saute 2|boil 2|add 2|simmer|season 1|finish",
    ),
    "salad": (
        "leafy 1-2|veg 1-2|fruit 0-1|cheese 0-1|nut 0-1|flavour 1-3|spice 0-2|herb 0-1|meat 0-1",
        "prep? 1|toss 3|combine 2|dress 1|chill|serve?",
    ),
    "dip": (
        "packaged 1|liquid 0-1|cheese 0-1|veg 0-1|flavour 1-2|spice 1-2|herb 0-1|canned 0-1",
        "combine 3|add 2|season? 1|chill|serve?",
    ),
    "drink": (
        "liquid 2-3|flavour 0-1|fruit 0-1|dry 0-1|berry 0-1|bare 0-1",
        "blend 3|add 1|chill?|top? 1|note?",
    ),
    "skillet": (
        "piece 0-1|meat 0-1|veg 1-2|garlic 0-1|flavour 1-2|spice 1-2|leafy 0-1|pasta 0-1",
        "prep? 1|saute 2|saute 1|add 2|simmer|season? 1|finish",
    ),
    "candy": (
        "dry 1-2|fat 1|sweet 1|nut 0-1|liquid 0-1|flavour 1|packaged 0-1",
        "boil 3|add 2|pour|chill|cut",
    ),
    "roast": (
        "meat 0-1|piece 1|veg 1-2|garlic 0-1|flavour 0-2|liquid 0-1|spice 2-4|herb 0-1",
        "preheat?|arrange 3|combine 3|season 2|bake|rest|finish?",
    ),
    "pasta": (
        "pasta 1|meat 0-1|canned 0-1|garlic 0-1|veg 0-1|cheese 1|herb 0-1|flavour 0-1|liquid 0-1",
        "boil 1|saute 2|add 2|simmer|toss 1|top 1|finish?",
    ),
    "dessert": (
        "packaged 1-2|liquid 1|dry 0-1|fat 0-1|canned 0-1|nut 0-1|berry 0-1|sweet 0-1",
        "combine 2|grease?|pour|combine 2|layer 2|top 1|chill|cut?",
    ),
    "pickle": (
        "veg 1-2|flavour 1|liquid 1|dry 1|spice 2-4|leafy 0-1|herb 0-1",
        "prep 1|boil 3|arrange 1|pour|rest|note?",
    ),
    "breakfast": (
        "egg 1|dry 1|liquid 1|fat 0-1|spice 1-2|fruit 0-1|flavour 0-1|cheese 0-1|bare 0-1",
        "combine 3|add 2|fry|top? 1|finish",
    ),
    "sauce": (
        "flavour 2-4|fat 0-1|garlic 0-1|spice 1-3|liquid 0-1|canned 0-1|veg 0-1|herb 0-1",
        "saute? 1|combine 3|boil? 1|simmer|season? 1|finish?",
    ),
    "stirfry": (
        "pasta 1|meat 1|leafy 1|veg 1-2|flavour 2|garlic 1|spice 0-1|nut 0-1",
        "boil 1|prep 1|saute 2|saute 2|add 2|finish",
    ),
}

TAILS: dict[str, tuple[str, ...]] = {
    "cake": pool(
        """Cake|Pound Cake|Coffee Cake|Bundt Cake|Cupcakes|Sheet Cake|Upside-Down Cake|Brownies|
        Bars|Layer Cake|Torte|Gâteau|Muffins|Squares|Tea Cake|Dump Cake|Pudding Cake|
        Snack Cake"""
    ),
    "cookies": pool(
        """Cookies|Drop Cookies|Bars|Snaps|Shortbread|Biscotti|Crinkles|Icebox Cookies|
        Thumbprints|Wafers|Macaroons|Sandwich Cookies|Chews|Rounds"""
    ),
    "bread": pool(
        """Bread|Rolls|Biscuits|Loaf|Focaccia|Buns|Scones|Flatbread|Dinner Rolls|Brioche|
        Crescents|Batter Bread|Monkey Bread|Soda Bread|Pretzels"""
    ),
    "pie": pool(
        "Pie|Tart|Cobbler|Crisp|Galette|Quiche|Custard Pie|Cream Pie|Turnovers|Crumble|Flan"
    ),
    "casserole": pool(
        """Casserole|Bake|Gratin|Hot Dish|Lasagna|Pot Pie|Strata|Enchiladas|Tetrazzini|Scallop|
        Delight|Supper|Au Gratin|Moussaka|Shepherd's Pie"""
    ),
    "soup": pool(
        """Soup|Stew|Chowder|Chili|Bisque|Gumbo|Minestrone|Goulash|Broth|Ragoût|Consommé|Borscht|
        Pot|Jambalaya|Potage"""
    ),
    "salad": pool("Salad|Slaw|Coleslaw|Tabbouleh|Relish|Salad Bowl|Salad Supreme|Niçoise|Waldorf"),
    "dip": pool(
        "Dip|Spread|Cheese Ball|Pâté|Salsa|Guacamole|Hummus|Fondue|Log|Mousse|Party Dip|Tapenade"
    ),
    "drink": pool(
        "Punch|Smoothie|Shake|Cooler|Tea|Lemonade|Eggnog|Slush|Cider|Julius|Frappé|Toddy"
    ),
    "skillet": pool(
        "Skillet|Sauté|Fajitas|Stroganoff|Hash|Scampi|Curry|Tacos|Fricassée|Cacciatore|Picadillo"
    ),
    "candy": pool("Fudge|Brittle|Truffles|Clusters|Toffee|Bark|Balls|Caramels|Divinity|Pralines"),
    "roast": pool(
        "Roast|Bake|Kabobs|Parmesan|Barbecue|Ribs|Drumsticks|Fillets|Schnitzel|à la King"
    ),
    "pasta": pool("Pasta|Spaghetti|Noodles|Alfredo|Mac and Cheese|Carbonara|Ziti|Linguine|Pilaf"),
    "dessert": pool(
        """Delight|Dessert|Trifle|Fluff|Parfait|Icebox Cake|Pudding|Crème Brûlée|Mousse|Surprise|
        Supreme|Dream|Soufflé|Cheesecake|Éclair Dessert|Whip"""
    ),
    "pickle": pool(
        "Pickles|Relish|Chutney|Chow-Chow|Preserves|Kimchi|Kraut|Pickled Onions|Marinade"
    ),
    "breakfast": pool(
        "Pancakes|Waffles|French Toast|Omelet|Crêpes|Frittata|Scramble|Hotcakes|Porridge|Blintzes"
    ),
    "sauce": pool(
        "Sauce|Marinade|Dressing|Gravy|Glaze|Vinaigrette|Salsa Verde|Barbecue Sauce|Aioli|Béchamel"
    ),
    "stirfry": pool(
        "Stir-Fry|Fried Rice|Lo Mein|Chop Suey|Paella|Pad Thai|Teriyaki|Rice Bowl|Bibimbap"
    ),
}

OWNERS = pool(
    """Grandma's|Mom's|Aunt Betty's|Grandmother's|Nana's|Uncle Joe's|Granny's|Mother's|Mama's|
    Dad's|Aunt Ruth's|Cousin Emma's|Oma's|Abuela's|Grandpa's|Mrs. Miller's|Sister Mary's|
    Aunt Ida's|Papa's|Ellen's|Marie's|Bob's|Rosa's|Mrs. Novak's|Henry's|Lucia's|Great-Aunt Vera's|
    Uncle Sal's|Pat's|Hilda's|Cousin Tom's|Yia Yia's|Babcia's|Texas|Vermont|Alabama|Sicilian|
    Alpine|New England|Grandma Olsen's|Dorothy's|Miss Clara's|Farmhouse"""
)
ADJECTIVES = pool(
    """Easy|Quick|Creamy|Old-Fashioned|Best Ever|Spicy|Sweet|Crunchy|Baked|Crock-Pot|Homemade|
    Country|Favorite|Golden|Hearty|Simple|No-Bake|Southern|Delicious|Hot|Frozen|Tangy|Cheesy|
    Quick and Easy|Mexican|Italian|Hawaiian|German|Swedish|Cajun|Tex-Mex|Amish|Greek|French|
    Low-Fat|Busy Day|Never Fail|Company|Holiday|Christmas|Sunday|Harvest|Summer|Glazed|
    Stuffed|Smothered|Barbecued|Marinated|Overnight|Five Minute|Million Dollar|Impossible|
    Microwave|Slow Cooker|Fresh|Crispy|Sour Cream|Double|Triple|Savory|Smoky|Sticky|Rustic|
    Dutch|Polish|Irish|Cuban|Moroccan|Thai"""
)
CLASSICS = pool(
    """Coq au Vin|Ratatouille|Pão de Queijo|Jalapeño Poppers|Crème Caramel|Tom's Texas Hash|
    Älplermagronen|Boeuf Bourguignon|Piña Colada Slush|Smörgåstårta|Rösti|Pavlova|Tiramisù|
    Huevos Rancheros|Spätzle|Chicken Kiev|Tarte Tatin|Toad in the Hole|Hush Puppies|
    Monkey Bread|Sloppy Joes|Dirty Rice|Haystacks|Pigs in a Blanket|Puppy Chow|
    Watergate Salad|Ambrosia|Funeral Potatoes|Snickerdoodles|Hoppin' John|Ants on a Log|
    Ham Balls|Taco Ring|Forgotten Cookies|Friendship Tea|Mississippi Mud|Robert Redford|
    Wacky Cake|Chess Pie|Hummingbird Cake|Cowboy Caviar|Better Than Anything Cake|
    Ugly Duckling Cake"""
)
