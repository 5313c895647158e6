"""Find the words that a data set quotes as evidence in a document's canonical text.

Quotes are copied by people and programs, and seldom to the letter: line breaks, quotation marks, dashes and case
differ, a table's row is quoted with the marks of its file, and what lies between is left out as `…`. A place is only
given where it holds the same words in the same order; a quote whose place is not sure is not found.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_left
from functools import cached_property, lru_cache

import regex

from odqa.schema import Span

_FEWEST_WORDS = 3  # Of a quote, or a part of one, that is looked for by its words alone.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\p{L}\p{N}\p{M}]+")
_ELISION = regex.compile(r"\s*[\[(]?\s*(?:\.\s?\.\s?\.|…)[\s.…]*[\])]?\s*")
# A letter of a script that writes no blanks between words may follow any other.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_INSIDE = regex.compile(r"[\p{L}\p{N}\p{M}_]")
# Runs of ASCII that keep their length, and every other character by itself.
_RUN = regex.compile(r"(?P<plain>[!-,./-_a-~]+)|.", regex.DOTALL)
_MARKS = str.maketrans(
    dict.fromkeys("‘’‚‛′`´ʼ", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")
    | {"…": "..."}
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", None)
)


def find_quote(text: str, quote: str) -> tuple[Span, ...]:
    """Return where a quote stands in a text: its first place, or one span for each part between elisions.

    Looked for to the letter first; then without regard to case, white space, and the shape of quotation marks and
    dashes; then, for three words or more, by its words alone, whatever marks stand between them; and at last part by
    part, in order, where the quote leaves out words as `…`, `...` or `[…]`. Takes time in proportion to both.

    Args:
        text: canonical text of a document.
        quote: words that are said to be in it.

    Returns:
        Spans of whole words, in order; empty where the quote was not found.
    """
    return _finder(text).find(quote)


class QuoteFinder:
    """Finds quotes in one text, which is normalised only once."""

    def __init__(self, text: str) -> None:
        self.text = text

    def find(self, quote: str) -> tuple[Span, ...]:
        """Return where a quote stands; see `find_quote`."""
        quote = quote.strip()
        if not _WORD.search(quote):
            return ()
        if found := self._find(quote):
            return (found,)
        parts = [part for part in _ELISION.split(quote) if _WORD.search(part)]
        if parts == [quote] or any(len(_words(part)) < _FEWEST_WORDS for part in parts):
            return ()
        spans: list[Span] = []
        for part in parts:
            # By words alone, which takes the nearest place of all that any comparison would allow.
            found = self._by_words(_words(part), spans[-1].end if spans else 0)
            if found is None:
                return ()
            spans.append(found)
        return tuple(spans)

    def _find(self, quote: str) -> Span | None:
        """Return the first place of a whole quote, by the strictest comparison that finds one."""
        if (place := _whole_place(self.text, quote)) is not None:
            return Span(place, place + len(quote))
        folded = _fold(quote)[0].strip()
        if (place := _whole_place(self._folded.text, folded)) is not None:
            return self._folded.span(place, place + len(folded))
        words = _words(quote)
        return self._by_words(words, 0) if len(words) >= _FEWEST_WORDS else None

    def _by_words(self, words: list[str], start: int) -> Span | None:
        """Return the first run of these words that begins at `start` or later."""
        index = self._index
        first = bisect_left(index.starts, start)
        if first == len(index.starts):
            return None
        place = index.joined.find(f" {' '.join(words)} ", index.places[first])
        if place < 0:
            return None
        number = bisect_left(index.places, place)
        return Span(index.starts[number], index.ends[number + len(words) - 1])

    @cached_property
    def _folded(self) -> _Folded:
        return _Folded(*_fold(self.text))

    @cached_property
    def _index(self) -> _Words:
        return _Words(self._folded)


class _Words:
    """The words of a text, without what stands between them.

    Attributes:
        joined: every word, each between blanks.
        places: where in `joined` the blank before each word is.
        starts: where in the original text each word begins.
        ends: where in the original text each word ends.
    """

    def __init__(self, folded: _Folded) -> None:
        self.places, self.starts, self.ends = array("q"), array("q"), array("q")
        words: list[str] = []
        place = 0
        for match in _WORD.finditer(folded.text):
            word, span = match[0], folded.span(*match.span())
            words.append(word)
            self.places.append(place)
            self.starts.append(span.start)
            self.ends.append(span.end)
            place += len(word) + 1
        self.joined = f" {' '.join(words)} "


class _Folded:
    """A text as it is compared, and the characters of the original that each of its characters comes from."""

    def __init__(self, text: str, origins: array[int]) -> None:
        self.text = text
        self._origins = origins

    def span(self, start: int, end: int) -> Span:
        return Span(self._origins[start], self._origins[end - 1] + 1)


def _fold(text: str) -> tuple[str, array[int]]:
    """Return a text without regard to case, white space and shapes of marks, and the origin of each character."""
    parts: list[str] = []
    origins = array("q")
    before = ""
    for run in _RUN.finditer(text):
        start, end = run.span()
        plain = run.lastgroup == "plain"
        folded = run[0].lower() if plain else _fold_character(run[0])
        if folded in {" ", "-"} and folded == before:
            continue
        parts.append(folded)
        origins.extend(range(start, end) if plain else [start] * len(folded))
        before = folded or before
    return "".join(parts), origins


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character.isspace():
        return " "
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", character).translate(_MARKS).casefold())


def _words(text: str) -> list[str]:
    words: list[str] = _WORD.findall(_fold(text)[0])
    return words


def _whole_place(text: str, wanted: str) -> int | None:
    """Return the first place of `wanted` at which neither of its ends cuts through a word or a number."""
    work = 8 * len(text) + 1_000_000  # Characters compared: a long run of one letter has the quote in every place.
    place = text.find(wanted)
    while place >= 0 and work > 0:
        if not (_cuts(text, place) or _cuts(text, place + len(wanted))):
            return place
        place = text.find(wanted, place + 1)
        work -= len(wanted)
    return None


def _cuts(text: str, place: int) -> bool:
    before, after = text[place - 1 : place] if place else "", text[place : place + 1]
    if _INSIDE.match(before) and _INSIDE.match(after):
        return not (_UNSPACED.match(before) or _UNSPACED.match(after)) or unicodedata.category(after)[0] == "M"
    if before in {".", ","} and after.isdigit():
        return text[max(place - 2, 0) : place - 1].isdigit()
    return before.isdigit() and after in {".", ","} and text[place + 1 : place + 2].isdigit()


_finder = lru_cache(maxsize=4)(QuoteFinder)
