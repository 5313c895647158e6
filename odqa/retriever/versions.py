"""Find versions of one document among the evidence, and say when a document was written."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from odqa.retriever.asked import YEAR
from odqa.retriever.fields import DATE_KEYS, Days, date_in_name, parse_date
from odqa.schema import Document, Evidence, Span
from odqa.schema.evidence import Conflict, ConflictKind, ConflictSide

_SAME_TEXT = 0.5
"""Share of the word 5-shingles (Broder 1997) that two versions of a document have in common."""
_SHINGLE = 5
_LONGEST = 200_000
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_VERSION = re.compile(
    r"""
    \b(?:v|ver|version|rev|revision|edition|issue|draft|release)[\s._-]*\d+(?:\.\d+)*\b
    | \b(?:first|second|third|fourth|fifth|\d+(?:st|nd|rd|th))\s(?:draft|edition|version|revision)\b
    | \b(?:draft|final|revised|updated|amended|corrected|superseded|preliminary|provisional|obsolete)\b
    | \b(?:copy|version|new|old)\b
    | \b(?:19|20)\d{2}(?:[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?(?:0[1-9]|[12]\d|3[01]))?)?\b
    | \(\d+\)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERED_VERSION = re.compile(r"(?:v|ver|version|rev|revision|edition|issue|draft)[\s._-]*(\d+(?:\.\d+)*)", re.I)


def find_versions(evidence: Sequence[Evidence]) -> Iterator[tuple[Conflict, set[int]]]:
    """Yield the documents that are versions of each other, all of one together."""
    documents = {item.document.id: item.document for item in evidence}
    groups: dict[str, list[Document]] = {}
    for document in documents.values():
        if stem := _stem(document):
            groups.setdefault(stem, []).append(document)
    for stem, some in groups.items():
        if len(some) < 2:
            continue
        alike = [d for d in some if any(_is_version(d, other) for other in some if other is not d)]
        if len(alike) < 2:
            continue
        firsts = {d.id: next(i.passage.span for i in evidence if i.document.id == d.id) for d in alike}
        sides = ordered([(side_of(d, firsts[d.id], _label(d)), d) for d in alike])
        ids = {document.id for document in alike}
        yield (
            Conflict(ConflictKind.VERSION, stem, sides),
            {n for n, item in enumerate(evidence) if item.document.id in ids},
        )


def _stem(document: Document) -> str:
    """A title without what tells versions apart: numbers of versions, dates, `draft`, `revised`."""
    return " ".join(re.sub(r"[\s_.,;:()\[\]–—-]+", " ", _VERSION.sub(" ", document.title)).casefold().split())


def _is_version(one: Document, other: Document) -> bool:
    """Tell whether two documents of one stem share most of their text, and not all of it."""
    first, second = _shingles(one.text[:_LONGEST]), _shingles(other.text[:_LONGEST])
    if not first or not second or one.text == other.text:
        return False
    return len(first & second) >= _SAME_TEXT * len(first | second)


@lru_cache(maxsize=64)
def _shingles(text: str) -> frozenset[int]:
    words = _WORD.findall(text.casefold())
    return frozenset(hash(tuple(words[n : n + _SHINGLE])) for n in range(max(len(words) - _SHINGLE + 1, 0)))


def _label(document: Document) -> str:
    return document.title if _VERSION.search(document.title) else document.source or document.title


def side_of(document: Document, span: Span, value: str) -> ConflictSide:
    """Return what a document says, with where it comes from and when it was written."""
    return ConflictSide(document.id, document.title, document.source, document_date(document), span, value)


def ordered(sides: Sequence[tuple[ConflictSide, Document]]) -> tuple[ConflictSide, ...]:
    """The latest first: by date, then by the number of the version; those without either last, as they were found."""

    def lateness(pair: tuple[ConflictSide, Document]) -> tuple[str, tuple[int, ...]]:
        match = _NUMBERED_VERSION.search(pair[1].title) or _NUMBERED_VERSION.search(pair[1].source)
        return pair[0].date, tuple(map(int, match.group(1).split("."))) if match else ()

    return tuple(side for side, _ in sorted(sides, key=lateness, reverse=True))


def document_date(document: Document) -> str:
    """Return when a document says it was written, from its metadata, its file's name or its title.

    Returns:
        `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; "" if it does not say.
    """
    known: Mapping[str, object] = {key.casefold(): value for key, value in document.metadata.items()}
    for key in DATE_KEYS:
        if (days := parse_date(known.get(key))) is not None:
            return _written(days)
    for days in (date_in_name(document.source), parse_date(document.title)):
        if days is not None:
            return _written(days)
    years = {match.group() for match in YEAR.finditer(document.title)}
    return years.pop() if len(years) == 1 else ""


def _written(days: Days) -> str:
    """Write an interval of days as the day, the month or the year that it is; as its first year if it is longer."""
    first, last = (datetime.date.fromordinal(day) for day in (days[0], days[1] - 1))
    if first == last:
        return first.isoformat()
    return first.isoformat()[: 7 if (first.year, first.month) == (last.year, last.month) else 4]
