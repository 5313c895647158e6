"""What a question asks of a table: the operation, the years, the threshold, and the words that are left to match."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from odqa.retriever.tables.cells import Unit, read_quantity
from odqa.retriever.tables.patterns import (
    ASKED,
    COMPARED,
    EVERY_YEAR,
    EXPLANATION,
    EXTREMES,
    HAS_PERCENT,
    IN_TIME,
    JOINING,
    MEASURES,
    NESTED,
    OF_PERCENT,
    OF_WHOLE,
    OPERATION_WORDS,
    PATTERNS,
    RESPECTIVE,
    SUPERLATIVES,
    THRESHOLD,
    WEIGHTED,
    YEAR_RANGE,
    YEARLY,
    Operation,
    rank_of,
)
from odqa.retriever.tables.terms import STOP, Token, join, tokens, years


@dataclass(frozen=True, slots=True)
class Threshold:
    """`more than 50 million`: which side of which number.

    Attributes:
        above: numbers that are larger; else smaller.
        inclusive: the number itself too (`at least`).
        value: the number as written.
        unit: its unit and scale, as far as written.
        text: as written.
        number: its number as written.
        in_time: the number is a year (`after 2010`).
    """

    above: bool
    inclusive: bool
    value: float
    unit: Unit
    text: str
    number: str
    in_time: bool = False

    def __str__(self) -> str:
        """Return it as people say it: `of more than 50 million`, `after 2010`."""
        if self.in_time:
            word = ("since" if self.inclusive else "after") if self.above else ("up to" if self.inclusive else "before")
        else:
            word = (
                ("at least" if self.inclusive else "more than")
                if self.above
                else ("at most" if self.inclusive else "less than")
            )
            word = f"of {word}"
        return f"{word} {self.number}"

    def holds(self, value: float, limit: float) -> bool:
        """Tell whether `value` is on the right side of `limit`."""
        if value == limit:
            return self.inclusive
        return (value > limit) is self.above


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A question, read for tables.

    Attributes:
        text: white space squeezed.
        operation: what it asks for; LOOKUP where nothing else is asked.
        tokens: its words.
        required: terms that rows, columns or context must account for, in order; the operation's words are left out.
        years: that it names, in order.
        ranged: the years are ends of a range (`from 2015 to 2019`).
        every_year: it asks about all years there are (`both years`).
        yearly: years are what it asks for (`In which year …`, `How many years …`).
        threshold: for counts and filters.
        rank: 1 for the highest, 2 for the second highest.
        adjective: of a superlative or comparison, as a superlative: `longest`.
        percent: the result is wanted in percent.
        of_percent: it is about percentages that the table holds (`the change in the percentage of …`).
        reversed: the second quantity named is to be divided by the first (`what percentage of A is B`).
        asked: terms of the noun after `which`, `what` or `how many`.
        trigger: terms of the words that ask for the operation.
        others: those of further operations, which can only be words of a label: `average` in `the change in the
            weighted average rate`.
    """

    text: str
    operation: Operation
    tokens: tuple[Token, ...]
    required: tuple[str, ...]
    years: tuple[int, ...] = ()
    ranged: bool = False
    every_year: bool = False
    yearly: bool = False
    threshold: Threshold | None = None
    rank: int = 1
    adjective: str = ""
    percent: bool = False
    of_percent: bool = False
    reversed: bool = False
    asked: tuple[str, ...] = ()
    trigger: frozenset[str] = frozenset()
    others: tuple[frozenset[str], ...] = ()

    @property
    def terms(self) -> frozenset[str]:
        """All terms of the question, the operation's words included."""
        return frozenset(token.term for token in self.tokens)


_GENERIC = frozenset(
    """
    amount valu number compani fiscal financi year period annual end respect follow tabl figur level report list
    accord given express term shown state record total averag mean sum overal combin altogeth name thousand million
    billion fy amongst approxim exact held yearli nomin score receiv achiev
    """.split()
)  # Terms that questions have and tables need not.
_MONTHS = frozenset("januari februari march april june juli august septemb octob novemb decemb".split())


def read_question(text: str) -> list[TableQuestion]:
    """Read what a question asks of a table, by rules: one reading for each operation that it may mean.

    Args:
        text: the question, in English.

    Returns:
        The likeliest first; none where it asks for an explanation.
    """
    text = " ".join(text.split())
    if EXPLANATION.search(text):
        return []
    found = _operations(text)
    threshold = _threshold(text, years(text))
    if threshold is not None and (not found or found[0][0] in (Operation.COMPARE, Operation.SUM)):
        return [_reading(text, Operation.FILTER, None, [], threshold)]
    if not found:
        return [_reading(text, Operation.LOOKUP, None, [], threshold)]
    nested = [each for each in found if each[0] in NESTED]
    extremes = [each for each in found if each[0] in EXTREMES]
    chosen = found[:1] if threshold is not None else nested or extremes or found[:1]
    spans = [span for _, span in found]
    return [
        _reading(text, *each, spans, threshold, [match for operation, match in nested if operation is not each[0]])
        for each in chosen
    ]


def _operations(text: str) -> list[tuple[Operation, re.Match[str]]]:
    """Return the operations whose words the question has; of two that the same words ask for, the first."""
    found: list[tuple[Operation, re.Match[str]]] = []
    for operation, pattern in PATTERNS:
        match = pattern.search(text)
        if match is None or (operation is Operation.RATIO and OF_PERCENT.search(text)):
            continue
        if any(match.start() < other.end() and other.start() < match.end() for _, other in found):
            continue
        if operation in JOINING and RESPECTIVE.search(text):
            continue
        if operation is Operation.MEAN and WEIGHTED.search(text):
            continue  # A quantity's name; the weights are not in the table.
        found.append((operation, match))
    return found


def _reading(
    text: str,
    operation: Operation,
    match: re.Match[str] | None,
    consumed: Sequence[re.Match[str]],
    threshold: Threshold | None,
    others: Sequence[re.Match[str]] = (),
) -> TableQuestion:
    words = tokens(text)
    asked = ASKED.search(text)
    when = years(text)
    if threshold is not None and threshold.unit == Unit() and threshold.value in when:
        when = tuple(year for year in when if year != threshold.value)
    return TableQuestion(
        text=text,
        operation=operation,
        tokens=tuple(words),
        required=_required(words, [span.span() for span in consumed], threshold, text, operation),
        years=when,
        ranged=YEAR_RANGE.search(join(text)) is not None,
        every_year=EVERY_YEAR.search(text) is not None,
        yearly=YEARLY.search(text) is not None,
        threshold=threshold,
        rank=rank_of(match.groupdict().get("ordinal") or "") if match else 1,
        adjective=_adjective(text, operation, match),
        percent=HAS_PERCENT.search(text) is not None,
        of_percent=OF_PERCENT.search(text) is not None,
        reversed=OF_WHOLE.search(text) is not None,
        asked=tuple(t.term for t in tokens(asked["noun"]) if t.word.lower() not in STOP) if asked else (),
        trigger=_trigger(match),
        others=tuple(_trigger(other) for other in others),
    )


def _adjective(text: str, operation: Operation, match: re.Match[str] | None) -> str:
    if match is not None and operation in EXTREMES:
        return re.split(r"[\s-]", match.group())[-1].lower()
    word = COMPARED.search(text)
    return SUPERLATIVES.get(word.group().lower(), "") if word else ""


def _trigger(match: re.Match[str] | None) -> frozenset[str]:
    found = tokens(match.group()) if match is not None else []
    return frozenset(t.term for t in found if _is_of_operation(t) and t.word.lower() not in STOP)


def _is_of_operation(token: Token) -> bool:
    word = token.word.lower()
    return (
        word in OPERATION_WORDS
        or word.removesuffix("s") in OPERATION_WORDS
        or word.removesuffix("d") in OPERATION_WORDS
    )


def _threshold(text: str, named: tuple[int, ...]) -> Threshold | None:
    match = THRESHOLD.search(text)
    if match is None:
        return None
    number = re.sub(r"\s?percent\b", "%", match["number"].strip(), flags=re.I)
    quantity = read_quantity(number)
    if quantity is None:
        return None
    quantity = quantity[0], Unit(MEASURES.get(quantity[1].name.lower(), quantity[1].name), quantity[1].scale)
    word = (match["above"] or match["below"]).lower()
    if word == "over" and quantity[0] in named:
        return None  # `over 2018 and 2019` is no limit.
    inclusive = word in ("at least", "at most", "since", "up to") or word.startswith("no ")
    in_time = word in IN_TIME and 1500 <= quantity[0] <= 2200 and quantity[1] == Unit()
    return Threshold(match["above"] is not None, inclusive, *quantity, match.group(), match["number"].strip(), in_time)


def _required(
    words: list[Token], consumed: list[tuple[int, int]], threshold: Threshold | None, text: str, operation: Operation
) -> tuple[str, ...]:
    """Return the terms that a table must account for: neither function words nor those of the operation."""
    at = text.find(threshold.text) if threshold is not None else -1
    limit = (at, at + len(threshold.text)) if threshold is not None else (0, 0)
    required = []
    for token in words:
        inside = limit[0] <= token.start and token.end <= limit[1]
        inside |= _is_of_operation(token) and any(start <= token.start and token.end <= end for start, end in consumed)
        is_sum = token.term == "total" and operation is not Operation.SUM  # It is a word of a label then.
        generic = token.word.lower() in STOP or token.term in _GENERIC or token.term in _MONTHS
        if not is_sum and (inside or generic):
            continue
        if token.term.isdecimal() and (len(token.term) == 4 or int(token.term) <= 31):
            continue  # A year, or the day of a date.
        required.append(token.term)
    return tuple(dict.fromkeys(required))
