"""Numbers as a reader likes them: shares in percent, times in the unit that fits, nothing where there is nothing."""

NOTHING = "—"
MINUS = "−"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(number: int | float | None) -> str:
    """A whole number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}".replace("-", MINUS)


def percent(share: float | None) -> str:
    """0.61 as 61.0%."""
    return NOTHING if share is None else f"{100 * share:.1f}%".replace("-", MINUS)


def percent_range(low: float, high: float) -> str:
    """An interval of shares: [56.0, 65.0]."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]".replace("-", MINUS)


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, always with its sign."""
    if difference is None:
        return NOTHING
    text = f"{100 * difference:+.1f}"
    return ("0.0" if text in ("+0.0", "-0.0") else text).replace("-", MINUS)


def points_range(low: float, high: float) -> str:
    return f"[{points(low)}, {points(high)}]"


def significant(number: float, n_digits: int = 4) -> str:
    """A measurement to so many digits that mean something; very large and small ones as powers of ten."""
    if number == 0:
        return "0"
    if 1e-4 <= abs(number) < 1e6:
        whole = len(str(int(abs(number)))) if abs(number) >= 1 else 0
        text = f"{number:,.{max(n_digits - whole, 0)}f}" if whole else f"{number:.{n_digits}g}"
        return text.replace("-", MINUS)
    mantissa, exponent = f"{number:.{n_digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa.replace('-', MINUS)} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def power_of_ten(exponent: int) -> str:
    return f"10{str(exponent).translate(SUPERSCRIPT)}"


def duration(elapsed_s: float | None) -> str:
    """Seconds, then minutes and seconds, then hours and minutes."""
    if elapsed_s is None:
        return NOTHING
    if elapsed_s < 60:
        return f"{elapsed_s:.1f} s"
    minutes, seconds = divmod(round(elapsed_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def shorten(text: str, max_chars: int) -> str:
    """The text, or its beginning and how much of it is not shown."""
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]} … [{len(text) - max_chars:,} more characters not shown]"


def in_words(code: str) -> str:
    """`empty_output` as `empty output`."""
    return code.replace("_", " ")
