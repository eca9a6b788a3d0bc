"""The vocabulary of the world: a few hundred everyday words in named groups.

Small on purpose: a model of five million parameters can know every word, and is asked only what to do with them.
Every word of CATEGORIES belongs to one category.
"""

ANIMALS = """
    bear bird cat cow crab deer dog duck eagle frog goat hawk hen horse lion lizard monkey moth owl panda
    parrot pig rabbit rat robin shark snail snake spider swan tiger toad turtle whale worm zebra
""".split()
PLANTS = """
    bush cedar clover daisy elm fern flower hedge ivy lily maple nettle oak orchid palm pine poplar reed rose
    shrub spruce thistle tree tulip vine violet willow
""".split()
FOODS = """
    apple bagel banana bean burger cake carrot cookie cracker egg fig grape lemon mango melon muffin noodle
    onion orange pancake pea pear pie pizza plum roll salad sausage soup steak turnip waffle
""".split()
TOOLS = """
    anvil bolt broom bucket chisel clamp drill file hammer hook jack kettle ladder lever mop nail needle oven
    pan plough pump rake ruler saw scale screw shovel sieve spade spoon torch trowel wedge wheel wrench
""".split()
IRREGULAR = {
    "bush",
    "daisy",
    "deer",
    "ivy",
    "lily",
    "torch",
    "wrench",
}  # known words, but their plurals do not end in a plain -s

CATEGORIES = {"animal": ANIMALS, "plant": PLANTS, "food": FOODS, "tool": TOOLS}
NOUNS = [word for words in CATEGORIES.values() for word in words]
CATEGORY_OF = {word: name for name, words in CATEGORIES.items() for word in words}
COUNTABLE = [word for word in NOUNS if word not in IRREGULAR]

COLOURS = "red blue green yellow brown black white grey pink purple gold silver".split()
NAMES = """
    Ann Ben Carl Dora Emma Finn Gina Hugo Ida Jane Kate Leo Mary Nina Omar Paul Rosa Sam Tess Uma Vera Will Yara Zoe
""".split()
SURNAMES = """
    Baker Brown Carter Clark Cook Fisher Fox Gray Green Hill Hunt King Lake Marsh Miller Moss Page Reed Stone Ward
    West White Wood Young
""".split()
CITIES = """
    Athens Berlin Boston Cairo Dallas Delhi Dublin Geneva Lagos Lima Lisbon London Madrid Milan Moscow Oslo Paris Prague
    Rome Seoul Sydney Tokyo Vienna Warsaw
""".split()
JOBS = """
    baker builder clerk cook doctor driver dentist farmer guard judge lawyer mason miner nurse painter pilot sailor
    singer tailor teacher waiter writer
""".split()
VERBS = "carries finds holds keeps likes moves needs owns paints sees sells wants".split()

ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = """
    January February March April May June July August September October November December
""".split()
VOWELS = "aeiou"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_article(word: str) -> str:
    """An egg, a pan."""
    return f"{'an' if word[0] in VOWELS else 'a'} {word}"
