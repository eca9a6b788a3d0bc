"""Tasks that count: words, a word among words, members of a category, letters."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CATEGORIES, NOUNS

MOST = {1: 4, 2: 6, 3: 9}  # words to count


def _count_words(draw: Random, level: int) -> Problem:
    n_words = draw.randint(2, MOST[level])
    return Problem(" ".join(draw.sample(NOUNS, n_words)), str(n_words))


def _count_word(draw: Random, level: int) -> Problem:
    target, *others = draw.sample(NOUNS, 4)
    n_times = draw.randint(1, 1 + level)
    words = [target] * n_times + draw.choices(others, k=draw.randint(1, 1 + level))
    draw.shuffle(words)
    return Problem(" ".join(words), str(n_times), {"word": target})


def _count_category(draw: Random, level: int) -> Problem:
    category, *others = draw.sample(sorted(CATEGORIES), len(CATEGORIES))
    n_inside = draw.randint(1, 1 + level)
    outside = draw.sample([word for other in others for word in CATEGORIES[other]], draw.randint(1, 1 + level))
    words = draw.sample(CATEGORIES[category], n_inside) + outside
    draw.shuffle(words)
    return Problem(" ".join(words), str(n_inside), {"category": category})


def _count_letter(draw: Random, level: int) -> Problem:
    target, *others = draw.sample("abcdefgh", 4)
    n_times = draw.randint(1, 1 + level)
    letters = [target] * n_times + draw.choices(others, k=draw.randint(2, 2 + level))
    draw.shuffle(letters)
    return Problem(" ".join(letters), str(n_times), {"letter": target})


COUNT_WORDS = Kind(
    "count_words",
    _count_words,
    (
        "How many words are there?",
        "Count the words.",
        "How many words does this list have: {input}",
        "Give the number of words.",
        "What is the number of words in {input}?",
        "Count how many words are listed.",
        "How long is the list, counted in words?",
        "Tell me how many items stand in {input}.",
    ),
    ("Numbers of words", "Counting words", "How many words"),
    "Words",
    "Number of words",
    "The list {input} has this number of words: {answer}.",
)
COUNT_WORD = Kind(
    "count_word",
    _count_word,
    (
        'How many times does "{word}" occur?',
        "Count how often {word} appears.",
        "How often does {word} stand in {input}?",
        "Give the number of times {word} is listed.",
        "How many of these words are {word}: {input}",
        "Count the word {word} in the list.",
        "The list says {word} how often?",
        "Go through {input} and count {word} alone.",
    ),
    ("How often a word occurs", "Counting one word", "Times a word is listed"),
    "Words",
    "Times {word} occurs",
    "In the list {input} the word {word} occurs this often: {answer}.",
)
COUNT_CATEGORY = Kind(
    "count_category",
    _count_category,
    (
        "How many of these words name a kind of {category}?",
        "Count the words that belong to the category {category}.",
        "How many words of the category {category} are in {input}?",
        "Give the number of words of the category {category}.",
        "Count every {category}: {input}",
        "How many times is some {category} named?",
        "Of the things listed, how many are of the sort {category}?",
        "Go through {input} and count each {category}.",
    ),
    ("Counting a category", "How many words of one category", "Members of a category"),
    "Words",
    "Number of the category {category}",
    "In the list {input} the category {category} has this number of words: {answer}.",
)
COUNT_LETTER = Kind(
    "count_letter",
    _count_letter,
    (
        'How many times does the letter "{letter}" occur?',
        "Count how often the letter {letter} appears.",
        'How often does "{letter}" stand among the letters {input}?',
        "Give the number of times the letter {letter} is listed.",
        'Go through the letters {input} and count "{letter}" alone.',
        "The letter {letter} is there how often?",
    ),
    ("How often a letter occurs", "Counting one letter", "Times a letter is listed"),
    "Letters",
    "Times {letter} occurs",
    "Among the letters {input} the letter {letter} occurs this often: {answer}.",
)
