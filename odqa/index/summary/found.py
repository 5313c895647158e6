"""What a document mentions, found once and shared by its summary and those of its sections."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.dates import DateMention, find_dates, may_hold_date
from odqa.index.summary.entities import Entity, Mention, find_entities
from odqa.index.summary.figures import Figure, find_figures, may_be_figure
from odqa.index.summary.scope import Scope
from odqa.index.summary.terms import Candidate, rank_terms
from odqa.schema import BlockKind, Span


@dataclass(frozen=True, slots=True)
class Cue:
    """A pattern that announces what a sentence is, and words (lower case) one of which every match holds.

    Looking the words up first spares nearly every sentence the pattern, which is the slow part.
    """

    words: frozenset[str]
    pattern: re.Pattern[str]


class Found:
    """The mentions of a document; each kind is looked for once, when a field first asks for it."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._cues: dict[Cue, tuple[int, ...]] = {}
        self._terms: dict[int | None, list[Candidate]] = {}

    def entities(self, scope: Scope) -> list[tuple[Entity, list[Mention]]]:
        """Return the entities named in a scope, each with its mentions there, in reading order."""
        low = bisect_left(self._mentions, scope.first, key=lambda pair: pair[0].sentence)
        high = bisect_left(self._mentions, scope.last, key=lambda pair: pair[0].sentence)
        grouped: dict[int, tuple[Entity, list[Mention]]] = {}
        for mention, entity in self._mentions[low:high]:
            grouped.setdefault(id(entity), (entity, []))[1].append(mention)
        return list(grouped.values())

    @cached_property
    def _mentions(self) -> list[tuple[Mention, Entity]]:
        pairs = [(mention, entity) for entity in find_entities(self.analysis) for mention in entity.mentions]
        return sorted(pairs, key=lambda pair: pair[0].span)

    def dates(self, scope: Scope) -> Sequence[DateMention]:
        """Return the dates in a scope's sentences and headings, in reading order."""
        low = bisect_left(self._dates, scope.span.start, key=lambda date: date.span.start)
        return self._dates[low : bisect_left(self._dates, scope.span.end, key=lambda date: date.span.start)]

    @cached_property
    def _dates(self) -> list[DateMention]:
        analysis = self.analysis
        spans = {analysis.sentences[s] for s in self._sentences_with(may_hold_date)} | {*self._headings}
        found = {date.span: date for span in spans for date in find_dates(analysis.text, span)}
        return [found[span] for span in sorted(found)]

    def figures(self, scope: Scope) -> Sequence[tuple[Figure, int]]:
        """Return a scope's quantities, each with its sentence, in reading order; numbers inside dates are none."""
        low = bisect_left(self._figures, scope.first, key=lambda pair: pair[1])
        return self._figures[low : bisect_left(self._figures, scope.last, key=lambda pair: pair[1])]

    @cached_property
    def _figures(self) -> list[tuple[Figure, int]]:
        taken = {position for date in self._dates for position in range(*date.span)}
        return [
            (figure, sentence)
            for sentence in self._sentences_with(may_be_figure)
            for figure in find_figures(self.analysis.text, self.analysis.sentences[sentence])
            if figure.span.start not in taken
        ]

    def heading_at(self, position: int) -> Span | None:
        """Return the heading that holds the character at `position`."""
        index = bisect_left(self._headings, (position + 1,)) - 1
        return self._headings[index] if index >= 0 and position < self._headings[index].end else None

    @cached_property
    def _headings(self) -> list[Span]:
        return [block.span for block in self.analysis.document.blocks if block.kind is BlockKind.HEADING]

    def _sentences_with(self, test: Callable[[str], bool]) -> Iterator[int]:
        """Yield the sentences with a word that passes a test, in reading order; a word form is tested once."""
        passing = {form for form in self.analysis.forms if test(form)}
        owners = zip(self.analysis.sentence_of.tolist(), self.analysis.words, strict=True)
        yield from dict.fromkeys(sentence for sentence, word in owners if word in passing)

    def terms(self, scope: Scope) -> list[Candidate]:
        """Return the scope's candidate terms, best first; the outline and the key terms share them."""
        if scope.section not in self._terms:
            self._terms[scope.section] = rank_terms(scope)
        return self._terms[scope.section]

    def matching(self, cue: Cue, scope: Scope) -> tuple[int, ...]:
        """Return a scope's sentences that a cue is found in, in reading order."""
        if cue not in self._cues:
            text, sentences = self.analysis.text, self.analysis.sentences
            likely = self._sentences_with(lambda form: form.lower().replace("’", "'") in cue.words)
            self._cues[cue] = tuple(s for s in likely if cue.pattern.search(text, *sentences[s]))
        hits = self._cues[cue]
        return hits[bisect_left(hits, scope.first) : bisect_left(hits, scope.last)]
