"""From sections to the document: ask, check, and ask again about what came out, until one call holds all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from odqa.index.summary.generative.answers import Said
from odqa.index.summary.generative.asking import Asker
from odqa.index.summary.generative.cache import WrittenDocument
from odqa.index.summary.generative.check import Checker
from odqa.index.summary.generative.plan import Part, document_parts, reading_room, runs, statement_items
from odqa.index.summary.generative.prompts import Ask, Item, Task, make_task, prose_asks
from odqa.index.summary.templates import Template
from odqa.schema import FieldKind, ParsedDocument, Statement, StructuredSummary

if TYPE_CHECKING:
    from odqa.protocols import Verifier

Fields = Mapping[str, tuple[Statement, ...]]

_USED = 0.5
"""Share of the most tokens of an answer that answers take, until some have been counted."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Calls that a document will take, those among them that are cached, and the tokens of the rest."""

    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens: float


class DocumentWriter:
    """Writes the prose of one document's summaries.

    Args:
        parsed: the document.
        template: the fields.
        base: its extractive summaries: they say which sections are worth one, and stand in where the model fails.
        asker: the model with its cache.
        verifier: who checks.
        policy: what happens to what is unsupported.
    """

    def __init__(
        self,
        parsed: ParsedDocument,
        template: Template,
        base: Sequence[StructuredSummary],
        asker: Asker,
        verifier: Verifier,
        policy: str,
    ) -> None:
        self.parsed, self.asker = parsed, asker
        self._calls = 0
        self._checker = Checker(parsed, verifier, policy)
        self._whole, self._half = prose_asks(template, whole=True), prose_asks(template, whole=False)
        self._base = {summary.section: summary for summary in base}
        self._kinds = {ask.name: ask.kind for ask in self._whole}

    @cached_property
    def _parts(self) -> list[Part]:
        if not self._whole:
            return []
        worthy = frozenset(section for section in self._base if section is not None)
        return document_parts(self.parsed, worthy)

    @cached_property
    def _room(self) -> int:
        longest = max((section.path for section in self.parsed.sections), key=lambda p: len(" ".join(p)), default=())
        return reading_room(self.asker.model, self._whole, (self.parsed.document.title, *longest))

    def write(self) -> WrittenDocument:
        """Return the statements that stand up to the check.

        Raises:
            ModelError: the model cannot be reached or run, or reads too little.
        """
        parts = self._parts
        if not parts:
            return WrittenDocument(0, {})
        self._shrink(parts)
        if len(parts) == 1:
            (fields,) = self._ask(parts, self._whole)
            return WrittenDocument(self._calls, {None: fields, parts[0].section: fields})
        document = Part(None)
        written: dict[int | None, Fields] = {}
        for part, fields in zip(parts, self._ask(parts, self._half), strict=True):
            written[part.section] = fields
            document.items += self._stated(fields) or self._spare(part.section, part.items)
        self._shrink([document])
        (written[None],) = self._ask([document], self._whole)
        return WrittenDocument(self._calls, written)

    def forecast(self, *, measure: bool = False) -> Forecast:
        """Reckon what `write` will take, from the sections; with `measure`, make one call if none was ever timed."""
        if not self._parts:
            return Forecast(0, 0, 0, 0.0)
        single = len(self._parts) == 1
        tasks: list[Task] = []
        further = 0
        for part in self._parts:
            cuts = runs(self.asker.model, part.items, self._room)
            asks = self._whole if single and len(cuts) == 1 else self._half
            tasks += [self._task(part.section, items, asks) for items in cuts]
            further += self._rounds(len(cuts)) if len(cuts) > 1 else 0
        further += 0 if single else self._rounds(len(self._parts))
        missing = [task for task in tasks if not self.asker.is_kept(task)]
        if measure and missing and not self.asker.rate.calls:
            self.asker.ask([missing.pop(0)])
        count = self.asker.model.count_tokens
        read = sum(count(message.content) for task in missing for message in task.prompt)
        rate = self.asker.rate
        most = max((task.max_tokens for task in tasks), default=0)
        each = rate.completion_tokens / rate.calls if rate.calls else _USED * most
        read += further * min(self._room, round(each) * len(tasks))
        calls = len(missing) + further
        return Forecast(calls, len(tasks) - len(missing), read, calls * each)

    def _rounds(self, texts: int) -> int:
        """Return the calls that it takes to make one summary of so many, each about as long as the most it may be."""
        most = self._task(None, (), self._half).max_tokens
        fit = max(2, int(self._room / max(1, _USED * most)))
        calls = 0
        while texts > fit:
            texts = -(-texts // fit)
            calls += texts
        return calls + 1

    def _shrink(self, parts: Sequence[Part]) -> None:
        """Replace what does not fit into one call by the statements made of it, run by run, until all of it does."""
        for part in parts:
            part.items = self._fitting(part.items)
        while wide := [(part, cuts) for part in parts if len(cuts := self._runs(part.items)) > 1]:
            pieces = [Part(part.section, items) for part, cuts in wide for items in cuts]
            answers = zip(pieces, self._ask(pieces, self._half), strict=True)
            for part, cuts in wide:
                made: list[Item] = []
                for piece, fields in islice(answers, len(cuts)):
                    made += self._stated(fields) or self._spare(piece.section, piece.items)
                # A model that only repeats what it reads would never come to an end.
                part.items = made if len(self._runs(made)) < len(cuts) else part.items[::2]

    def _fitting(self, items: Sequence[Item]) -> list[Item]:
        return [item for cut in self._runs(items) for item in cut]

    def _runs(self, items: Sequence[Item]) -> list[list[Item]]:
        return runs(self.asker.model, items, self._room)

    def _ask(self, parts: Sequence[Part], asks: Sequence[Ask]) -> list[Fields]:
        """Return for each part the statements that stand up to the check, by field; parts must fit into a call."""
        filled = [part for part in parts if part.items]
        answers = iter(self.asker.ask([self._task(part.section, part.items, asks) for part in filled]))
        self._calls += len(filled)
        return [self._checked(part.items, next(answers)) if part.items else {} for part in parts]

    def _task(self, section: int | None, items: Sequence[Item], asks: Sequence[Ask]) -> Task:
        path = self.parsed.sections[section].path if section is not None else ()
        return make_task(self.asker.model, asks, (self.parsed.document.title, *path), items)

    def _checked(self, items: Sequence[Item], said: Sequence[Said] | None) -> Fields:
        around = [span for item in items for span in item.spans]
        fields: dict[str, list[Statement]] = {}
        for one in said or ():
            made = fields.setdefault(one.field, [])
            cited = [span for source in one.sources for span in items[source].spans]
            # The prompt asks for the most important first.
            weight = round(1 / (1 + 0.1 * len(made)), 4)
            statement = self._checker.statement(one.text, cited, around, weight)
            if statement is not None:
                made.append(statement)
        return {name: tuple(made) for name, made in fields.items() if made}

    def _stated(self, fields: Fields) -> list[Item]:
        """Return what a summary states, for the next round; a question states nothing."""
        return statement_items(
            [s for name, made in fields.items() if self._kinds[name] is not FieldKind.QUESTION for s in made]
        )

    def _spare(self, section: int | None, items: Sequence[Item]) -> list[Item]:
        """Return what the extractive summary says of the same sentences, where the model said nothing of use."""
        if not items:
            return []
        low, high = min(item.spans[0].start for item in items), max(item.spans[-1].end for item in items)
        base = self._base.get(section, self._base[None])
        stated = [s for field in base.fields if field.kind is FieldKind.STATEMENT for s in field.statements]
        once = {s.spans[0]: s for s in stated if low <= s.spans[0].start < high}
        return statement_items([once[span] for span in sorted(once)])
