"""Tasks on a list of words: copy, turn round, pick, take out, put in."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import NOUNS, ORDINALS

SEPARATORS = (" ", ", ")


def some_words(draw: Random, level: int) -> list[str]:
    """Different words: three or four on level 1, two more on each further level."""
    return draw.sample(NOUNS, draw.randint(1, 2) + 2 * level)


def _join(draw: Random, given: list[str], found: list[str], **slots: str) -> Problem:
    separator = draw.choice(SEPARATORS)
    return Problem(separator.join(given), separator.join(found), slots)


def _copy(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    return _join(draw, words, words)


def _reverse(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    return _join(draw, words, words[::-1])


def _pick(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    place = draw.randrange(min(len(words), len(ORDINALS)))
    return _join(draw, words, [words[place]], ordinal=ORDINALS[place])


def _remove(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    old = draw.choice(words)
    return _join(draw, words, [word for word in words if word != old], old=old)


def _replace(draw: Random, level: int) -> Problem:
    *words, new = some_words(draw, level)
    old = draw.choice(words)
    return _join(draw, words, [new if word == old else word for word in words], old=old, new=new)


def _append(draw: Random, level: int) -> Problem:
    *words, new = some_words(draw, level)
    return _join(draw, words, [*words, new], new=new)


def _swap_ends(draw: Random, level: int) -> Problem:
    first, *middle, last = some_words(draw, level)
    return _join(draw, [first, *middle, last], [last, *middle, first])


def _number_lines(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    found = "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1))
    return Problem(draw.choice(SEPARATORS).join(words), found)


def _rotate(draw: Random, level: int) -> Problem:
    first, *others = some_words(draw, level)
    return _join(draw, [first, *others], [*others, first])


def _every_second(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)
    return _join(draw, words, words[::2])


COPY_WORDS = Kind(
    "copy_words",
    _copy,
    (
        "Repeat these words exactly.",
        "Copy the following list: {input}",
        "Write the same words again.",
        "Say this back to me, unchanged: {input}",
        "Give me an exact copy of these words.",
        "Echo the list.",
        "Reproduce the list below word for word.",
        "Please write once more: {input}",
    ),
    ("Copies of lists", "Lists written out again", "Exact copies"),
    "List",
    "Exact copy",
    "The list {input} copied exactly is {answer}.",
)
REVERSE_WORDS = Kind(
    "reverse_words",
    _reverse,
    (
        "Put these words in reverse order.",
        "Reverse the list.",
        "Write the words from last to first: {input}",
        "Turn this list around.",
        "List these words in reverse, starting with the last one: {input}",
        "Give the reversed list.",
        "Read the list from its end to its beginning.",
        "What is {input} in the opposite order?",
    ),
    ("Lists in reverse order", "Words from last to first", "Reversing lists"),
    "Words",
    "In reverse order",
    "The words {input} in reverse order are {answer}.",
)
PICK_WORD = Kind(
    "pick_word",
    _pick,
    (
        "What is the {ordinal} word?",
        "Give the {ordinal} word of this list.",
        "Which word is {ordinal} in {input}?",
        "Pick out the {ordinal} word.",
        "Name the {ordinal} item of the list: {input}",
        "Tell me the {ordinal} word below.",
        "Only the {ordinal} entry is needed. What is it?",
        "Look at {input} and write down the {ordinal} word.",
    ),
    ("Words by their place", "Picking words from lists", "Which word comes where"),
    "Words",
    "The {ordinal} word",
    "In the list {input} the {ordinal} word is {answer}.",
)
REMOVE_WORD = Kind(
    "remove_word",
    _remove,
    (
        'Remove the word "{old}" from this list.',
        "Take {old} out of the list.",
        "Write these words without {old}: {input}",
        'Delete "{old}" and give the rest.',
        "Leave out {old}: {input}",
        "Drop {old} from the words below.",
        "Everything but {old}, please.",
        "What remains of {input} when {old} is gone?",
    ),
    ("Lists with a word removed", "Taking a word out", "What remains of a list"),
    "Words",
    "Without {old}",
    "The words {input} without {old} are {answer}.",
)
REPLACE_WORD = Kind(
    "replace_word",
    _replace,
    (
        'Replace "{old}" with "{new}".',
        "Change {old} to {new} in this list.",
        "Write {new} in the place of {old}: {input}",
        "Put {new} where {old} stands.",
        "Swap the word {old} for {new}: {input}",
        "Substitute {new} for {old} in the words below.",
        "Instead of {old} the list should say {new}.",
        "How does {input} read once {old} becomes {new}?",
    ),
    ("Lists with a word replaced", "One word for another", "Replacing words"),
    "Words",
    "With {new} for {old}",
    "The words {input} with {new} in the place of {old} are {answer}.",
)
APPEND_WORD = Kind(
    "append_word",
    _append,
    (
        'Add "{new}" to the end of this list.',
        "Append {new} to the words.",
        "Write these words and then {new}: {input}",
        "Put {new} after the last word.",
        "Extend the list with {new}: {input}",
        "Add the word {new} at the end.",
        "The list should go on with {new}.",
        "How does {input} read with {new} tacked on?",
    ),
    ("Lists with a word added", "Adding a word at the end", "Longer lists"),
    "Words",
    "With {new} added",
    "The words {input} with {new} added are {answer}.",
)
SWAP_ENDS = Kind(
    "swap_ends",
    _swap_ends,
    (
        "Swap the first and the last word.",
        "Exchange the first word and the last word of this list.",
        "Write the list with its first and last words swapped: {input}",
        "Let the first and last words change places.",
        "Switch the two outer words: {input}",
        "Swap the ends of the list.",
        "The word in front and the word at the end trade places.",
        "What does {input} become if its two ends are exchanged?",
    ),
    ("Lists with their ends swapped", "First and last word exchanged", "Swapping the ends"),
    "Words",
    "With the ends swapped",
    "The words {input} with the ends swapped are {answer}.",
)
NUMBER_LINES = Kind(
    "number_lines",
    _number_lines,
    (
        "Write these words as a numbered list.",
        "Number these words, one on each line.",
        "Make a numbered list of {input}",
        "Put each word on a line of its own with its number.",
        "Turn this into a numbered list: {input}",
        "Give the words as a list with numbers.",
        "Set these out line by line, counting from 1.",
        "How does {input} look as a numbered list?",
    ),
    ("Numbered lists", "Words with numbers, line by line", "Numbering words"),
    "Words",
    "As a numbered list",
)
ROTATE_WORDS = Kind(
    "rotate_words",
    _rotate,
    (
        "Move the first word to the end.",
        "Put the first word of this list last.",
        "Write the list with its first word moved to the end: {input}",
        "Take the word in front and place it at the end.",
        "Shift {input} by one word, so that the first comes last.",
        "Send the first word to the back of the list.",
    ),
    ("Lists with the first word moved to the end", "Moving the first word", "Rotated lists"),
    "Words",
    "With the first word moved to the end",
    "The words {input} with the first word moved to the end are {answer}.",
)
EVERY_SECOND_WORD = Kind(
    "every_second_word",
    _every_second,
    (
        "Write every second word, starting with the first.",
        "Skip every other word of this list, but keep the first.",
        "Keep the first word, the third and so on: {input}",
        "Give every other word, beginning with the first.",
        "Leave out the second word, the fourth and so on.",
        "Which words of {input} stand in odd places?",
    ),
    ("Every second word", "Every other word of a list", "Words in odd places"),
    "Words",
    "Every second word",
    "Every second word of {input} is {answer}.",
)
