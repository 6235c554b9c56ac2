"""Hand-written word pools for the synthetic text: names, things, verbs, units.

Plain data. Every pool is a tuple of strings; `vocabulary.Words` draws from them.
"""

from __future__ import annotations


def _pool(text: str) -> tuple[str, ...]:
    """The entries of `text`: apart by `|` where there is one, else by white space."""
    if "|" not in text:
        return tuple(word.replace("~", " ") for word in text.split())
    return tuple(entry.strip() for entry in text.split("|"))


GIVEN = _pool(
    """
    Ada Adaeze Adam Adèle Ahmed Aiko Aisha Alan Alba Aleksander Alessia Alice Amara Amélie Amina
    Amir Ana Anaïs Anders Andrea Andrés Ángel Anh Anika Anna Antoine António Anwar Arjun Armando
    Asa Astrid Aurélie Ayşe Baptiste Bao Beatriz Béla Ben Benedikt Bianca Björn Blessing Bogdan
    Brigitte Bruno Camila Carlos Carmen Cécile Chidi Chiara Chloé Christopher Ciara Claire Clara
    Cristóbal Daisuke Dana Daniel Daria David Deepa Diego Dimitri Dina Dmitri Dominik Dorothea
    Ebba Eduardo Edith Eero Eleni Elif Elías Elio Élodie Emeka Emil Emma Emre Enzo Eoin Erik
    Esperanza Esther Étienne Eva Ewa Fatima Felix Femi Fernanda Filip Fiona Florian Françoise
    Frida Gabriel Gao Gemma George Gergő Giacomo Gisela Giulia Goran Grace Greta Guðrún Gustavo
    Hana Hannah Hans Harriet Hassan Hedda Héctor Helena Henrik Hiroshi Hugo Ian Ibrahim Ida
    Ifeoma Ignacio Ilse Imani Inés Ingrid Irina Isaac Isabel Ivan Ivana Jakub Jamal James Jana
    Jarosław Javier Jens Jérôme Jiho Jing Joanna João Johan John Jonas José Josefine Joy Juan
    Julia Juhani Jürgen Kaito Kamal Karin Karolína Kasper Katarzyna Kateryna Kavya Kemal Kenji
    Khalid Kofi Kristína Kwame Lars László Laura Leila Lena Leo Leticia Liam Lidia Linh Linus
    Lior Lívia Ludovic Luca Lucía Luis Łukasz Lyra Maeve Magda Mai Malik Małgorzata Manon Manuel
    Marco Maren Margaux Maria Mariana Marie Marta Martin Mary Mateo Matěj Mathilde Maud Maya
    Mehmet Mei Mercedes Michael Miguel Mikael Milan Min-jun Mina Mirela Mohammed Mónica Nadia
    Naomi Natalia Nela Ngozi Nguyet Niamh Nicolas Niels Nikolai Nina Noah Noor Nora Nuno Oksana
    Olga Oliver Olivia Omar Oskar Østen Otto Pablo Paolo Patience Paul Pavel Pedro Peter Petra
    Philippa Piotr Priya Qing Quentin Rachel Rafael Rahul Ramón Raquel Ravi Rebecca René Ricardo
    Robert Róisín Roman Rosa Ruth Ryo Sabine Salma Samuel Sanjay Santiago Sara Sébastien Selin
    Sergei Seun Shira Siobhán Simon Søren Sofia Soledad Stefan Stella Stéphane Sunil Susan Svetlana
    Tadeusz Takumi Tamar Tariq Tatiana Tereza Thandiwe Théo Thomas Tiago Timothée Tobias Tomás
    Tove Trinh Ulrike Uma Valentina Vera Veronika Víctor Viktor Vlad Wanjiru Wei William Wojciech
    Xavier Xiu Yara Yasmin Yohannes Youssef Yuki Yusuf Zainab Zdeněk Zoë Zofia Zsófia
    """
)

SURNAMES = _pool(
    """
    Smith Jones García Müller Nowak Novák Rossi Ferrari Silva Santos Kowalska Nguyen Tran Kim Park
    Lee Chen Wang Li Zhang Sato Suzuki Tanaka Okafor Adeyemi Mensah Diallo Traoré Haddad Khan
    Patel Sharma Singh Gupta Ivanov Petrova Kovács Nagy Horváth Popescu Ionescu Jensen Hansen
    Lindqvist Bergström Virtanen Korhonen O'Brien Murphy MacLeod Dupont Lefèvre Moreau Núñez
    Fernández Gutiérrez Peña Ibáñez Weiß Schröder Jäger Yılmaz Demir Öztürk Papadopoulos
    """
)

ADJECTIVES = _pool(
    """
    rusty small large old new wooden broken heavy thin thick narrow wide short long red blue green
    yellow white black grey brown orange purple plain soft hard dry wet damp clean dirty cheap
    sturdy loose tight round square flat curved hollow solid fine coarse rough smooth sharp blunt
    spare folding portable electric manual cordless metal plastic rubber leather cotton woollen
    ceramic glass brass copper steel aluminium galvanised painted varnished unfinished antique
    vintage modern bright dark pale clear cloudy warm cold fresh medium extra tiny huge double
    single upper lower left right front rear inner outer spare assorted leftover waterproof
    reinforced adjustable removable decorative transparent shiny dull striped matching used
    """
)

MATERIALS = _pool(
    """
    nail screw bolt washer nut hinge bracket plank board dowel batten rope twine string wire cable
    ribbon cord thread needle button zip fabric felt canvas lining elastic bead sequin yarn hook
    clamp chisel hammer saw drill plane file rasp spanner wrench pliers screwdriver tape glue
    epoxy varnish primer paint brush roller sponge cloth rag bucket tray sandpaper putty filler
    plaster cement mortar gravel sand clay soil compost mulch seed bulb seedling pot trellis stake
    hose nozzle spade rake trowel fork glove mask goggle apron ladder tarp pallet brick tile slab
    pipe elbow valve gasket tap washer sealant filter pump motor belt pulley gear spring bearing
    battery bulb switch socket fuse resistor capacitor lead connector magnet lens mirror frame
    cardboard paper envelope stapler clip pin marker pencil ruler eraser stamp ink wax wick candle
    mould resin dye bleach soda borax vinegar water starch soap bowl jar bottle beaker funnel tube
    thermometer scale timer lamp shade hanger basket crate box shelf drawer handle knob latch lock
    key chain wheel axle tyre pedal saddle spoke fender reflector bell tent pole peg stove lantern
    blanket pillow mattress curtain rail carpet mat cushion stool chair table bench cabinet desk
    """
)

MASS = _pool(
    """
    sand gravel cement plaster sawdust compost potting~soil mulch clay glue wood~glue epoxy varnish
    primer paint turpentine linseed~oil beeswax paraffin~wax borax washing~soda citric~acid bleach
    water warm~water distilled~water dye~powder fabric~dye resin hardener grout mortar lime
    fertiliser bone~meal peat vermiculite perlite wire rope twine felt canvas fleece wool stuffing
    copper~sulphate table~salt iron~filings white~vinegar liquid~soap glycerine corn~starch
    acrylic~paint latex chalk~powder pigment shellac machine~oil grease silicone solder masking~tape
    """
)

UNITS = _pool(
    """
    cup cups c. tablespoon tablespoons tbsp. tbsp teaspoon teaspoons tsp. tsp lb. lbs. lb pound
    pounds oz. oz ounce ounces g kg grams ml l litres liters pint pints pt. quart quarts qt. gallon
    cm mm m metres feet ft inches in. yards handful pinch dash
    """
)

CONTAINERS = _pool(
    """
    can cans package packages pkg. pkgs. bag bags box boxes jar jars tube tubes bottle bottles roll
    rolls sheet sheets stick sticks strip strips piece pieces bunch bunches carton bundle packet
    packets tin tins coil block blocks pair pairs
    """
)

VERBS = _pool(
    """
    mix stir pour combine heat drain cool cover spread sprinkle fold roll cut trim chop slice
    measure
    mark drill sand file plane saw glue nail screw bolt clamp tighten loosen attach fasten fix mount
    hang align level stack wrap tie thread weave sew stitch knit pin press iron paint prime varnish
    wax polish rub wipe rinse wash soak dip dry shake sift scrape peel strip brush coat seal fill
    plug patch smooth shape bend twist stretch flatten remove replace insert place set put arrange
    lay line position turn flip lift lower slide push pull open close connect disconnect test check
    inspect clean grease oil lubricate adjust wind unwind dig rake water plant prune feed mulch sow
    transplant label sort count weigh dissolve add blend beat whip knead chill freeze melt boil
    simmer steam warm bake fire grind crush filter strain store assemble mould carve
    """
)

PLACES = _pool(
    """
    bucket tray large~bowl jar workbench vice frame box corner shelf garage shed greenhouse sink
    tub pan saucepan kiln mould container flat~surface table hole groove slot gap edge centre top
    bottom side base bed pot trench wall floor lid cloth sheet~of~paper plastic~bag clean~jar basin
    """
)

MANNERS = _pool(
    """
    gently|carefully|firmly|slowly|evenly|thoroughly|lightly|by hand|with a damp cloth|
    with a soft brush|with pliers|with a fork|in small circles|from left to right|in one go|
    a little at a time|without pressing|one at a time|at an angle|in thin layers|on both sides|
    with your fingers|in pairs|clockwise|along the grain|at low speed|on high|without stirring
    """
)

RESULTS = _pool(
    """
    smooth|firm|dry|soft|golden|clear|tight|level|even|set|cool|hot|tender|warm to the touch|
    no gaps remain|the edges meet|it stops dripping|it clicks|it turns brown|bubbles appear|
    completely dissolved|well blended|light and fluffy|it holds its shape|the surface is dull|
    the colour is even|it is just covered|all is used|the glue sets|you hear a snap|thick
    """
)

CITIES = _pool(
    """
    Lisbon Porto Madrid Sevilla Málaga Lyon Marseille Nîmes Genève Zürich Köln Düsseldorf Kraków
    Łódź Gdańsk Praha Brno Wien Graz Budapest Győr Ljubljana Zagreb Split Beograd Athens Izmir
    Cairo Tunis Accra Lagos Nairobi Kigali Durban Mumbai Pune Chennai Hanoi Manila Osaka Kyoto
    Sapporo Seoul Busan Taipei Sydney Perth Auckland Austin Boston Denver Omaha Tulsa Fresno
    Toronto Montréal Québec Halifax Bogotá Medellín Quito Lima Cusco Santiago Valparaíso Córdoba
    Montevideo Recife Oslo Bergen Malmö Göteborg Tampere Tallinn Riga Vilnius Cork Galway Leeds
    York Bath Hull Cardiff Swansea Dundee Inverness Trieste Torino Bologna Bari Palermo
    """
)

STREETS = _pool("Street Road Avenue Lane Drive Way Court Close Place Square Boulevard Row Terrace")
COMPANY_ENDS = _pool(
    "Ltd|Inc.|GmbH|& Sons|& Co.|Group|Partners|Systems|Works|Holdings|Labs|Supply|Studio|"
    "S.A.|S.r.l.|AB|Oy|LLC|Industries|Logistics|Services|Trading|Hardware|Bros."
)
MONTHS = _pool(
    "January February March April May June July August September October November December"
)
DAYS = _pool("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
NUMBER_WORDS = _pool(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
COLOURS = _pool(
    "red blue green black white silver grey orange navy teal beige maroon ivory turquoise amber"
)
JOBS = _pool(
    """
    electrician|plumber|data analyst|nurse|site manager|welder|translator|librarian|accountant|
    carpenter|backend developer|receptionist|bus driver|lab technician|graphic designer|teacher|
    warehouse operative|project coordinator|gardener|mechanic|archivist|surveyor|tailor|editor|
    security guard|product manager|social worker|sales assistant|machine operator|physiotherapist
    """
)
