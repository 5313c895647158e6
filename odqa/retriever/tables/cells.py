"""Typed cells: numbers with units and scales, years, dates, durations, ranks, words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from odqa.index.summary.dates import find_dates
from odqa.index.summary.tables import parse_number
from odqa.schema import Span

LONGEST = 60
"""Characters up to which a cell is read as anything but words."""

CURRENCY_SIGNS = "$€£¥₹"

_SHARE = 0.6  # Of a column's filled cells that must be of a kind for the column to be of it.
_DIGIT = re.compile(r"\d")
_FOUR_DIGITS = re.compile(r"\d{4}")
_PLAIN = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d+)?")  # What most cells with a number are.
_MISSING = re.compile(
    r"(?:[$€£¥₹]?\s*[-–—−‒?.*\s]*%?|n\.?\s?/?\s?a\.?|nil|none|tb[ad]|unknown|dn[fsq]|—)", re.IGNORECASE
)
_FOOTNOTE = re.compile(r"(?<=[\w%)\]])\s*(?:\[\s*\w{1,6}\s*\]|\(\s?(?:\d|[a-z])\s?\)|[*†‡§#^]+|[¹²³⁴⁵⁶⁷⁸⁹⁰]+)\s*$")
_CURRENCY = re.compile(r"(?:US|AU|CA|NZ|HK|[ACS])?\$|[€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|INR|RMB|CNY|AUD|CAD|Rs)\b\.?")
_SCALE_AFTER = re.compile(r"\s*(thousand|million|billion|trillion|bn|mn|mio)s?\b\.?", re.IGNORECASE)
_MEASURE = re.compile(
    r"(?P<number>[-−–(]?\s?\d[\d,]*(?:\.\d+)?\)?)\s?(?P<unit>[^\W\d_]{1,12}[²³]?(?:/[^\W\d_]{1,4}[²³]?)?)?"
)
_ASIDE = re.compile(r"\s*\([^()]*[^\W\d_][^()]*\)$")
_YEAR = re.compile(r"(?:1[5-9]|2[01])\d\d")
_DURATION = re.compile(r"(?:(\d{1,3})[:h]\s?)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)")
_RANK = re.compile(r"(?:T-?|=)?(\d{1,4})(?:st|nd|rd|th)|(?:T-?|=)(\d{1,4})", re.IGNORECASE)
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SHORT = {"bn": "billion", "mn": "million", "mio": "million"}
_SCALE_WORD = re.compile(r"(?:in|of|[$€£¥₹']|\b)\s?(thousand|million|billion|trillion)s?\b", re.IGNORECASE)
_SCALE_MARK = re.compile(r"[$€£¥₹]\s?['’]?(000|m|mn|bn|k)s?\b|['’](000)s?\b", re.IGNORECASE)
_MARKS = {"000": "thousand", "k": "thousand", "m": "million", "mn": "million", "bn": "billion"}
_DOLLARS = re.compile(r"\b(?:US\s|U\.S\.\s)?dollars?\b", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\(\s?(?:in\s)?([^\W\d_]{1,12}[²³]?(?:/[^\W\d_]{1,6}[²³]?)?)\s?\)")
_UNITS = frozenset(
    """
    m km cm mm mi ft in yd km² mi² m² ha kg g t lb lbs s sec secs seconds min mins minutes h hr hrs hours days weeks
    months years mph km/h kw mw gw kwh mwh gwh hz khz mhz ghz kb mb gb tb l ml tonnes tons metres meters miles feet
    kilometres kilometers acres hectares degrees °c °f points people cents
    """.split()
)


class CellKind(StrEnum):
    """What a cell holds."""

    NUMBER = "number"
    YEAR = "year"
    DATE = "date"
    DURATION = "duration"
    RANK = "rank"
    TEXT = "text"
    MISSING = "missing"


ORDERED = frozenset({CellKind.NUMBER, CellKind.YEAR, CellKind.DATE, CellKind.DURATION})
"""Kinds whose cells have an order that superlatives ask for."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What numbers are counted in: a currency, `%` or a measure, and the word of its scale."""

    name: str = ""
    scale: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.scale)))

    @property
    def factor(self) -> float:
        """What a number is to be multiplied by."""
        return _SCALES.get(self.scale, 1.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, read.

    Attributes:
        span: its characters in the document.
        text: these characters.
        kind: what it holds.
        value: the number; for dates and years a number that grows with time, for durations seconds; else None.
        unit: as the cell itself writes it.
    """

    span: Span
    text: str
    kind: CellKind
    value: float | None = None
    unit: Unit = Unit()

    @property
    def is_filled(self) -> bool:
        """Whether it holds something."""
        return self.kind is not CellKind.MISSING


def read_cell(document_text: str, span: Span) -> Cell:
    """Read one cell: `$(1,204.5)`, `12 %`, `1:23.45`, `T-3`, `4 May 1999`, `–`; anything else is words."""
    text = span.of(document_text).strip()
    if not text or (len(text) < 8 and _MISSING.fullmatch(text)):
        return Cell(span, text, CellKind.MISSING)
    if len(text) > LONGEST or not _DIGIT.search(text):
        return Cell(span, text, CellKind.TEXT)
    if _PLAIN.fullmatch(text) and (number := parse_number(text)) is not None:
        return Cell(span, text, CellKind.NUMBER, number)
    bare = _FOOTNOTE.sub("", text).strip()
    if _YEAR.fullmatch(bare):
        return Cell(span, text, CellKind.YEAR, float(bare))
    if match := _RANK.fullmatch(bare):
        return Cell(span, text, CellKind.RANK, float(match[1] or match[2]))
    if match := _DURATION.fullmatch(bare):
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return Cell(span, text, CellKind.DURATION, 3600 * hours + 60 * minutes + seconds)
    if (quantity := read_quantity(bare)) is not None:
        return Cell(span, text, CellKind.NUMBER, *quantity)
    mention = next(find_dates(bare), None) if _FOUR_DIGITS.search(bare) else None
    if mention is not None and mention.span.end - mention.span.start >= 0.6 * len(bare):
        year, month, day = mention.order
        return Cell(span, text, CellKind.DATE, year + month / 13 + day / 500)
    return Cell(span, text, CellKind.TEXT)


def read_quantity(text: str) -> tuple[float, Unit] | None:
    """Return the number and the unit that a text consists of, or None where it is something else.

    Args:
        text: without footnote marks: `$ (89.7)`, `(8)%`, `1.85 m (6 ft 1 in)`, `10.5 million`.
    """
    text = _ASIDE.sub("", text).strip()
    name = scale = ""
    if match := _CURRENCY.search(text):
        name = match.group().rstrip(".")
        text = text[: match.start()] + text[match.end() :]
    if "%" in text:
        name, text = "%", text.replace("%", "", 1)
    if match := _SCALE_AFTER.search(text):
        word = match[1].lower()
        scale, text = _SHORT.get(word, word), text[: match.start()] + text[match.end() :]
    compact = text.strip().replace("( ", "(").replace(" )", ")")
    match = _MEASURE.fullmatch(compact)
    if match is None:
        return None
    if match["unit"]:
        if name:
            return None
        name, compact = match["unit"], match["number"]
    number = parse_number(compact)
    return None if number is None else (number, Unit(name, scale))


def find_unit(text: str) -> Unit:
    """Return the unit that a header, caption or label names: `(In thousands)`, `US$’000`, `£m`, `Length (km)`."""
    name = scale = ""
    if match := _SCALE_WORD.search(text.replace("inthousands", "in thousands").replace("inmillions", "in millions")):
        scale = match[1].lower()
    elif match := _SCALE_MARK.search(text):
        scale = _MARKS[(match[1] or match[2]).lower()]
    if match := _CURRENCY.search(text):
        name = match.group().rstrip(".")
    elif _DOLLARS.search(text):
        name = "$"
    elif "%" in text or re.search(r"\bper\s?cent(?:age)?\b", text, re.IGNORECASE):
        name = "%"
    elif (match := _IN_BRACKETS.search(text)) and match[1].lower() in _UNITS:
        name = match[1]
    return Unit(name, "" if name == "%" else scale)


def column_kind(cells: Sequence[Cell]) -> CellKind:
    """Return the kind that most filled cells are of; years among numbers are numbers, numbers among durations seconds.

    Ranks that are written as bare numbers are told by their header, not here.
    """
    counts = Counter(cell.kind for cell in cells if cell.is_filled)
    total = sum(counts.values())
    if not total:
        return CellKind.MISSING
    kind, count = counts.most_common(1)[0]
    numbers = counts[CellKind.NUMBER] + counts[CellKind.YEAR]
    if counts[CellKind.DURATION] and counts[CellKind.DURATION] + numbers >= _SHARE * total:
        return CellKind.DURATION
    if counts[CellKind.DATE] and counts[CellKind.DATE] + counts[CellKind.YEAR] >= _SHARE * total:
        return CellKind.DATE
    if counts[CellKind.RANK] and counts[CellKind.RANK] + numbers >= _SHARE * total:
        return CellKind.RANK  # `1, T-2, T-2, 4`
    if counts[CellKind.NUMBER] and numbers >= _SHARE * total:
        # One or two figures between 1,500 and 2,199 do not make a column one of years, nor the other way round.
        return CellKind.YEAR if counts[CellKind.YEAR] > 4 * counts[CellKind.NUMBER] else CellKind.NUMBER
    return kind if count >= _SHARE * total else CellKind.TEXT
