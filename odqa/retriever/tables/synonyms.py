"""Words of a question that a table has not, tied to headers that mean nearly the same, by the encoder's cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.retriever.tables.question import TableQuestion
from odqa.retriever.tables.table import TableView

if TYPE_CHECKING:
    from odqa.protocols import Encoder

LEAST_COSINE = 0.65
"""From it on, a word and a header mean nearly the same: the bundled encoder gives opposites up to .61."""

_MOST_NAMES = 40


def find_synonyms(question: TableQuestion, view: TableView, encoder: Encoder) -> dict[str, frozenset[str]]:
    """Return, for terms of the question that the table does not have, those of the header nearest in meaning.

    Args:
        question: read already.
        view: the table.
        encoder: of words and headers; one call for all.
    """
    words = {token.term: token.word for token in question.tokens if token.term in question.required}
    unknown = [(term, word) for term, word in words.items() if term not in view.weights and word.isalpha()]
    named = [(column.name, frozenset(column.terms)) for column in view.columns if column.terms][:_MOST_NAMES]
    if len(view.rows) + len(named) <= _MOST_NAMES:
        named += [(row.name, frozenset(row.terms)) for row in view.rows if row.terms and not row.total]
    if not unknown or not named:
        return {}
    vectors = encoder.encode([*(word for _, word in unknown), *(name for name, _ in named)])
    cosines = vectors[: len(unknown)] @ vectors[len(unknown) :].T
    nearest = cosines.argmax(axis=1)
    return {
        term: named[best][1]
        for (term, _), best, row in zip(unknown, nearest.tolist(), cosines, strict=True)
        if row[best] >= LEAST_COSINE
    }
