"""Tasks that sort into classes, by knowledge of the words or by a rule that is stated."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CATEGORIES, CATEGORY_OF, NOUNS

LABELS = (("high", "low"), ("large", "small"), ("pass", "fail"), ("hot", "cold"), ("full", "empty"))
ACTIONS = (("go", "stop"), ("keep", "throw"), ("open", "shut"), ("left", "right"), ("day", "night"))


def _categories(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level)
    return Problem(", ".join(words), ", ".join(CATEGORY_OF[word] for word in words))


def _keep_category(draw: Random, level: int) -> Problem:
    category, *others = draw.sample(sorted(CATEGORIES), len(CATEGORIES))
    kept = draw.sample(CATEGORIES[category], draw.randint(1, level))
    words = kept + draw.sample([word for other in others for word in CATEGORIES[other]], level + 1)
    draw.shuffle(words)
    return Problem(" ".join(words), " ".join(word for word in words if word in kept), {"category": category})


def _odd_one_out(draw: Random, level: int) -> Problem:
    inside, outside = draw.sample(sorted(CATEGORIES), 2)
    odd = draw.choice(CATEGORIES[outside])
    words = [*draw.sample(CATEGORIES[inside], level + 1), odd]
    draw.shuffle(words)
    return Problem(" ".join(words), odd, {"category": inside})


def _over_limit(draw: Random, level: int) -> Problem:
    size = (20, 100, 1000)[level - 1]
    limit, (above, below) = draw.randrange(size // 4, 3 * size // 4), draw.choice(LABELS)
    number = draw.choice([number for number in range(size) if number != limit])
    slots = {"limit": str(limit), "above": above, "below": below}
    return Problem(str(number), above if number > limit else below, slots)


def _by_word(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level + 2)
    key = draw.choice(words) if draw.random() < 1 / 2 else draw.choice(sorted(set(NOUNS) - set(words)))
    yes, no = draw.choice(ACTIONS)
    return Problem(" ".join(words), yes if key in words else no, {"key": key, "yes": yes, "no": no})


NAME_CATEGORY = Kind(
    "name_category",
    _categories,
    (
        "Name the category of each word: animal, plant, food or tool.",
        "Say for each word whether it is an animal, plant, food or tool.",
        "Classify as animal, plant, food or tool: {input}",
        "Which categories do these words belong to (animal, plant, food, tool)?",
        "Label each word as animal, plant, food or tool.",
        "To which of animal, plant, food and tool belongs {input}?",
        "Sort each word into one of four classes: animal, plant, food, tool.",
        "Is it an animal, a plant, a food or a tool? Decide for {input}",
    ),
    ("Words and their categories", "Animals, plants, foods and tools", "Categories"),
    "Words",
    "Categories",
    "The words {input} have the categories {answer}.",
)
KEEP_CATEGORY = Kind(
    "keep_category",
    _keep_category,
    (
        "Write only the words of the category {category}, in the order given.",
        "Which of these words, in the order given, belong to the category {category}?",
        "Keep every {category} and leave out the rest, without changing the order: {input}",
        "Pick out each {category}, in the order of the list.",
        "Find the words that name some {category}, one after the other: {input}",
        "List each {category} in the order given.",
        "Everything that is not of the sort {category} has to go; the rest stays in order.",
        "In {input}, which words stand for some {category}? Keep their order.",
    ),
    ("Words of one category", "Keeping one category", "Lists with one category kept"),
    "Words",
    "Of the category {category}",
    "Of the words {input} these are of the category {category}: {answer}.",
)
ODD_ONE_OUT = Kind(
    "odd_one_out",
    _odd_one_out,
    (
        "Which word does not belong to the category {category}?",
        "Find the word that is no {category}.",
        "One of {input} is not of the category {category}. Which?",
        "Name the odd one out; the others belong to the category {category}.",
        "All but one are of the category {category}: {input}. Which is the exception?",
        "Pick the word outside the category {category}.",
        "One of these is no {category} at all. Which one?",
        "In {input}, what is the stranger among things of the sort {category}?",
    ),
    ("The odd one out", "The word that does not belong", "Exceptions"),
    "Words",
    "Not of the category {category}",
    "Of the words {input} the one not of the category {category} is {answer}.",
)
OVER_LIMIT = Kind(
    "over_limit",
    _over_limit,
    (
        "If the number is over {limit}, answer {above}, otherwise {below}.",
        "Write {above} if the number is more than {limit}, else write {below}.",
        "Numbers above {limit} are {above}, all others {below}. What is {input}?",
        'Label the number: over {limit} is "{above}", up to {limit} is "{below}".',
        "The rule: more than {limit} means {above}, otherwise {below}. Apply it to {input}",
        "Say {above} for a number over {limit}, and {below} for any other.",
        "Everything beyond {limit} counts as {above}, the rest as {below}.",
        "Is {input} {above} or {below}, if {above} means over {limit}?",
    ),
    ("Numbers and a limit", "Over the limit or not", "Labels by a limit"),
    "Number",
    "Over {limit} is {above}, else {below}",
    "Over {limit} is {above}, else {below}: the number {input} is {answer}.",
)
LABEL_BY_WORD = Kind(
    "label_by_word",
    _by_word,
    (
        "If the list has the word {key}, answer {yes}, otherwise {no}.",
        "Write {yes} if {key} is in the list, else write {no}.",
        "Lists with {key} are {yes}, all others {no}. What about {input}?",
        'Label the list: with {key} it is "{yes}", without it "{no}".',
        "The rule: {key} means {yes}, no {key} means {no}. Apply it to {input}",
        "Say {yes} for a list with {key}, and {no} for any other.",
        "Where {key} stands it is {yes}, where it is missing {no}.",
        "Is it {yes} or {no} for {input}, if {yes} needs {key}?",
    ),
    ("Labels by a word", "Does the list have the word", "A word decides"),
    "List",
    "With {key} it is {yes}, else {no}",
    "With {key} it is {yes}, else {no}: the list {input} is {answer}.",
)
