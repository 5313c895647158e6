"""Pooled entries: a few searchable rows that stand for all passages of a document.

A document's passages are cut into runs of neighbours, about `size` long and along section boundaries where that
costs little. Each run becomes one entry whose vector is the normalised sum of its passages' mean and of the vector
of the summary that speaks for it (its section's gist, or the document's), so that it is near to questions about its
details and near to questions about what it says as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.schema import FieldKind, ParsedDocument, PooledEntry, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder

VERSION = 2
SUMMARY_WEIGHT = 0.3


def runs(parsed: ParsedDocument, size: int) -> list[tuple[int, int]]:
    """Cut a document's passages into runs `[first, last)` of at least `size`, all of nearly equal length.

    The number of runs is `len(passages) // size`, at least one, so that there are never more than one entry for
    `size` passages in a document that has that many. Each cut moves to the nearest section boundary within a
    quarter of a run.
    """
    count = len(parsed.passages)
    if not count:
        return []
    pieces = max(1, count // size)
    sections = [passage.section for passage in parsed.passages]
    boundaries = np.array([i for i in range(1, count) if sections[i] != sections[i - 1]], np.int64)
    cuts = [0]
    for piece in range(1, pieces):
        ideal = round(piece * count / pieces)
        cut = ideal
        if boundaries.size:
            nearest = int(boundaries[np.abs(boundaries - ideal).argmin()])
            cut = nearest if abs(nearest - ideal) <= size // 4 else ideal
        if cut > cuts[-1]:
            cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], count], strict=True))


def entry_texts(
    parsed: ParsedDocument, summaries: Sequence[StructuredSummary], spans: Sequence[tuple[int, int]]
) -> list[tuple[str, str]]:
    """Return, for each run, the words that speak for it: to be encoded, and for lexical search.

    Encoded are the title and the gist of the sections that the run touches; for lexical search all their fields
    count. The document's own summary speaks for a run that no section summary covers, and for the only run of a
    document. A run of one passage speaks for itself: nothing is to be encoded for it.
    """
    by_section = {summary.section: summary for summary in summaries}
    texts = []
    for first, last in spans:
        inside = dict.fromkeys(passage.section for passage in parsed.passages[first:last])
        chosen = [by_section[s] for s in inside if s in by_section] if len(spans) > 1 else []
        chosen = chosen or ([by_section[None]] if None in by_section else [])
        title = parsed.document.title
        encoded = [title, *(_said(summary, whole=False) for summary in chosen)]
        lexical = [title, *(_said(summary, whole=True) for summary in chosen)]
        speaks = "" if last - first == 1 else "\n".join(filter(None, encoded))
        texts.append((speaks, "\n".join(filter(None, lexical))))
    return texts


def encode_texts(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Return the vectors of what speaks for the runs, shape (len(texts), dimension); zero where that is nothing."""
    vectors = np.zeros((len(texts), encoder.dimension), np.float32)
    rows = [row for row, text in enumerate(texts) if text]
    vectors[rows] = encoder.encode([texts[row] for row in rows])
    return vectors


def _said(summary: StructuredSummary, *, whole: bool) -> str:
    """Return a summary's words: all of them, or its first field of statements (the gist) and its terms.

    Fields are told by kind and order, since a user's template names them as it likes.
    """
    gist = next((field for field in summary.fields if field.kind is FieldKind.STATEMENT), None)
    kept = [field for field in summary.fields if whole or field is gist or field.kind is FieldKind.TERM]
    return "\n".join(" ".join(statement.text for statement in field.statements) for field in kept)


def make_entries(
    parsed: ParsedDocument, spans: Sequence[tuple[int, int]], texts: Sequence[str]
) -> tuple[PooledEntry, ...]:
    """Return the pooled entries of a document."""
    return tuple(
        PooledEntry(parsed.document.id, index, first, last, text)
        for index, ((first, last), text) in enumerate(zip(spans, texts, strict=True))
    )


def pool_vectors(
    passages: NDArray[np.float32],
    spans: Sequence[tuple[int, int]],
    summaries: NDArray[np.float32],
    weight: float = SUMMARY_WEIGHT,
) -> NDArray[np.float32]:
    """Return one unit vector for each run.

    Args:
        passages: unit vectors of a document's passages, shape (n_passages, dimension).
        spans: runs `[first, last)` of passages.
        summaries: unit vectors of the summary text of each run, shape (n_runs, dimension); zero for a run of one
            passage, whose entry is the passage.
        weight: share of the summary.
    """
    if not len(spans):
        return np.zeros((0, passages.shape[1]), np.float32)
    means = np.stack([passages[first:last].mean(axis=0) for first, last in spans])
    mixed = (1 - weight) * _unit(means) + weight * summaries
    return _unit(mixed)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
