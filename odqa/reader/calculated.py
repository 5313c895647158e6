"""Sentences that state what a table operation gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from odqa.schema import Calculation, Draft, DraftSentence, Evidence

SURE = 0.8
"""Confidence from which a calculation answers a question by itself."""

SURE_LOOKUP = 0.9
"""Confidence from which a cell that is only read is stated by itself, as the total that a table has already."""

BESIDE = 2
"""Sentences of the reader that stay beside a sure calculation: the question has its answer."""

_LOOKUP = "lookup"


def best_calculation(evidence: Sequence[Evidence]) -> tuple[int, Calculation] | None:
    """Return the surest calculation among the evidence, with the place of the evidence that holds it."""
    return max(_calculations(evidence), key=lambda pair: (pair[1].confidence, -pair[0]), default=None)


def with_calculation(draft: Draft, evidence: Sequence[Evidence]) -> Draft:
    """Return a draft that begins with what the question's table operation gives, if it gives anything.

    Args:
        draft: what the reader proposes; a refusal gives way to a sure calculation only.
        evidence: what it was given.
    """
    best = best_calculation(evidence)
    if best is None or (not draft.sentences and best[1].confidence < SURE):
        return draft
    place, calculation = best
    stated = DraftSentence(calculation.statement, (place,), calculation.cells, calculation=calculation)
    others = [sentence for sentence in draft.sentences if sentence.text != calculation.statement]
    if calculation.operation != _LOOKUP and calculation.confidence >= SURE:
        others = others[:BESIDE]
    return replace(
        draft,
        sentences=(stated, *others),
        refusal="",
        confidence=max(draft.confidence, calculation.confidence),
    )


def _calculations(evidence: Sequence[Evidence]) -> Iterator[tuple[int, Calculation]]:
    for place, item in enumerate(evidence):
        for calculation in item.calculations:
            if calculation.operation != _LOOKUP or calculation.confidence >= SURE_LOOKUP:
                yield place, calculation
