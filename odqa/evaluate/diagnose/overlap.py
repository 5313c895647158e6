"""Which questions have been asked before: neighbours by shared words and by embedding.

Krishna, Roy and Iyyer (2021, §3.2) found 81 % of ELI5's test questions paraphrased in its training set, and Lewis,
Stenetorp and Riedel (2021) that a third of the test questions of open-domain question answering repeat one. A model
may answer those from memory. Both looked for neighbours by embedding; shared n-grams are added because embeddings
of short questions confuse the same question about two people.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.diagnose.ngrams import jaccard, telling_ngrams
from odqa.reader.words import squeeze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.datasets import Question
    from odqa.evaluate.diagnose.ngrams import Ngram
    from odqa.protocols import Encoder

NEAR_COSINE = 0.9
NEAR_NGRAM = 0.6
NEAR_ANSWER = 0.6

_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A question that is like another.

    Attributes:
        question: that question.
        ngram: Jaccard similarity of the two questions' stemmed n-grams.
        cosine: of their embeddings.
    """

    question: Question
    ngram: float
    cosine: float

    @property
    def closeness(self) -> float:
        """The larger similarity, each as a multiple of the threshold of a near duplicate."""
        return max(self.ngram / NEAR_NGRAM, self.cosine / NEAR_COSINE)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a set of earlier questions holds of one question.

    Attributes:
        nearest: the nearest earlier questions, nearest first.
        duplicates: how many of them all are near duplicates.
        ngram: largest n-gram similarity of all.
        cosine: largest cosine of all.
        answer: largest n-gram similarity between the answers of a near duplicate and those of the question.
        same_document: a near duplicate is about the same document.
    """

    nearest: tuple[Neighbour, ...]
    duplicates: int
    ngram: float
    cosine: float
    answer: float
    same_document: bool

    @property
    def is_duplicate(self) -> bool:
        """Whether the question has been asked before, in these or nearly these words."""
        return self.duplicates > 0


class Asked:
    """Questions that have been asked, to be searched for near duplicates of another.

    N-grams are looked up in an inverted index and all embeddings compared, so that the similarities are exact; a
    lookup among 100,000 questions takes some milliseconds.
    """

    def __init__(self, questions: Iterable[Question], encoder: Encoder, *, ngram: int = 2) -> None:
        """Index `questions`, with n-grams of up to `ngram` words."""
        self.questions = list(questions)
        self._encoder, self._ngram = encoder, ngram
        self._postings: dict[Ngram, array[int]] = {}
        self._sizes = np.zeros(len(self.questions), np.int64)
        for number, question in enumerate(self.questions):
            grams = telling_ngrams(question.text, ngram)
            self._sizes[number] = len(grams)
            for gram in grams:
                self._postings.setdefault(gram, array("q")).append(number)
        self._vectors = np.zeros((len(self.questions), encoder.dimension), np.float32)
        for start in range(0, len(self.questions), _BATCH):
            texts = [question.text for question in self.questions[start : start + _BATCH]]
            self._vectors[start : start + _BATCH] = encoder.encode(texts, kind="query")
        self._places = {question.id: number for number, question in enumerate(self.questions)}

    def overlap(self, question: Question, neighbours: int = 1, *, within: bool = False) -> Overlap:
        """Return what has been asked of a question before.

        Args:
            question: the question.
            neighbours: how many of the nearest to name.
            within: the question is one of those asked, and not its own neighbour.
        """
        ngrams, cosines = self._ngrams(question.text), self._cosines(question.text)
        closeness = np.maximum(ngrams / NEAR_NGRAM, cosines / NEAR_COSINE)
        own = self._places.get(question.id) if within else None
        if own is not None:
            ngrams[own], cosines[own], closeness[own] = 0.0, -1.0, -np.inf
        order = np.argsort(-closeness, kind="stable")
        order = order[np.isfinite(closeness[order])]
        near = [self.questions[number] for number in np.flatnonzero(closeness >= 1 - 1e-9)]
        documents = {gold.document_id for gold in question.gold}
        return Overlap(
            nearest=tuple(
                Neighbour(self.questions[number], float(ngrams[number]), float(cosines[number]))
                for number in order[:neighbours]
            ),
            duplicates=len(near),
            ngram=float(ngrams.max(initial=0.0)),
            cosine=float(cosines.max(initial=-1.0)),
            answer=max((self._answers(question, other) for other in near), default=0.0),
            same_document=any(gold.document_id in documents for other in near for gold in other.gold),
        )

    def _ngrams(self, text: str) -> NDArray[np.float64]:
        """Return the Jaccard similarity with every question asked."""
        grams = telling_ngrams(text, self._ngram)
        postings = [np.frombuffer(self._postings[gram], np.int64) for gram in grams if gram in self._postings]
        found = np.concatenate([*postings, np.zeros(0, np.int64)])
        shared = np.bincount(found, minlength=len(self.questions))
        similarity: NDArray[np.float64] = shared / np.maximum(len(grams) + self._sizes - shared, 1)
        return similarity

    def _cosines(self, text: str) -> NDArray[np.float64]:
        cosines: NDArray[np.float32] = self._vectors @ self._encoder.encode([text], kind="query")[0]
        return np.clip(cosines, -1, 1).astype(np.float64)

    def _answers(self, question: Question, other: Question) -> float:
        pairs = ((one, two) for one in question.references for two in other.references)
        return max(
            (jaccard(telling_ngrams(one, self._ngram), telling_ngrams(two, self._ngram)) for one, two in pairs),
            default=0.0,
        )


def repeated(questions: Iterable[Question], *, most: int = 3) -> Sequence[tuple[str, int]]:
    """Return the wordings that are asked more than once with the number of times, most often asked first.

    Case and blanks make no difference; the first wording is shown. Templates such as "What is the plot of the story?"
    repeat by design, about another document each time, and a reader of the overlap has to know.
    """
    counts: Counter[str] = Counter()
    wordings: dict[str, str] = {}
    for question in questions:
        key = squeeze(question.text.casefold())
        counts[key] += 1
        wordings.setdefault(key, question.text)
    return [(wordings[key], count) for key, count in counts.most_common(most) if count > 1]
