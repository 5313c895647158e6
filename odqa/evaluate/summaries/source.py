"""A document as a summarizer of sentences is given it: whole, or without the abstract that its author wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from odqa.evaluate.text import word_count
from odqa.schema import PassageKind

if TYPE_CHECKING:
    from odqa.protocols import Vectors
    from odqa.schema import ParsedDocument, Passage

_ABSTRACT = re.compile(r"[\W\d]*abstract\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A document to summarize.

    Attributes:
        parsed: the document; its passages are what is summarized.
        vectors: unit vectors of the passages, shape (n_passages, dimension), float32.
    """

    parsed: ParsedDocument
    vectors: Vectors

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The sentences in reading order, without headings and rows of tables, blanks normalised."""
        return tuple(_sentences(self.parsed, (p for p in self.parsed.passages if p.kind is not PassageKind.ROW)))

    @cached_property
    def words(self) -> int:
        """Words of the sentences."""
        return sum(map(word_count, self.sentences))

    @cached_property
    def abstract(self) -> str:
        """The sentences of its abstract, a line each; "" where it has none, or is nothing else."""
        return "\n".join(_sentences(self.parsed, (self.parsed.passages[number] for number in self._in_abstract)))

    def without_abstract(self) -> Source | None:
        """Return the document without the passages of its abstract; None where it has none."""
        if not self._in_abstract:
            return None
        gone = frozenset(self._in_abstract)
        kept = [passage for passage in self.parsed.passages if passage.index not in gone]
        rows = [passage.index for passage in kept]
        # Whoever looks a passage up by its index finds it only if they count from zero.
        passages = tuple(replace(passage, index=index) for index, passage in enumerate(kept))
        return Source(replace(self.parsed, passages=passages), self.vectors[rows])

    @cached_property
    def _in_abstract(self) -> Sequence[int]:
        abstract = {s.index for s in self.parsed.sections if any(_ABSTRACT.fullmatch(title) for title in s.path)}
        found = [passage.index for passage in self.parsed.passages if passage.section in abstract]
        return found if len(found) < len(self.parsed.passages) else []


def _sentences(parsed: ParsedDocument, passages: Iterable[Passage]) -> Iterator[str]:
    text = parsed.document.text
    for passage in passages:
        for span in passage.sentences:
            if sentence := " ".join(span.of(text).split()):
                yield sentence
