"""The whole document or one section of it, as the part of an analysis that one summary is made from."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.summary.analysis import Analysis, Floats, Integers, length, sums
from odqa.schema import Block, Span

if TYPE_CHECKING:
    from odqa.protocols import Vectors


def passage_centrality(vectors: Vectors | None, passages: int) -> Floats | None:
    """Return the cosine of each passage's vector to their mean; None where not every passage has a vector.

    Args:
        vectors: unit vectors, shape (n_passages, dimension).
        passages: number of passages.
    """
    if vectors is None or not passages or len(vectors) != passages:
        return None
    mean = vectors.mean(axis=0, dtype=np.float64)
    norm = length(mean)
    cosine: Floats = vectors.astype(np.float64) @ (mean / norm if norm > 0 else mean)
    return cosine


class Scope:
    """The document, or one of its sections, as the part of an analysis that a summary is made from.

    Args:
        analysis: the document.
        section: index of the section, or None for the whole document.
        passage_centrality: cosine of each passage's vector to the document's mean, where vectors exist.
    """

    def __init__(
        self, analysis: Analysis, section: int | None = None, passage_centrality: Floats | None = None
    ) -> None:
        self.analysis = analysis
        self.section = section
        self.span = Span(0, len(analysis.text)) if section is None else analysis.parsed.sections[section].span
        self.first = bisect_left(analysis.sentences, (self.span.start,))
        self.last = bisect_left(analysis.sentences, (self.span.end,))
        self._passage_centrality = passage_centrality

    def __len__(self) -> int:
        return self.last - self.first

    @cached_property
    def words(self) -> int:
        """Number of words."""
        firsts = self.analysis.firsts
        return int(firsts[self.last] - firsts[self.first])

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks that start inside the scope."""
        blocks = self.analysis.document.blocks
        low = bisect_left(blocks, self.span.start, key=lambda block: block.span.start)
        high = bisect_left(blocks, self.span.end, key=lambda block: block.span.start)
        return blocks[low:high]

    def holds(self, position: int) -> bool:
        """Tell whether the character at `position` is inside the scope."""
        return self.span.start <= position < self.span.end

    @cached_property
    def vectors(self) -> tuple[Integers, Integers, Floats]:
        """TF-IDF triples of the scope's sentences; rows count from the scope's first sentence."""
        rows, terms, values = self.analysis.vectors
        low, high = np.searchsorted(rows, (self.first, self.last))
        return rows[low:high] - self.first, terms[low:high], values[low:high]

    @cached_property
    def centroid(self) -> Floats:
        """Summed TF-IDF vector of the scope, unit length."""
        _, terms, values = self.vectors
        total = sums(terms, values, len(self.analysis.terms))
        norm = length(total)
        return total / norm if norm > 0 else total

    @cached_property
    def centrality(self) -> Floats:
        """Cosine of each sentence to the scope's centroid, 0–1 (centroid method, Radev et al. 2004)."""
        rows, terms, values = self.vectors
        cosine = sums(rows, values * self.centroid[terms], len(self))
        top = float(cosine.max(initial=0.0))
        return cosine / top if top > 0 else np.ones(len(self))

    @cached_property
    def nearness(self) -> Floats:
        """How near each sentence's passage is to the document's mean, 0–1 in the scope; 1 where nothing is known."""
        if self._passage_centrality is None or not len(self):
            return np.ones(len(self))
        passages = self._passage_centrality[self.analysis.passage_of[self.first : self.last]]
        low, high = float(passages.min()), float(passages.max())
        return (passages - low) / (high - low) if high > low else np.ones(len(self))

    @cached_property
    def importance(self) -> Floats:
        """Centrality, nearness and information of each sentence as one score, 0–1."""
        information = self.analysis.information[self.first : self.last]
        return self.centrality * (0.7 + 0.3 * self.nearness) * (0.3 + 0.7 * information)

    def importance_at(self, sentence: int) -> float:
        """Return the importance of the document's sentence of that index, which must lie in the scope."""
        return float(self.importance[sentence - self.first])
