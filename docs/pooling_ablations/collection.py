"""One data set, ready to be searched in any way: every vector and every score of a passage at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.measures import document_judgements, mean, score_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench
    from odqa.index.snapshot import Snapshot

DEPTH = 10
ROWS = 1000
"""Rows of a ranking that name documents: enough for ten different ones, whatever the rows are."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        variant: what was done.
        at: how much of it: times smaller, rows read again, a weight; 0 where there is nothing to count.
        figures: R@10 and the like, by name.
    """

    variant: str
    at: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one data set.

    Attributes:
        line: the data set and how its questions were chosen, as `odqa eval pooling` takes it.
        questions: how many were asked.
        documents: searched.
        passages: of these documents.
        rows: of each ablation.
    """

    line: str
    questions: int
    documents: int
    passages: int
    rows: Mapping[str, Sequence[Row]]

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.line.split()[0]

    def of(self, ablation: str, figure: str, variant: str, at: float = 0) -> float:
        """Return one figure.

        Raises:
            UsageError: it has not been measured.
        """
        for row in self.rows.get(ablation, ()):
            if (row.variant, row.at) == (variant, at) and figure in row.figures:
                return row.figures[figure]
        raise UsageError(f"{self.name}: {ablation}, {variant} at {at:g}: no {figure}", "measure it")


class Collection:
    """A data set's questions, passage vectors and scores, in the numbers of its index."""

    def __init__(self, bench: Bench) -> None:
        """Prepare to search the documents of `bench`.

        Raises:
            UsageError: no question names the document that answers it, or the index has deleted documents.
        """
        self.bench = bench
        self.questions: list[Question] = [question for question in bench.questions if question.gold]
        if not self.questions:
            raise UsageError(f"no question of {bench.dataset.name} says which document answers it")
        self.snapshot: Snapshot = bench.searchable.snapshot
        if not self.snapshot.live.all():
            raise UsageError(f"{bench.searchable.path} has deleted documents", "build it anew")
        self.texts = [" ".join(question.text.split()) for question in self.questions]
        self.queries: NDArray[np.float32] = bench.encoder.encode(self.texts, kind="query")
        self.first_passage = self.snapshot.first_passage
        self.owners: NDArray[np.int64] = np.repeat(np.arange(len(self)), np.diff(self.first_passage))
        self._gold = document_judgements(self.questions)

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.snapshot.live)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Vectors of all passages; shape (passages, dimension)."""
        return self.snapshot.vectors_of(np.arange(len(self.owners)))

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Cosine of every passage with every question; shape (questions, passages)."""
        scores: NDArray[np.float32] = self.queries @ self.vectors.T
        return scores

    def documents(self) -> Iterator[slice]:
        """Yield the passages of each document as a slice of `vectors`."""
        for first, last in zip(self.first_passage[:-1].tolist(), self.first_passage[1:].tolist(), strict=True):
            yield slice(first, last)

    def by_scores(self, scores: NDArray[np.floating], owners: NDArray[np.int64]) -> Figures:
        """Measure documents in the order of their best row.

        Args:
            scores: of every row for every question, shape (questions, rows); −inf for rows that were not read.
            owners: document of every row; shape (rows,).
        """
        best = [_best(row, min(ROWS, len(owners))) for row in scores]
        return self.by_owners([owners[row] for row in best])

    def by_owners(self, ranked: Sequence[NDArray[np.int64]]) -> Figures:
        """Measure rankings of documents, one a question, that may name a document more than once."""
        ids = self.snapshot.ids
        run = {
            question.id: [ids[number] for number in list(dict.fromkeys(found.tolist()))[:DEPTH]]
            for question, found in zip(self.questions, ranked, strict=True)
        }
        means = mean(score_run(self._gold, run, (1, DEPTH)).values())
        return {name: means[name] for name in ("R@1", f"R@{DEPTH}")}


def _best(scores: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Return the positions of the largest scores, largest first, without rows that were not read."""
    found = np.argpartition(-scores, count - 1)[:count]
    found = found[np.argsort(-scores[found], kind="stable")]
    return found[scores[found] > -np.inf]
