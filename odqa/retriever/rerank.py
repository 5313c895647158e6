"""Put evidence into a better order with a model that reads question and passage together.

What all rerankers share: how much of the evidence is read and for how long, and how the model's scores meet those of
the first stage. Only the first `rerank_passages` pieces are read, in batches that go down the list; no batch is begun
that would probably end after `rerank_ms` milliseconds, save the first one. What was read comes first, ordered by a sum
of both scores, each standardised over what was read, as scores of different kinds have no unit in common. What was
not read keeps its order behind it: it had been judged worse already, and nothing better is known of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from odqa.registry import names, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder, Reranker
    from odqa.schema import Evidence
    from odqa.settings import Settings

NONE = "none"
_BATCH_TOKENS = 1024
"""Tokens of a batch where time is limited: some 0.2 s on two cores, so that the limit can be kept."""


class TokenEncoder(Protocol):
    """An encoder that gives a vector to every token, for late interaction."""

    def token_vectors(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage"
    ) -> list[NDArray[np.float32]]:
        """Return unit vectors of the tokens of each text that say something; one array (tokens, width) a text."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens left out, without truncation."""
        ...


def make_reranker(settings: Settings, encoder: Encoder) -> Reranker | None:
    """Return the reranker that the settings name: a registered one, else a cross-encoder model; None for `none`.

    Raises:
        ConfigError: the reranker cannot work with this encoder.
        ModelError: there is no such model, or it cannot be used.
    """
    if settings.reranker == NONE:
        return None
    if settings.reranker in names("rerankers"):
        reranker: Reranker = resolve("rerankers", settings.reranker)(settings, encoder)
        return reranker
    from odqa.retriever.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(settings, encoder)


def passage_input(evidence: Evidence) -> str:
    """Return what a model reads of a passage: its context, then its characters."""
    context = evidence.passage.context
    return f"{context}\n{evidence.text}" if context else evidence.text


def batches_in_time(lengths: Sequence[int], settings: Settings) -> Iterator[list[int]]:
    """Yield items in batches, in their order, as long as the next one should be done in time.

    The time between two batches is what the caller takes for one.

    Args:
        lengths: tokens of each item.
        settings: `batch_tokens`, the padded tokens of a batch, and `rerank_ms`, the time for all of them.
    """
    limit = settings.rerank_ms / 1000
    budget = min(settings.batch_tokens, _BATCH_TOKENS) if limit else settings.batch_tokens
    start, slowest = time.perf_counter(), 0.0
    for batch in _runs(lengths, budget):
        began = time.perf_counter()
        if limit and batch[0] and began - start + slowest > limit:
            return
        yield batch
        slowest = max(slowest, time.perf_counter() - began)


def _runs(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Cut items into runs whose padded tokens stay within a budget; a longer item makes a run of its own."""
    run: list[int] = []
    longest = 0
    for item, length in enumerate(lengths):
        if run and max(longest, length) * (len(run) + 1) > budget:
            yield run
            run, longest = [], 0
        run.append(item)
        longest = max(longest, length)
    if run:
        yield run


def reordered(evidence: Sequence[Evidence], scores: NDArray[np.float32], name: str, weight: float) -> list[Evidence]:
    """Order evidence by the sum of a model's scores and its own, both standardised.

    The scores of the first stage are kept under `fused`, and dealt out anew in the new order, so that what comes first
    still has the highest one and the scores of two questions stay comparable.

    Args:
        evidence: best first.
        scores: of the first pieces, as many as the model has read; shape (read,).
        name: under which the model's scores are added.
        weight: of the model's scores; the first stage's weigh 1 − `weight`.
    """
    first = np.array([item.score for item in evidence[: len(scores)]], np.float64)
    order = np.argsort(-((1 - weight) * _standardized(first) + weight * _standardized(scores)), kind="stable")
    places = [*order.tolist(), *range(len(scores), len(evidence))]
    falling = sorted((item.score for item in evidence), reverse=True)
    return [
        replace(
            evidence[place],
            score=score,
            scores=_with(evidence[place], {name: float(scores[place])} if place < len(scores) else {}),
        )
        for place, score in zip(places, falling, strict=True)
    ]


def _with(evidence: Evidence, added: Mapping[str, float]) -> dict[str, float]:
    return {**evidence.scores, "fused": evidence.score, **added}


def _standardized(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bring scores to mean 0 and standard deviation 1; scores that are all the same are all 0."""
    wide = scores.astype(np.float64)
    if not wide.size or np.ptp(wide) < 1e-9:
        return np.zeros(len(wide))
    unit: NDArray[np.float64] = (wide - wide.mean()) / wide.std()
    return unit
