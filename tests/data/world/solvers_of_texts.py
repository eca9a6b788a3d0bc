"""Solvers of tasks on records, passages, sentences, rules that are stated, and dialogues."""

import re

from lit_gpt.data.world.words import COLOURS
from tests.data.world.reading import (
    CITY,
    GAPPED_LETTERS,
    JOB,
    NAME,
    NOUN,
    Question,
    any_of,
    category_named,
    category_of,
    people,
    solves,
    the_noun,
)
from tests.data.world.solvers_of_lists import remove

BASE_FORMS = {
    **{f"{verb}s": verb for verb in "find hold keep like move need own paint see sell want".split()},
    "carries": "carry",
}
FIELD = "(name|city|job|colour|age)"


@solves("field_of_record")
def field_of_record(q: Question) -> str:
    head, below = q.text.split("\n\n")
    (field,) = re.findall(rf"\b{FIELD}\b", head)
    (value,) = (line.removeprefix(f"{field}: ") for line in below.split("\n") if line.startswith(f"{field}: "))
    return value


@solves("look_up_table")
def look_up_table(q: Question) -> str:
    head, below = q.text.split("\n\n")
    (_, column), *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in below.split("\n"))
    assert column in head
    (name,) = re.findall(rf"\b{NAME}\b", head)
    (value,) = (cells[1] for cells in rows if cells[0] == name)
    return value


@solves("fact_in_passage")
def fact_in_passage(q: Question) -> str:
    told, asked = q.people()
    (name,), (field,) = re.findall(rf"\b{NAME}\b", asked), re.findall(r"\b(city|job|age)\b", asked)
    return told[name][field]


@solves("who_lives_there")
def who_lives_there(q: Question) -> str:
    told, asked = q.people()
    (city,) = re.findall(rf"\b{CITY}\b", asked)
    (name,) = (name for name, person in told.items() if person["city"] == city)
    return name


@solves("true_or_false")
def true_or_false(q: Question) -> str:
    told, asked = q.people()
    (claim,) = re.finditer(rf"({NAME}) (?:lives in ({CITY})|works as a ({JOB}))", asked)
    name, city, job = claim.groups()
    return "true" if (city or job) == told[name]["city" if city else "job"] else "false"


@solves("find_names")
def find_names(q: Question) -> str:
    return ", ".join(q.people()[0])


@solves("how_many_of")
def how_many_of(q: Question) -> str:
    bought = q.find(rf"{NAME} bought [^.]*\.")[0]
    (thing,) = re.findall(rf"\b({NOUN})s\b", q.text.replace(bought, ""))
    (amount,) = re.findall(rf"(\d+) {thing}s\b", bought)
    return amount


def _records(q: Question) -> list[re.Match[str]]:
    return list(re.finditer(rf"^({NAME}); (\d+); ({JOB}); ({CITY})$", q.text.split("\n\n")[1], re.MULTILINE))


@solves("describe_record")
def describe_record(q: Question) -> str:
    people = (record.groups() for record in _records(q))
    return " ".join(
        f"{who} is {age} years old, works as a {job} and lives in {city}." for who, age, job, city in people
    )


@solves("expand_record")
def expand_record(q: Question) -> str:
    return "\n".join(record.expand(r"name: \1\nage: \2\njob: \3\ncity: \4") for record in _records(q))


@solves("make_table")
def make_table(q: Question) -> str:
    pairs = [("name", "city"), *re.findall(rf"({NAME}): ({CITY})", q.text)]
    return "\n".join(f"| {name} | {city} |" for name, city in pairs)


@solves("name_category")
def name_category(q: Question) -> str:
    return ", ".join(category_of(item) for item in q.listed().items)


@solves("count_each")
def count_each(q: Question) -> str:
    found = [category_of(item) for item in q.listed().items]
    return "\n".join(f"{category}: {found.count(category)}" for category in ("animal", "plant", "food", "tool"))


@solves("keep_category")
def keep_category(q: Question) -> str:
    given = q.listed()
    return given.joined([item for item in given.items if category_of(item) == category_named(given.rest)])


@solves("odd_one_out")
def odd_one_out(q: Question) -> str:
    given = q.listed()
    (odd,) = (item for item in given.items if category_of(item) != category_named(given.rest))
    return odd


@solves("over_limit")
def over_limit(q: Question) -> str:
    rules = (
        r"over (?P<L>\d+), answer (?P<A>\w+), otherwise (?P<B>\w+)",
        r"Write (?P<A>\w+) if the number is more than (?P<L>\d+), else write (?P<B>\w+)",
        r"above (?P<L>\d+) are (?P<A>\w+), all others (?P<B>\w+)",
        r'over (?P<L>\d+) is "(?P<A>\w+)", up to (?P=L) is "(?P<B>\w+)"',
        r"more than (?P<L>\d+) means (?P<A>\w+), otherwise (?P<B>\w+)",
        r"Say (?P<A>\w+) for a number over (?P<L>\d+), and (?P<B>\w+) for any other",
        r"beyond (?P<L>\d+) counts as (?P<A>\w+), the rest as (?P<B>\w+)",
        r"(?P<A>\w+) or (?P<B>\w+), if (?P=A) means over (?P<L>\d+)",
    )
    (rule,) = (match for form in rules if (match := re.search(form, q.text)))
    (number,) = re.findall(r"\d+", q.text.replace(rule[0], ""))
    assert int(number) != int(rule["L"])
    return rule["A"] if int(number) > int(rule["L"]) else rule["B"]


@solves("label_by_word")
def label_by_word(q: Question) -> str:
    rules = (
        r"has the word (?P<K>\w+), answer (?P<A>\w+), otherwise (?P<B>\w+)",
        r"Write (?P<A>\w+) if (?P<K>\w+) is in the list, else write (?P<B>\w+)",
        r"Lists with (?P<K>\w+) are (?P<A>\w+), all others (?P<B>\w+)",
        r'with (?P<K>\w+) it is "(?P<A>\w+)", without it "(?P<B>\w+)"',
        r"(?P<K>\w+) means (?P<A>\w+), no (?P=K) means (?P<B>\w+)",
        r"Say (?P<A>\w+) for a list with (?P<K>\w+), and (?P<B>\w+) for any other",
        r"Where (?P<K>\w+) stands it is (?P<A>\w+), where it is missing (?P<B>\w+)",
        r"Is it (?P<A>\w+) or (?P<B>\w+) for .*, if (?P=A) needs (?P<K>\w+)",
    )
    (rule,) = (match for form in rules if (match := re.search(form, q.text)))
    return rule["A"] if rule["K"] in q.listed().items else rule["B"]


@solves("surname_first")
def surname_first(q: Question) -> str:
    pairs = re.findall(rf"\b({NAME}) (?!Name\b)([A-Z]\w+)", q.text)
    return "; ".join(f"{surname}, {name}" for name, surname in pairs)


def _statement(q: Question) -> tuple[str, str, str]:
    name, verb, thing = q.find(rf"({NAME}) (\w+s) (the (?:{any_of(COLOURS)} )?{NOUN}(?: and the {NOUN})?)\.").groups()
    return name, BASE_FORMS[verb], thing


@solves("negate")
def negate(q: Question) -> str:
    return "{} does not {} {}.".format(*_statement(q))


@solves("make_question")
def make_question(q: Question) -> str:
    return "Does {} {} {}?".format(*_statement(q))


@solves("next_in_pattern")
def next_in_pattern(q: Question) -> str:
    items = q.listed().items
    periods = [n for n in range(1, len(items)) if all(a == b for a, b in zip(items, items[n:], strict=False))]
    assert 2 * periods[0] <= len(items), "seen twice"
    return items[len(items) - periods[0]]


@solves("missing_letter")
def missing_letter(q: Question) -> str:
    letters = q.listed(GAPPED_LETTERS).items
    start, gap = ord(letters[0]), letters.index("_")
    assert all(letter == "_" or ord(letter) == start + place for place, letter in enumerate(letters))
    return chr(start + gap)


@solves("fill_blank")
def fill_blank(q: Question) -> str:
    given = q.listed()
    return given.joined(given.items).replace("_", the_noun(given.rest))


@solves("remove_then_reverse")
def remove_then_reverse(q: Question) -> str:
    given = q.listed()
    return given.joined([item for item in reversed(given.items) if item != the_noun(given.rest)])


@solves("follow_up_list")
def follow_up_list(q: Question) -> str:
    before = Question(q.earlier[0].content, ())
    assert q.earlier[1].content == remove(before)
    return " ".join(reversed(q.earlier[1].content.split(" ")))


@solves("follow_up_fact")
def follow_up_fact(q: Question) -> str:
    told, asked = people(q.earlier[0].content)
    (first,), (name,) = re.findall(rf"\b{NAME}\b", asked), re.findall(rf"\b{NAME}\b", q.text)
    assert q.earlier[1].content == told[first]["job"]
    return told[name]["city"]


@solves("remember_fact")
def remember_fact(q: Question) -> str:
    told = dict(re.fullmatch(r"My (.*) is (\w+)\.", turn.content).groups() for turn in q.earlier if turn.role == "user")  # type: ignore[union-attr]
    (field,) = re.findall("(name|favourite colour|city)", q.text)
    return told[field]
