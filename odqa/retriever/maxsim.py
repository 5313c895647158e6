"""Late interaction with the encoder's own token vectors: no further model, nothing to download.

MaxSim (Khattab and Zaharia 2020, ColBERT): every token of the question looks for its likest token in the passage, and
the passage's score is the mean of these likenesses. The bundled MiniLM was trained on whole sentences and not for this,
so its tokens are all somewhat alike; tokens that find a match in every passage tell passages apart least. Each token
therefore weighs by how far it is, on average over the passages at hand, from finding a match: an inverse document
frequency that needs no statistics of the collection and treats inflected forms and synonyms as what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from odqa.errors import ConfigError
from odqa.retriever.rerank import batches_in_time, passage_input, reordered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder
    from odqa.retriever.rerank import TokenEncoder
    from odqa.schema import Evidence
    from odqa.settings import Settings

WEIGHT = 0.5
"""Weight beside the first stage. Any from .3 to .7 raised the recall of passages at 5 on all five data sets that it was
chosen on; alone, MaxSim ranks the tables of TAT-QA and the meetings of QMSum worse than the first stage does."""


class MaxSimReranker:
    """Reranks by MaxSim; safe to share between threads if the encoder is."""

    name = "maxsim"

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        """Take the encoder that the index was made with.

        Raises:
            ConfigError: the encoder has no token vectors.
        """
        if not callable(getattr(encoder, "token_vectors", None)):
            raise ConfigError(
                f"reranker = maxsim needs the vectors of tokens, and the encoder {encoder.name} has none",
                "choose the encoder minilm or a sentence-transformers model, or another reranker",
            )
        self.settings = settings
        self._encoder = cast("TokenEncoder", encoder)

    def rerank(self, question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Return the same evidence, best first, with `maxsim`, 0–1, added to the scores of what was read."""
        if not evidence:
            return []
        texts = [passage_input(item) for item in evidence[: self.settings.rerank_passages]]
        query = self._encoder.token_vectors([question], kind="query")[0]
        batches = batches_in_time(self._encoder.count_tokens(texts), self.settings)
        read = (self._encoder.token_vectors([texts[item] for item in batch]) for batch in batches)
        likest = np.concatenate([likest_tokens(query, passages) for passages in read], axis=1)
        return reordered(evidence, weighted_mean(likest), self.name, WEIGHT)


def likest_tokens(query: NDArray[np.float32], passages: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the cosine of each token of the question with its likest token of each passage.

    Args:
        query: unit vectors, shape (tokens of the question, width).
        passages: unit vectors of each passage, shape (its tokens, width); at least one passage.

    Returns:
        Shape (tokens of the question, passages); 0 for passages without tokens.
    """
    # A zero vector ahead of each passage: `reduceat` cannot reduce nothing, and no likeness counts below 0.
    empty = np.zeros((1, query.shape[1]), np.float32)
    starts = np.cumsum([0, *(len(passage) + 1 for passage in passages[:-1])])
    tokens = np.concatenate([part for passage in passages for part in (empty, passage)])
    likest: NDArray[np.float32] = np.maximum.reduceat(query @ tokens.T, starts, axis=1)
    return likest


def weighted_mean(likest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the score of each passage: its mean likeness, tokens weighted by how rarely they find a match.

    Args:
        likest: shape (tokens of the question, passages), 0–1.

    Returns:
        Shape (passages,), 0–1; 0 for a question without tokens.
    """
    if not likest.size:
        return np.zeros(likest.shape[1], np.float32)
    weights = np.maximum(1 - likest.mean(axis=1), 1e-6)
    scores: NDArray[np.float32] = (weights / weights.sum()) @ likest
    return scores
