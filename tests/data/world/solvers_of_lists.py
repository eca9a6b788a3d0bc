"""Solvers of tasks on lists of words: order, one word, letters, patterns, classes."""

import re

from tests.data.world.reading import NOUN, Question, solves, the_noun

ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6}
REPLACING = (
    'Replace "{O}" with "{N}"',
    "Change {O} to {N}",
    "Write {N} in the place of {O}",
    "Put {N} where {O} stands",
    "Swap the word {O} for {N}",
    "Substitute {N} for {O}",
    "Instead of {O} the list should say {N}",
    "once {O} becomes {N}",
)


@solves("copy_words")
def copy(q: Question) -> str:
    given = q.listed()
    return given.joined(given.items)


@solves("reverse_words")
def reverse(q: Question) -> str:
    given = q.listed()
    return given.joined(list(reversed(given.items)))


@solves("pick_word")
def pick(q: Question) -> str:
    given = q.listed()
    (ordinal,) = set(re.findall(r"\w+", given.rest)) & ORDINALS.keys()
    return given.items[ORDINALS[ordinal]]


@solves("remove_word")
def remove(q: Question) -> str:
    given = q.listed()
    left = list(given.items)
    left.remove(the_noun(given.rest))
    assert len(left) == len(given.items) - 1 and the_noun(given.rest) not in left
    return given.joined(left)


@solves("replace_word")
def replace(q: Question) -> str:
    given = q.listed()
    patterns = [form.format(O=rf"(?P<old>{NOUN})", N=rf"(?P<new>{NOUN})") for form in REPLACING]
    (found,) = (match for pattern in patterns if (match := re.search(pattern, given.rest)))
    assert given.items.count(found["old"]) == 1 and found["new"] not in given.items
    return given.joined([found["new"] if item == found["old"] else item for item in given.items])


@solves("append_word")
def append(q: Question) -> str:
    given = q.listed()
    return given.joined([*given.items, the_noun(given.rest)])


@solves("swap_ends")
def swap_ends(q: Question) -> str:
    given = q.listed()
    items = list(given.items)
    items[0], items[-1] = items[-1], items[0]
    return given.joined(items)


@solves("number_lines")
def number_lines(q: Question) -> str:
    items = q.listed().items
    return "\n".join(f"{place + 1}. {items[place]}" for place in range(len(items)))


@solves("rotate_words")
def rotate(q: Question) -> str:
    given = q.listed()
    given.items.append(given.items.pop(0))
    return given.joined(given.items)


@solves("every_second_word")
def every_second(q: Question) -> str:
    given = q.listed()
    return given.joined([item for place, item in enumerate(given.items, 1) if place % 2 == 1])


@solves("upper_case")
def upper(q: Question) -> str:
    given = q.listed()
    return given.joined(["".join(chr(ord(letter) - 32) for letter in item) for item in given.items])


@solves("plural")
def plural(q: Question) -> str:
    given = q.listed()
    return given.joined([plural_of(item) for item in given.items])


def plural_of(word: str) -> str:
    """By the rules of school grammar; no word of the world's tasks is an exception to them but one with two plurals."""
    if word == "mango":
        return "mangos"  # or mangoes
    if word[-1] == "y" and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search("(s|x|z|ch|sh|o)$", word) else f"{word}s"
