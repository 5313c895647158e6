"""What a search has found before it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from odqa.retriever.hops.plan import Plan
    from odqa.retriever.hops.walk import Step


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages found for a question, before they are read.

    Attributes:
        passages: global passage numbers, best first.
        scores: fused scores, falling.
        parts: scores by name and number: `dense`, `bm25` by passage; `document`, `entry`, `document_bm25` by document.
        entries: best pooled entry of each document, global number.
        seconds: by stage: encode, pooled, passages, and hops where links were followed.
        scored: passages whose vectors were read.
        plan: how the question was taken apart.
        steps: how passages were reached from others.
        features: what speaks for the first passages, by passage and name: parts of their scores that add up.
        named: the words of the question that name a passage or its document.
        by_clause: the part of the question that found a passage which the whole did not.
    """

    passages: NDArray[np.int64]
    scores: NDArray[np.float64]
    parts: Mapping[str, Mapping[int, float]]
    entries: Mapping[int, int]
    seconds: Mapping[str, float]
    scored: int
    plan: Plan | None = None
    steps: Mapping[int, Step] = field(default_factory=dict)
    features: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    named: Mapping[int, str] = field(default_factory=dict)
    by_clause: Mapping[int, str] = field(default_factory=dict)

    def part(self, item: int, names: Sequence[str]) -> Iterator[tuple[str, float]]:
        """Yield name and value of those of the parts that an item has."""
        for name in names:
            if (score := self.parts.get(name, {}).get(item)) is not None:
                yield name, score
