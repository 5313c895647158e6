"""Turn a true claim into a false one by rule: another number, another name, or a negation.

FactCC (Kryściński et al., 2020) made its training data so; here it makes a test that needs no annotation: of every
corrupted claim it is known that the evidence does not support it. A rule that cannot be sure of that makes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum

import regex

from odqa.reader.facts import MONTHS, NUMBER_WORDS, Name, names
from odqa.reader.words import fold, words
from odqa.schema import Document


class Corruption(StrEnum):
    """What was done to a claim."""

    NUMBER = "number"
    NAME = "name"
    NEGATION = "negation"


_NUMBER = regex.compile(r"(?<![\w.,/:–-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w/:–-]|[.,]\d)")
_AUXILIARY = regex.compile(r"\b(?:is|are|was|were|will|can|could|would|did|does|do)\b|\b(?:has|have|had)(?=\s+been\b)")
# "not only" denies nothing; "was also not" would be odd, and "did they" asks.
_NO_PLACE_FOR_NOT = frozenset("only just merely simply also not they he she it we you i".split())
_DENIAL = regex.compile(r"(?:\b(?:not|never|no|nor|neither|without|nobody|nothing|none|cannot)\b|n['’]t\b)", regex.I)
_POSSESSIVE = regex.compile(r"['’]s?$")


def corruptions(claim: str, document: Document) -> Iterator[tuple[Corruption, str]]:
    """Yield corrupted versions of a claim, one of each kind that it can be corrupted by; always the same ones.

    Args:
        claim: a sentence that the document supports.
        document: its evidence; new names are taken from it, new numbers do not stand in it.
    """
    rules: dict[Corruption, Callable[[str, str], str | None]] = {
        Corruption.NUMBER: _other_number,
        Corruption.NAME: _other_name,
        Corruption.NEGATION: _negated,
    }
    for kind, rule in rules.items():
        if (corrupted := rule(claim, document.text)) is not None:
            yield kind, corrupted


def _other_number(claim: str, text: str) -> str | None:
    """Change the first number into one of its kind that neither the document nor the claim gives."""
    match = _NUMBER.search(claim)
    if match is None:
        return None
    given = {number.group().replace(",", "") for side in (claim, text) for number in regex.finditer(r"[\d.,]*\d", side)}
    given |= {str(NUMBER_WORDS[word]) for word in {fold(word.text) for word in words(text)} & NUMBER_WORDS.keys()}
    other = next((other for other in _like(match.group()) if other.replace(",", "") not in given), None)
    return None if other is None else claim[: match.start()] + other + claim[match.end() :]


def _like(number: str) -> Iterator[str]:
    """Yield numbers that look like this one: days stay days, years stay years, others change their first digit."""
    if number.isdecimal() and (value := int(number)) <= 28:
        yield from (str((value + step - 1) % 28 + 1) for step in range(2, 27))
    elif number.isdecimal() and 1000 <= (value := int(number)) <= 2100:
        yield from (str(value + step) for step in (3, -4, 7, -2, 5, -6, 11, -9))
    else:
        first = next(place for place, digit in enumerate(number) if digit.isdecimal())
        digits = ((int(number[first]) + step - 1) % 9 + 1 for step in (3, 4, 5, 2, 6, 7, 1, 8))
        yield from (number[:first] + str(digit) + number[first + 1 :] for digit in digits)


def _other_name(claim: str, text: str) -> str | None:
    """Swap the first name of two words or more for the document's most frequent one that has nothing to do with it."""
    name = next(iter(_full_names(claim)), None)
    if name is None:
        return None
    said = {word.stem for word in words(claim)}
    others = Counter(
        _POSSESSIVE.sub("", other.text)
        for line in filter(_is_prose, text.splitlines())
        for other in _full_names(line)
        if len(other.parts) == len(name.parts) and not said & {part.stem for part in other.parts}
    )
    if not others:
        return None
    (other, _), *_ = others.most_common(1)
    ending = name.text[len(_POSSESSIVE.sub("", name.text)) :]
    return f"{claim[: name.start]}{other}{ending}{claim[name.end :]}"


def _is_prose(line: str) -> bool:
    """Whether a line is mostly in lower case: titles and menus capitalise words that are no names."""
    found = words(line)
    return 2 * sum(word.text[0].islower() for word in found) > len(found)


def _full_names(text: str) -> Iterator[Name]:
    for name in names(text):
        if len(name.parts) > 1 and not any(fold(part.text) in MONTHS or part.text.isupper() for part in name.parts):
            yield name


def _negated(claim: str, _: str) -> str | None:
    """Put "not" after the first auxiliary of a claim that denies nothing yet."""
    if _DENIAL.search(claim):
        return None
    for match in _AUXILIARY.finditer(claim):
        after = regex.match(r"\s+(\w+)", claim, pos=match.end())
        if after is not None and fold(after.group(1)) not in _NO_PLACE_FOR_NOT:
            end = int(match.end())
            return f"{claim[:end]} not{claim[end:]}"
    return None
