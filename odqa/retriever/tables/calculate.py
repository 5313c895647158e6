"""Question and table to calculations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odqa.retriever.tables.execute import run
from odqa.retriever.tables.match import Match
from odqa.retriever.tables.question import TableQuestion, read_question
from odqa.retriever.tables.synonyms import find_synonyms
from odqa.retriever.tables.table import TableView
from odqa.schema import Calculation

if TYPE_CHECKING:
    from odqa.protocols import Encoder

MIN_CONFIDENCE = 0.6
"""Below it, calculations are not shown: chosen on half of TAT-QA's dev questions for nine right ones in ten."""

LONGEST_QUESTION = 600
"""Characters beyond which a text is no question to a table."""


def calculate(
    question: str,
    table: TableView,
    *,
    encoder: Encoder | None = None,
    limit: int = 3,
    min_confidence: float = MIN_CONFIDENCE,
) -> list[Calculation]:
    """Return what the operation that a question asks for gives on a table, the surest first.

    Args:
        question: in English words.
        table: by `views`.
        encoder: finds headers that the question calls otherwise; asked only where words alone find nothing.
        limit: how many at most; a question has one answer mostly, or several readings.
        min_confidence: calculations below are left out.
    """
    if len(question) > LONGEST_QUESTION:
        return []
    readings = read_question(question)
    found = _run(readings, table, {}, min_confidence)
    if not found and encoder is not None:
        synonyms: dict[str, frozenset[str]] = {}
        for reading in readings:
            synonyms |= find_synonyms(reading, table, encoder)
        found = _run(readings, table, synonyms, min_confidence) if synonyms else []
    return found[:limit]


def _run(
    readings: list[TableQuestion], table: TableView, synonyms: Mapping[str, frozenset[str]], least: float
) -> list[Calculation]:
    best: dict[tuple[object, ...], Calculation] = {}
    for reading in readings:
        for found in run(Match(reading, table, synonyms)):
            key = (found.operation, found.value, found.cells)
            if found.confidence >= least and (key not in best or best[key].confidence < found.confidence):
                best[key] = found
    return sorted(best.values(), key=lambda calculation: -calculation.confidence)
