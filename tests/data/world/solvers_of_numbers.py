"""Solvers of tasks on numbers, counts, days, clocks and units."""

import re
from calendar import day_name, month_name
from datetime import date, datetime, timedelta
from functools import reduce
from itertools import pairwise
from statistics import median

from tests.data.world.reading import (
    LETTER_RUN,
    NAME,
    NUMBER_RUN,
    Question,
    any_of,
    category_named,
    category_of,
    solves,
    the_noun,
)

UNITS = {"metres": 100, "kilograms": 1000, "weeks": 7, "years": 12}
SMALL = {"metres": "centimetres", "kilograms": "grams", "weeks": "days", "years": "months"}
MORE = r"(\w+) has (\d+) (\w+)s and gets (\d+) more\."


@solves("sort_words")
def sort_words(q: Question) -> str:
    given, found = q.listed(), []
    for item in given.items:  # by insertion
        found.insert(sum(other < item for other in found), item)
    return given.joined(found)


@solves("sort_then_last")
def last_in_the_alphabet(q: Question) -> str:
    return reduce(lambda a, b: b if b > a else a, q.listed().items)


def _by_size(q: Question) -> tuple[list[int], str]:
    given = q.listed(NUMBER_RUN)
    numbers = [int(item) for item in given.items]
    assert len(set(numbers)) == len(numbers), "no two are equal"
    return sorted(numbers), given.separator


@solves("sort_numbers")
def sort_up(q: Question) -> str:
    numbers, separator = _by_size(q)
    return separator.join(map(str, numbers))


@solves("sort_down")
def sort_down(q: Question) -> str:
    numbers, separator = _by_size(q)
    return separator.join(map(str, reversed(numbers)))


@solves("largest_number")
def largest(q: Question) -> str:
    return str(_by_size(q)[0][-1])


@solves("smallest_number")
def smallest(q: Question) -> str:
    return str(_by_size(q)[0][0])


@solves("middle_number")
def middle(q: Question) -> str:
    return str(median(_by_size(q)[0]))


@solves("is_sorted")
def is_sorted(q: Question) -> str:
    numbers = [int(item) for item in q.listed(NUMBER_RUN).items]
    return "yes" if all(a < b for a, b in pairwise(numbers)) else "no"


@solves("oldest_person")
def oldest(q: Question) -> str:
    ages = {int(age): name for name, age in re.findall(rf"({NAME}) is (\d+)\.", q.text)}
    return ages[max(ages)]


@solves("count_words")
def count_words(q: Question) -> str:
    return str(len(q.listed().items))


@solves("count_word")
def count_word(q: Question) -> str:
    given = q.listed()
    return str(sum(item == the_noun(given.rest) for item in given.items))


@solves("count_category")
def count_category(q: Question) -> str:
    given = q.listed()
    return str([category_of(item) for item in given.items].count(category_named(given.rest)))


@solves("count_letter")
def count_letter(q: Question) -> str:
    given = q.listed(LETTER_RUN)
    (letter,) = re.findall(r'"(\w)"|letter ([a-h])\b|does ([a-h]) stand|count ([a-h]) alone', given.rest)
    return str(given.items.count("".join(letter)))


@solves("add", "subtract")
def calculate(q: Question) -> str:
    a, sign, b = q.find(r"(\d+) ([-+]) (\d+)").groups()
    return str(int(a) + int(f"{sign}{b}"))


@solves("even_or_odd")
def even_or_odd(q: Question) -> str:
    return "even" if q.find(r"\d+")[0][-1] in "02468" else "odd"


@solves("gets_more")
def gets_more(q: Question) -> str:
    _, a, _, b = q.find(MORE).groups()
    return str(int(a) + int(b))


@solves("add_then_compare")
def add_then_compare(q: Question) -> str:
    first, a, thing, b = q.find(MORE).groups()
    second, c = q.find(rf"more\. (\w+) has (\d+) {thing}s\.").groups()
    difference = int(a) + int(b) - int(c)
    assert first != second and difference
    return first if difference > 0 else second


@solves("next_number")
def next_number(q: Question) -> str:
    numbers = [int(item) for item in q.listed(NUMBER_RUN).items]
    (step,) = {b - a for a, b in pairwise(numbers)}
    return str(numbers[-1] + step)


@solves("change_due")
def change_due(q: Question) -> str:
    cost, paid = q.find(r"costs (\d+) cents\. It is paid with (\d+) cents\.").groups()
    return str(int(paid) - int(cost))


@solves("sum_in_steps")
def sum_in_steps(q: Question) -> str:
    total, *others = map(int, q.find(r"\d+(?: \+ \d+)+")[0].split(" + "))
    said = ""
    for number in others:
        said += f"{total} + {number} = {total + number}. "
        total += number
    return f"{said}The result is {total}."


@solves("sort_and_say")
def sort_and_say(q: Question) -> str:
    numbers, _ = _by_size(q)
    upwards = " ".join(map(str, numbers))
    return f"In ascending order: {upwards}. Smallest: {numbers[0]}. Largest: {numbers[-1]}."


@solves("weekday_later")
def weekday_later(q: Question) -> str:
    day, n_days = q.find(r"on (\w+day)\. It comes (\d+) days? later").groups()
    monday = date(2024, 1, 1)
    return f"{monday + timedelta(days=list(day_name).index(day) + int(n_days)):%A}"


@solves("month_later")
def month_later(q: Question) -> str:
    month, n_months = q.find(r"starts in (\w+) and stops (\d+) months? later").groups()
    months = list(month_name)[1:] * 2
    return months[months.index(month) + int(n_months)]


@solves("add_minutes")
def add_minutes(q: Question) -> str:
    clock, minutes = q.find(r"\d\d:\d\d")[0], int(q.find(r"(\d+) minutes\b")[1])
    return f"{datetime.strptime(clock, '%H:%M') + timedelta(minutes=minutes):%H:%M}"


@solves("to_smaller_unit")
def to_smaller_unit(q: Question) -> str:
    amount, unit = q.find(rf"(\d+) ({any_of(list(UNITS))})\b").groups()
    assert re.search(rf"\b{SMALL[unit]}\b", q.text)
    return str(int(amount) * UNITS[unit])


@solves("long_date")
def long_date(q: Question) -> str:
    day = date.fromisoformat(q.find(r"\d{4}-\d\d-\d\d")[0])
    return f"{day.day} {day:%B %Y}"


@solves("short_date")
def short_date(q: Question) -> str:
    day = q.find(r"\d{1,2} [A-Z][a-z]+ \d{4}")[0]
    return f"{datetime.strptime(day, '%d %B %Y'):%Y-%m-%d}"
