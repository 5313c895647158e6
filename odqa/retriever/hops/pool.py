"""The passages under consideration for one question, with what is needed to compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.lexical import LexicalIndex
    from odqa.index.rank_lexical import RankLexicalIndex
    from odqa.index.snapshot import Snapshot
    from odqa.retriever.hops.words import PassageWords

    Numbers = NDArray[np.int64]
    Vectors = NDArray[np.float32]


class Pool:
    """Passages, each once, in the order in which they came.

    Attributes:
        passages: global numbers, shape (n,).
        documents: number of the document of each, shape (n,).
        vectors: shape (n, dimension).
        terms: words of the question that count, without repetition.
        weights: inverse document frequency of each as a share of their sum, shape (terms,).
        holds: which passage has which of them, context included; 1 or 0, shape (n, terms).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        lexical: LexicalIndex | RankLexicalIndex,
        words: PassageWords,
        question: str,
        inside: NDArray[np.bool_] | None = None,
    ) -> None:
        """Begin with no passages.

        Args:
            snapshot: where they are.
            lexical: tells words and how rare they are.
            words: of the passages.
            question: whose words count.
            inside: documents whose passages may be taken in, shape (documents,); all if None.
        """
        self._snapshot, self._lexical, self._words, self._inside = snapshot, lexical, words, inside
        self.terms = lexical.terms(question)
        self.weights = words.weights(self.terms)
        self.passages: Numbers = np.zeros(0, np.int64)
        self.documents: Numbers = np.zeros(0, np.int64)
        self.vectors: Vectors = np.zeros((0, snapshot.dimension), np.float32)
        self.holds: NDArray[np.float64] = np.zeros((0, len(self.terms)))
        self._columns = {term: column for column, term in enumerate(self.terms)}

    def __len__(self) -> int:
        return len(self.passages)

    def add(self, passages: Numbers) -> None:
        """Take passages in; those that are in already stay where they are."""
        new = np.setdiff1d(passages, self.passages)
        if not len(new):
            return
        documents = self._snapshot.documents_of(new)
        if self._inside is not None:
            new, documents = new[self._inside[documents]], documents[self._inside[documents]]
        self.holds = np.concatenate([self.holds, self._words.held(new, self.terms)])
        self.vectors = np.concatenate([self.vectors, self._snapshot.vectors_of(new)])
        self.passages = np.concatenate([self.passages, new])
        self.documents = np.concatenate([self.documents, documents])

    def places(self, passages: Numbers) -> Numbers:
        """Return where passages stand in the pool, -1 for those that are not in it."""
        if not len(self):
            return np.full(len(passages), -1, np.int64)
        order = np.argsort(self.passages, kind="stable")
        at = order[np.minimum(np.searchsorted(self.passages[order], passages), len(self) - 1)]
        return np.where(self.passages[at] == passages, at, -1)

    def columns(self, text: str) -> Numbers:
        """Return which of the question's words a part of it has."""
        return np.array([self._columns[term] for term in self._lexical.terms(text) if term in self._columns], np.int64)
