"""Words of questions, headers and labels as terms that meet when they mean the same."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from odqa.index.summary.words import FUNCTION_WORDS

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_SPACED_YEAR = re.compile(r"\b([12]) (\d) (\d) (\d)\b")
_YEAR = re.compile(r"(?<![\d.,])(?:1[5-9]|2[01])\d\d(?![\d]|[.,]\d)")
_SHORT_YEAR = re.compile(r"\b(?:FY|fiscal)\s?['’]?(\d\d)\b|(?<!\w)['’](\d\d)\b")
_TWO_DIGITS = re.compile(r"\d ?\d")
_STEMMER = snowballstemmer.stemmer("english")
_LOCK = threading.Lock()  # The stemmer keeps the word it works on in itself.

# These tell labels apart (`before tax`, `Other`), although they are function words elsewhere.
_TELLING = {"other", "others", "before", "after", "without", "within", "same"}
STOP = frozenset(FUNCTION_WORDS - _TELLING)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text, its term, and where it stands."""

    word: str
    term: str
    start: int
    end: int


@lru_cache(maxsize=65_536)
def term_of(word: str) -> str:
    """Return the term of a word: lower case, possessive and inflection cut off (Snowball's English stemmer)."""
    lower = word.lower().replace("’", "'").removesuffix("'s").replace("'", "")
    if lower[:1].isdecimal():
        return lower.replace(",", "")
    if len(lower) < 3 or not lower.isascii():
        return lower
    with _LOCK:
        return str(_STEMMER.stemWord(lower))


def tokens(text: str) -> list[Token]:
    """Return the words of a text in order; figures keep their separators and are terms without them."""
    return [
        Token(match.group(), term_of(match.group()), match.start(), match.end()) for match in _WORD.finditer(join(text))
    ]


def join(text: str) -> str:
    """Join the digits of years that are set with blanks (`2 0 1 9`); all other characters keep their places."""
    return _SPACED_YEAR.sub(r"\1\2\3\4   ", text) if _SPACED_YEAR.search(text) else text


@lru_cache(maxsize=16_384)
def terms(text: str) -> tuple[str, ...]:
    """Return the terms of a label or header, without years and function words unless there is nothing else."""
    found = [(token.term, token.word.lower()) for token in tokens(text)]
    kept = [term for term, word in found if word not in STOP and not _YEAR.fullmatch(term)]
    return tuple(dict.fromkeys(kept or [term for term, _ in found if not _YEAR.fullmatch(term)]))


@lru_cache(maxsize=16_384)
def years(text: str) -> tuple[int, ...]:
    """Return the years that a text names, in order, each once; `FY19` counts."""
    if not _TWO_DIGITS.search(text):
        return ()
    text = join(text)
    found = [(match.start(), int(match.group())) for match in _YEAR.finditer(text)]
    found += [(match.start(), 2000 + int(match[1] or match[2])) for match in _SHORT_YEAR.finditer(text)]
    return tuple(dict.fromkeys(year for _, year in sorted(found)))
