"""Tasks on days, clock times, dates and units."""

from datetime import date, timedelta
from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import COUNTABLE, MONTHS, NAMES, WEEKDAYS, with_article

FIRST_DAY, N_DAYS = date(1980, 1, 1), 20_000
UNITS = {("metre", "centimetre"): 100, ("kilogram", "gram"): 1000, ("week", "day"): 7, ("year", "month"): 12}


def _weekday(draw: Random, level: int) -> Problem:
    day, n_days = draw.randrange(7), draw.randint(1, (7, 14, 28)[level - 1])
    name, thing = draw.choice(NAMES), draw.choice(COUNTABLE)
    told = f"{name} orders {with_article(thing)} on {WEEKDAYS[day]}. It comes {n_days} day{'s' * (n_days > 1)} later."
    return Problem(told, WEEKDAYS[(day + n_days) % 7], {"thing": thing}, core=f"{day} + {n_days}")


def _month(draw: Random, level: int) -> Problem:
    month, n_months = draw.randrange(12), draw.randint(1, (3, 6, 11)[level - 1])
    name = draw.choice(NAMES)
    told = f"{name} starts in {MONTHS[month]} and stops {n_months} month{'s' * (n_months > 1)} later."
    return Problem(told, MONTHS[(month + n_months) % 12], {"name": name})


def _add_minutes(draw: Random, level: int) -> Problem:
    minutes = draw.randrange(24 * 12) * 5
    more = draw.choice(((5, 10, 30), (15, 20, 45, 60), (25, 35, 75, 90))[level - 1])
    later = (minutes + more) % (24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return Problem(clock, f"{later // 60:02d}:{later % 60:02d}", {"minutes": str(more)})


def _smaller_unit(draw: Random, level: int) -> Problem:
    (large, small), factor = draw.choice(sorted(UNITS.items()))
    most = (99, 300, 999) if factor in (100, 1000) else (9, 20, 30)
    amount = draw.randint(2, most[level - 1])
    return Problem(f"{amount} {large}s", str(amount * factor), {"unit": f"{small}s"})


def _long_date(draw: Random, level: int) -> Problem:
    day = FIRST_DAY + timedelta(days=draw.randrange(N_DAYS))
    return Problem(day.isoformat(), f"{day.day} {MONTHS[day.month - 1]} {day.year}")


def _short_date(draw: Random, level: int) -> Problem:
    day = FIRST_DAY + timedelta(days=draw.randrange(N_DAYS))
    return Problem(f"{day.day} {MONTHS[day.month - 1]} {day.year}", day.isoformat())


WEEKDAY_LATER = Kind(
    "weekday_later",
    _weekday,
    (
        "On which day does the {thing} come?",
        "{input} Which weekday is that?",
        "Work out the weekday.",
        "{input} Name the day of the week.",
        "Read this and give the day on which the {thing} comes.",
        "{input} On what day is that?",
        "The {thing} is there on which weekday?",
        "{input} Tell me the weekday of its coming.",
    ),
    ("Days of the week", "Weekdays some days later", "Orders and their days"),
    "Order",
    "Day",
    "{input} That is on {answer}.",
)
MONTH_LATER = Kind(
    "month_later",
    _month,
    (
        "In which month does {name} stop?",
        "{input} Which month is that?",
        "Work out the month.",
        "{input} Name the last month.",
        "Until which month does {name} go on?",
        "{input} In what month is it over?",
    ),
    ("Months of the year", "Some months later", "Months counted on"),
    "Work",
    "Month",
    "{input} That is in {answer}.",
)
ADD_MINUTES = Kind(
    "add_minutes",
    _add_minutes,
    (
        "What time is it {minutes} minutes later?",
        "Add {minutes} minutes to this time.",
        "It is {input}. What time is it in {minutes} minutes?",
        "Give the time after {minutes} minutes.",
        "A train leaves at {input} and takes {minutes} minutes. When does it arrive?",
        "Which time comes {minutes} minutes after this one?",
        "Let {minutes} minutes pass. What does the clock show?",
        "Starting at {input}, wait {minutes} minutes. The time is then?",
    ),
    ("Clock times", "Minutes added to a time", "Time later on"),
    "Time",
    "{minutes} minutes later",
    "The time {minutes} minutes after {input} is {answer}.",
)
TO_SMALLER_UNIT = Kind(
    "to_smaller_unit",
    _smaller_unit,
    (
        "How many {unit} is that?",
        "Convert this to {unit} and write the number alone.",
        "Express {input} in {unit}. Only the number, please.",
        "Give the number of {unit}.",
        "How many {unit} are {input}?",
        "Write how many {unit} it is.",
        "Measured in {unit}, what is the number?",
        "What number of {unit} makes {input}?",
    ),
    ("Units", "Amounts in smaller units", "Converting units"),
    "Amount",
    "In {unit}",
    "In {unit} the amount {input} is {answer}.",
)
LONG_DATE = Kind(
    "long_date",
    _long_date,
    (
        "Write this date as day, name of the month, year.",
        "Rewrite the date as day, month name and year.",
        "Give {input} in the form 5 March 1990.",
        "Spell out the month: day, month, year.",
        "How is {input} written in full, like 7 May 2001?",
        "Change the date to its long form, as in 12 June 1985.",
        "Say this date with the day first and the month by its name.",
        "In a letter that says 3 April 1999, {input} would be written how?",
    ),
    ("Dates in full", "Dates with the month's name", "Long dates"),
    "Date",
    "In full",
    "The date {input} in full is {answer}.",
)
SHORT_DATE = Kind(
    "short_date",
    _short_date,
    (
        "Write this date in figures: year, month, day.",
        "Rewrite the date in the form YYYY-MM-DD.",
        "Give {input} in the form 1990-03-05.",
        "Put this date into figures with hyphens, as in 2001-05-07.",
        "How is {input} written in figures, like 1985-06-12?",
        "Change the date to its short form, YYYY-MM-DD.",
        "Say this date in the way computers do, year first: 1999-04-03.",
        "In a file name that ends in 2003-11-25, {input} would be written how?",
    ),
    ("Dates in figures", "Dates with hyphens", "Short dates"),
    "Date",
    "In figures",
    "The date {input} in figures is {answer}.",
)
