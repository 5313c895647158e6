"""Words and signs of a text, as vocabularies of word pieces take it apart, and where its sentences begin."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from odqa.reader.words import is_stop

UNKNOWN = "[UNK]"
"""Stands for a word that the vocabulary cannot write; a run of words that holds one tells which."""

# What BERT's pre-tokenizer takes apart: signs, the symbols of ASCII, and Chinese characters.
_SIGN = r"[\p{P}$+<=>^`|~]"
ATOM = regex.compile(rf"{_SIGN}|\p{{Han}}|(?:(?!{_SIGN}|\p{{Han}})\S)+")
SIGN = regex.compile(rf"{_SIGN}|\p{{Han}}")
"""What is a token of its own, whatever stands beside it."""
_UNSEEN = regex.compile(r"[\p{C}\p{Mn}]")
_LINES = regex.compile(r"\n| › ")
_ENDS = frozenset(".!?…。！？")
_BEHIND = frozenset("\"'”’»)]")
_BEFORE = frozenset("\"'“‘«([")
_ABBREVIATED = frozenset(
    "mr mrs ms dr prof st no nos fig figs eq sec ch vs etc al eg ie cf ca approx inc ltd co corp jr sr gen col lt sgt "
    "capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec p pp vol".split()
)
_SHORT_NAME = 3
"""A heading of so few words is a name, so that its capitals mean something."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A word or sign of a source.

    Attributes:
        text: as it stands there.
        key: without case and accents.
        blank: a blank stands before it.
        begins: a sentence begins with it.
        opens: it is the first word of a sentence, so that its capital means nothing.
        shouts: it stands in a heading of many words, whose capitals mean nothing.
    """

    text: str
    key: str
    blank: bool
    begins: bool
    opens: bool
    shouts: bool


def atoms_of(text: str) -> Iterator[Atom]:
    """Yield the words and signs of a text, taken apart as BERT's vocabularies do (Devlin et al. 2019).

    Args:
        text: of a source; a sentence ends at the end of a line at the latest.
    """
    for line in _LINES.split(text):
        found = [match for match in ATOM.finditer(line) if key_of(match.group())]
        keys = [key_of(match.group()) for match in found]
        shouts = _is_heading([match.group() for match in found])
        opens = False
        for place, match in enumerate(found):
            blank = match.start() > 0 and line[match.start() - 1].isspace()
            begins = place == 0 or (blank and may_end(keys, place) and _may_begin(match.group()))
            opens = opens or begins or (place > 1 and keys[place - 1] in _BEFORE and keys[place - 2] in {":", ","})
            yield Atom(match.group(), keys[place], blank, begins, opens, shouts)
            opens = opens and not is_word(keys[place])


@lru_cache(maxsize=1 << 15)
def key_of(atom: str) -> str:
    """Return a word without case, accents and what cannot be seen, as uncased vocabularies have it."""
    if atom == UNKNOWN:
        return atom
    return atom.lower() if atom.isascii() else _UNSEEN.sub("", unicodedata.normalize("NFD", atom)).lower()


def may_end(keys: Sequence[str], place: int) -> bool:
    """Tell whether a sentence may end before a place, by what stands before it."""
    last = place - 1
    while last > 0 and keys[last] in _BEHIND:
        last -= 1
    if keys[last] not in _ENDS:
        return False
    before = keys[last - 1] if last else ""
    is_short = before in _ABBREVIATED or (len(before) == 1 and before.isalpha())
    return not (keys[last] == "." and is_short)


def _may_begin(word: str) -> bool:
    return word[0] in _BEFORE or not word[0].islower()


def _is_heading(words: Sequence[str]) -> bool:
    """Tell whether a line is written with capitals throughout."""
    if not words or words[-1] in _ENDS:
        return False
    known = [word for word in words if is_word(word) and not is_stop(word.lower()) and not word[0].isdigit()]
    return len(known) > _SHORT_NAME and all(word[0].isupper() for word in known)


def is_word(key: str) -> bool:
    """Tell whether it is a word or a number rather than a sign."""
    return key[:1].isalnum()
