"""Fill a field by its name and description: what in a document fits them best, or nothing where nothing does.

How well a sentence fits is told by its words and, where there is an encoder, by its meaning:

- words: the inverse document frequencies of the stems it shares with name and description, summed with the
  saturation of BM25 (Robertson & Zaragoza 2009) and divided by what two rare words would bring;
- meaning: its cosine to name and description, above what two unrelated sentences have.

The two are joined as independent signs (noisy or), and words are trusted less where the meaning is foreign.
Below a floor a sentence does not fit: a field without a fitting sentence stays empty. Only sentences that their
words or their passage speak for are encoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from odqa.index.summary.analysis import Analysis, Floats, sums
from odqa.index.summary.schemas import TemplateField
from odqa.index.summary.words import STOP_WORDS, fold

if TYPE_CHECKING:
    from odqa.protocols import Encoder, Vectors

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NAME_WEIGHT, _DESCRIPTION_WEIGHT = 1.5, 1.0
_FULL = 2.0
"""Rare words, at weight 1, that make a perfect fit."""
_SATURATION = 1.2
FLOOR = 0.3
"""Fit from which a sentence counts."""
_UNRELATED, _SAME = 0.3, 0.7
"""Cosines up to which a sentence says nothing for a field, and from which it is what the field describes."""
_FOREIGN, _DOUBT = 0.3, 0.6
"""Below that cosine a sentence shares words of the description by chance: what they count for is discounted."""
_MOST_ENCODED, _LEAST_ENCODED, _PASSAGES_A_SENTENCE = 40, 8, 4
"""Sentences encoded for one field: a quarter of the number of passages, which costs a twentieth of encoding those."""
_WORST_TIER = 2
_PREFIX = 3
# Words by which a field is described that say nothing about what it holds.
_DESCRIBING = frozenset(
    """
    what which who whom whose where when how why field list name names named any every all document text author
    speaker say says said describe describes described description mention mentions mentioned statement statements
    sentence sentences quote quotes entity entities figure figures date dates number numbers question questions
    information detail details people person persons thing things related about concerning relevant kind kinds e.g i.e
    example examples
    """.split()
)


def describe(field: TemplateField) -> str:
    """Return a field's name and description as one line of words: what is encoded for it."""
    name = _words_of(field.name)
    return f"{name}: {field.description}" if field.description else name


class Descriptions:
    """The vectors of what fields ask for: made once, used for every document.

    Args:
        encoder: what turns words into vectors.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._vectors: dict[str, Vectors] = {}

    def vector(self, field: TemplateField) -> Vectors:
        """Return the unit vector of a field's name and description, shape (dimension,)."""
        text = describe(field)
        if text not in self._vectors:
            self._vectors[text] = self.encoder.encode([text], kind="query")[0]
        return self._vectors[text]


class Fitting:
    """How well the sentences of one document fit the fields that ask by description.

    Args:
        analysis: the document.
        descriptions: the fields' vectors and their encoder; None judges by words alone.
        passages: unit vectors of the passages, shape (n_passages, dimension), where they exist.
    """

    def __init__(
        self, analysis: Analysis, descriptions: Descriptions | None = None, passages: Vectors | None = None
    ) -> None:
        import snowballstemmer

        self.analysis = analysis
        self._descriptions = descriptions
        self._passages = passages
        # One of its own: a stemmer keeps the word it works on in itself, and threads must not share it.
        self._stem = snowballstemmer.stemmer("english").stemWord
        self._fits: dict[TemplateField, Floats] = {}
        self._vectors: dict[int, Vectors] = {}

    def fits(self, field: TemplateField) -> Floats:
        """Return how well each sentence of the document fits a field, 0–1, shape (n_sentences,)."""
        if field not in self._fits:
            fit, named = self._by_words(field)
            if self._descriptions is not None and len(fit):
                sentences, cosines = self._by_meaning(field, fit, self._descriptions)
                fit[sentences] = _joined(fit[sentences], cosines, named[sentences])
            self._fits[field] = fit
        return self._fits[field]

    def fits_texts(self, field: TemplateField, texts: Sequence[str]) -> Floats:
        """Return how well other words of the document, its headings, fit a field, 0–1, shape (len(texts),)."""
        asked = self._asked(field)
        stems = [self._stems(text) for text in texts]
        rarity = {stem: weight * self._rarity(self._terms_of(stem)) for stem, weight in asked.items()}
        fit = np.array([sum(rarity.get(stem, 0.0) for stem in mine) for mine in stems]) / _FULL
        fit = np.minimum(fit, 1.0)
        if self._descriptions is not None and texts:
            vectors = self._descriptions.encoder.encode(list(texts))
            named = np.array([any(asked.get(stem) == _NAME_WEIGHT for stem in mine) for mine in stems])
            fit = _joined(fit, vectors @ self._descriptions.vector(field), named)
        return fit

    def _asked(self, field: TemplateField) -> dict[str, float]:
        """Stems of a field's name and description, each with its weight."""
        asked = dict.fromkeys(self._stems(field.description), _DESCRIPTION_WEIGHT)
        return asked | dict.fromkeys(self._stems(_words_of(field.name)), _NAME_WEIGHT)

    def _stems(self, text: str) -> set[str]:
        words = (word.lower() for word in _WORD.findall(text))
        return {self._stem(fold(word)) for word in words if word not in STOP_WORDS | _DESCRIBING}

    def _by_words(self, field: TemplateField) -> tuple[Floats, NDArray[np.bool_]]:
        """Return how well each sentence fits by its words, and whether it has one of the field's name."""
        fit = np.zeros(len(self.analysis.sentences))
        named = np.zeros(len(fit), dtype=bool)
        for stem, weight in self._asked(field).items():
            terms = self._terms_of(stem)
            rows, counts = self.analysis.occurrences(terms)
            frequency = sums(rows, counts.astype(np.float64), len(fit))
            saturated = frequency * (1 + _SATURATION) / (frequency + _SATURATION)
            fit += weight * self._rarity(terms) * saturated
            named[rows] |= weight == _NAME_WEIGHT
        return np.minimum(fit / _FULL, 1.0), named

    def _by_meaning(
        self, field: TemplateField, words: Floats, descriptions: Descriptions
    ) -> tuple[list[int], NDArray[np.float32]]:
        """Return the sentences that words or passage put first, and their cosines to the field's description."""
        analysis = self.analysis
        vector = descriptions.vector(field)
        likely = words + 0.05 * analysis.information
        if self._passages is not None:
            likely = likely + np.clip(self._passages @ vector, 0.0, 1.0)[analysis.passage_of]
        able = (analysis.tiers <= _WORST_TIER) | (words >= FLOOR)
        most = min(_MOST_ENCODED, max(_LEAST_ENCODED, len(analysis.parsed.passages) // _PASSAGES_A_SENTENCE))
        chosen = [s for s in np.argsort(np.where(able, -likely, 1.0), kind="stable")[:most].tolist() if able[s]]
        new = [s for s in chosen if s not in self._vectors]
        if new:
            texts = [analysis.quote(analysis.sentences[s]) for s in new]
            self._vectors.update(zip(new, descriptions.encoder.encode(texts), strict=True))
        cosines = np.array([float(self._vectors[s] @ vector) for s in chosen], dtype=np.float32)
        return chosen, cosines

    def _terms_of(self, stem: str) -> list[int]:
        """Terms of the document with that stem; only words that begin alike are stemmed, which is what takes time."""
        begin = stem[:_PREFIX]
        terms = self.analysis.term_ids.items()
        return [number for term, number in terms if term.startswith(begin) and self._stem(term) == stem]

    def _rarity(self, terms: list[int]) -> float:
        """Inverse document frequency over the sentences, in parts of that of a word met nowhere: 0–1.

        As Lucene's BM25 counts it, which is never negative.
        """
        count = len(self.analysis.sentences)
        if not count:
            return 0.0
        frequency = len(np.unique(self.analysis.occurrences(terms)[0]))
        return math.log1p((count - frequency + 0.5) / (frequency + 0.5)) / math.log1p((count + 0.5) / 0.5)


def _words_of(name: str) -> str:
    return _HUMP.sub(" ", name).replace("_", " ").replace("-", " ").strip()


def _joined(words: Floats, cosines: NDArray[np.float32], named: NDArray[np.bool_]) -> Floats:
    """Fit by words and by meaning as one; meaning may speak against words that agree by chance, but for the name's."""
    meaning = np.clip((cosines.astype(np.float64) - _UNRELATED) / (_SAME - _UNRELATED), 0.0, 1.0)
    trust = np.where((cosines < _FOREIGN) & ~named, _DOUBT, 1.0)
    return 1.0 - (1.0 - words * trust) * (1.0 - meaning)
