"""Checkable facts in a text: quantities with their units, dates, clock times, names.

Two texts agree on a fact when its value is equal, however it is written: `1,204,000` is `1.204 million`, `3 May
1994` is `1994-05-03`, `12 per cent` is `12%`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import regex

from odqa.reader.words import Word, fold, is_stop, words

MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|"
        "october oct|november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}
WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBER_WORDS = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
NUMBER_WORDS["dozen"] = 12
ORDINALS = {
    word: n
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), 1
    )
}
_SCALES = {
    "hundred": 1e2, "thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9,
    "trillion": 1e12,
}  # fmt: skip
_CURRENCIES = {
    "$": "usd", "usd": "usd", "us$": "usd", "dollar": "usd", "dollars": "usd", "€": "eur", "eur": "eur", "euro": "eur",
    "euros": "eur", "£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "¥": "jpy", "jpy": "jpy", "yen": "jpy",
    "₹": "inr", "inr": "inr", "rupees": "inr", "cents": "cent", "chf": "chf", "francs": "chf",
}  # fmt: skip
_UNIT_FORMS = (
    "percent % per_cent pct|point points|metre m meter metres meters|km kilometre kilometer kilometres kilometers kms|"
    "cm centimetre centimeter centimetres centimeters|mm millimetre millimeter millimetres millimeters|mile miles|"
    "foot feet ft|inch inches|yard yards|kg kilogram kilograms kilo kilos|gram grams g|ton tons|tonne tonnes|"
    "ounce ounces oz|lb lbs|litre liter litres liters|gallon gallons|second seconds sec secs|"
    "minute minutes min mins|hour hours hr hrs|day days|week weeks|month months|year years yr yrs|decade decades|"
    "century centuries|degree degrees °|watt watts|kw kilowatt kilowatts|mw megawatt megawatts|gb gigabyte gigabytes|"
    "mb megabyte megabytes|hz hertz|acre acres|hectare hectares"
)
UNITS = {form.replace("_", " "): forms[0] for forms in map(str.split, _UNIT_FORMS.split("|")) for form in forms}

_NUMBER_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_CURRENCY = "|".join(sorted((regex.escape(c) for c in _CURRENCIES if not c.isalpha()), key=len, reverse=True))
_UNIT = "|".join(
    sorted(
        (regex.escape(u) + (r"(?!\p{L})" if u[-1].isalpha() else r"(?!\s?\d)") for u in {*UNITS, *_CURRENCIES}), key=len
    )[::-1]
)
# European, Arabic, Persian, Devanagari and full-width digits, all of which `float` reads.
_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19]"
_QUANTITY = regex.compile(
    rf"(?<![\p{{L}}\d][.,]?)(?:(?P<currency>{_CURRENCY}|\b(?:usd|eur|gbp|chf)\b)\s?)?(?P<sign>(?<!\d\s?)[-−])?"
    rf"(?:(?P<digits>{_DIGIT}+(?:[.,'\u00a0\u202f]{_DIGIT}+)*)(?P<suffix>st|nd|rd|th|s(?!\p{{L}}))?"
    rf"|\b(?P<words>(?:{_NUMBER_WORD})(?:[\s-](?:and\s)?(?:{_NUMBER_WORD}|hundred))*)(?!\p{{L}}))"
    r"(?:(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|mn|bn)|(?P<scale>[mk]))(?!\p{L}))?"
    rf"(?:[\s-]{{0,2}}(?P<unit>{_UNIT}))?",
    flags=regex.IGNORECASE | regex.VERSION1,
)
_GROUPED = regex.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GROUPED_OTHERWISE = regex.compile(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:['\u00a0\u202f]\d{3})+(?:[.,]\d+)?")
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = regex.compile(
    rf"\b(?:(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})\b"
    rf"|(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<name>{_MONTH})\b\.?(?:,?\s+(?P<year>[0-9]{{4}})\b)?"
    rf"|(?P<name>{_MONTH})\b\.?\s+(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9])(?:\s?,?\s+(?P<year>[0-9]{{4}})\b)?"
    rf"|(?P<name>{_MONTH})\b\.?,?\s+(?P<year>[0-9]{{4}})\b)",
    flags=regex.IGNORECASE | regex.VERSION1,
)
_CLOCK = regex.compile(r"(?<![0-9:])([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?![0-9:])")
_CAPITALISED = r"(?:(?:\p{Lu}\.)+(?!\p{L})|\p{Lu}[\p{L}\p{M}\p{N}'’&-]*(?:\.[\p{Ll}\p{N}]+)*)"
_NAME = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}]|\p{{L}}['’])(?P<name>{_CAPITALISED}"
    r"(?:(?:(?<=\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Hon|Rev|Gen|Col|Lt|Capt))\.)?\s+"
    r"(?:(?:of|de|da|di|du|van|von|der|den|del|la|le|bin|al|for|the|&)\s+){0,2}"
    rf"{_CAPITALISED})*)"
)
_TITLES = frozenset("mr mrs ms miss dr prof professor sir madam lord lady the a an".split())
_LINKING = frozenset("of de da di du van von der den del la le bin al and for the & s".split())
_SENTENCE_START = regex.compile(r"(?:^|[.!?…:;\n]|[“\"'‘(\[]\s*|[-–—]\s)\s*[“\"'‘(\[]*$")


class Quantity(NamedTuple):
    """A number in a text.

    Attributes:
        value: what it counts, scale applied.
        unit: `percent`, a currency code, a unit's first name, `th` for ordinals, `s` for decades, or "".
        start: offset of its first character.
        end: offset after its last character.
        weak: written as a word that is often no number, such as `one`.
    """

    value: float
    unit: str
    start: int
    end: int
    weak: bool = False

    def agrees(self, other: Quantity) -> bool:
        """Tell whether the two numbers are equal and their units do not differ."""
        if not math.isclose(self.value, other.value, rel_tol=1e-6):
            return False
        return self.unit == other.unit or not self.unit or not other.unit


class Date(NamedTuple):
    """A date as far as it is given; absent parts are None."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int

    def agrees(self, other: Date) -> bool:
        """Tell whether `other` gives every part that this date gives, with the same value."""
        return all(mine in (None, theirs) for mine, theirs in zip(self[:3], other[:3], strict=True))

    @property
    def order(self) -> tuple[int, int, int]:
        """A key that sorts dates by time, unknown parts first."""
        return (self.year or 0, self.month or 0, self.day or 0)


class Name(NamedTuple):
    """A capitalised name and the words it is made of, titles and small words left out.

    Attributes:
        text: as written.
        parts: its words.
        start: offset of its first character.
        end: offset after its last character.
        weak: it opens a sentence, so the capital may mean nothing.
    """

    text: str
    parts: tuple[Word, ...]
    start: int
    end: int
    weak: bool = False


def _value(digits: str) -> float:
    if _GROUPED.fullmatch(digits):
        return float(digits.replace(",", ""))
    if _GROUPED_OTHERWISE.fullmatch(digits):
        whole, _, part = digits.replace("\u00a0", "'").replace("\u202f", "'").partition(",")
        return float(whole.replace("'", "").replace(".", "") + ("." + part if part else ""))
    plain = digits.replace("'", "").replace("\u00a0", "").replace("\u202f", "")
    if plain.count(",") == 1 and "." not in plain:
        return float(plain.replace(",", "."))
    parts = plain.replace(",", ".").split(".")
    return float(parts[0] + ("." + "".join(parts[1:]) if parts[1:] else ""))


def _worded(phrase: str) -> float:
    total = 0.0
    for part in regex.split(r"[\s-]+", phrase.lower()):
        if part == "hundred":
            total = max(total, 1) * 100
        elif part == "dozen":
            total = max(total, 1) * 12
        else:
            total += NUMBER_WORDS.get(part, 0)
    return total


@lru_cache(maxsize=1 << 12)
def dates(text: str) -> tuple[Date, ...]:
    """Return the dates of a text that name a month; a lone year is a quantity."""
    found = []
    for match in _DATE.finditer(text):
        month = int(match["month"]) if match["month"] else MONTHS[match["name"].lower()]
        if match["name"] and match["name"].islower() and match["name"].lower() in {"may", "march", "mar", "sep", "dec"}:
            continue  # "in march 3 soldiers" is a verb or a noun; months are capitalised
        year = int(match["year"]) if match["year"] else None
        found.append(Date(year, month, int(match["day"]) if match["day"] else None, match.start(), match.end()))
    return tuple(found)


@lru_cache(maxsize=1 << 12)
def clock_times(text: str) -> tuple[tuple[int, int, int], ...]:
    """Return `(seconds, start, end)` of each time such as `14:05` (minutes and seconds) or `01:02:03`."""
    found = []
    for match in _CLOCK.finditer(text):
        first, second, third = match.group(1), match.group(2), match.group(3)
        seconds = int(first) * 60 + int(second)
        found.append((seconds * 60 + int(third) if third else seconds, match.start(), match.end()))
    return tuple(found)


@lru_cache(maxsize=1 << 12)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the numbers of a text that are not part of a date or a clock time."""
    taken = [(date.start, date.end) for date in dates(text)] + [(start, end) for _, start, end in clock_times(text)]
    found = []
    for match in _QUANTITY.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        value = _value(match["digits"]) if match["digits"] else _worded(match["words"])
        if match["scale"]:
            value *= _SCALES[match["scale"].lower()]
        if match["sign"]:
            value = -value
        unit = match["currency"] or match["unit"] or ""
        unit = _CURRENCIES.get(unit.lower(), UNITS.get(unit.lower(), ""))
        if match["suffix"] and not unit:
            unit = "s" if match["suffix"].lower() == "s" else "th"
        weak = bool(match["words"]) and match["words"].lower() in {"one", "zero"} and not match["scale"]
        found.append(Quantity(value, unit, match.start(), match.end(), weak))
    return tuple(found)


@lru_cache(maxsize=1 << 12)
def names(text: str) -> tuple[Name, ...]:
    """Return the capitalised names of a text; a text in capitals throughout has none to tell."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) > 20 and sum(c.isupper() for c in letters) > 0.6 * len(letters):
        return ()
    found = []
    for match in _NAME.finditer(text):
        start, end = match.span("name")
        at_start = _SENTENCE_START.search(text[max(0, start - 12) : start]) is not None or start == 0
        parts = [
            Word(w.text, w.stem, w.start + start, w.end + start)
            for w in words(text[start:end])
            if fold(w.text) not in _LINKING and fold(w.text).rstrip(".") not in _TITLES
        ]
        while parts and is_stop(parts[0].text):
            parts, at_start = parts[1:], at_start and len(parts) > 2
        parts = [p for p in parts if p.text[0].isupper() and not is_stop(p.text)]
        if parts:
            weak = at_start and len(parts) == 1 and parts[0].start <= start and not parts[0].text[1:].isupper()
            found.append(Name(text[parts[0].start : parts[-1].end], tuple(parts), parts[0].start, parts[-1].end, weak))
    return tuple(found)
