"""LexRank and TextRank as sumy has them, over the sentences that this package sees.

sumy fills the matrix of similarities pair by pair in Python, which takes a second for a meeting of 480 sentences and
ten for one of 1,500. Here that matrix, and nothing else, is made with SciPy, in a thirtieth of the time: tests hold it
to sumy's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ranker = Callable[[Sequence[str]], list[int]]
"""Takes sentences and returns their positions, the most central first."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class _Tokenizer:
    """What sumy asks for words, in place of its own, which needs data that nltk downloads."""

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(_WORD.findall(text))


def lexrank(language: str = "english") -> Ranker:
    """Return LexRank (Erkan and Radev, 2004) with sumy's threshold and stop condition.

    Args:
        language: of stemmer and stop words, as sumy calls it; one that it does not know has neither.

    Raises:
        UsageError: sumy is not installed.
    """
    summarizer = _prepared(need("sumy.summarizers.lex_rank").LexRankSummarizer, language)
    summarizer._compute_idf = _sentence_idf
    summarizer._create_matrix = lexrank_matrix
    return partial(_rank, summarizer)


def textrank(language: str = "english") -> Ranker:
    """Return TextRank (Mihalcea and Tarau, 2004) with sumy's damping and stop condition; arguments as of `lexrank`.

    Raises:
        UsageError: sumy is not installed.
    """
    summarizer = _prepared(need("sumy.summarizers.text_rank").TextRankSummarizer, language)

    def matrix(document: Any) -> NDArray[np.float64]:
        words = [summarizer._to_words_set(sentence) for sentence in document.sentences]
        return textrank_matrix(words, summarizer.damping, summarizer._ZERO_DIVISION_PREVENTION)

    summarizer._create_matrix = matrix
    return partial(_rank, summarizer)


def lexrank_matrix(
    sentences: Sequence[Sequence[str]],
    threshold: float,
    frequencies: Sequence[Mapping[str, float]],
    idf: Mapping[str, float],
) -> NDArray[np.float64]:
    """Return what sumy's `LexRankSummarizer._create_matrix` does: who is alike by more than the threshold, by row."""
    rows = [{word: tf * idf[word] for word, tf in known.items()} for known in frequencies]
    vectors = _sparse(rows)
    norms = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    products = np.asarray((vectors @ vectors.T).todense(), np.float64)
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    alike = (products * scale[:, None] * scale[None, :] > threshold).astype(np.float64)
    degrees = alike.sum(axis=1)
    found: NDArray[np.float64] = alike / np.where(degrees == 0, 1.0, degrees)[:, None]
    return found


def textrank_matrix(sentences: Sequence[Sequence[str]], damping: float, least: float) -> NDArray[np.float64]:
    """Return what sumy's `TextRankSummarizer._create_matrix` does: words shared over the logarithms of both lengths.

    Args:
        sentences: words of each.
        damping: share of the walk that follows similarity.
        least: keeps a sentence that is like no other from a division by zero.
    """
    counts = _sparse([Counter(words) for words in sentences])
    shared = np.asarray((counts @ counts.T).todense(), np.float64)
    lengths = np.log(np.maximum([len(words) for words in sentences], 1))
    norms = lengths[:, None] + lengths[None, :]
    weights = shared / np.where(norms == 0, 1.0, norms)
    weights /= weights.sum(axis=1)[:, None] + least
    found: NDArray[np.float64] = (1.0 - damping) / len(sentences) + damping * weights
    return found


def _prepared(summarizer: Callable[[Any], Any], language: str) -> Any:
    """Return a summarizer of sumy with stemmer and stop words, as its README sets one up."""
    try:
        stemmer = need("sumy.nlp.stemmers").Stemmer(language)
    except LookupError:
        stemmer = need("sumy.nlp.stemmers").null_stemmer
    made = summarizer(stemmer)
    try:
        made.stop_words = need("sumy.utils").get_stop_words(language)
    except LookupError:
        made.stop_words = ()
    return made


def _rank(summarizer: Any, sentences: Sequence[str]) -> list[int]:
    """Return positions of the sentences by their rating; where it has no opinion, in reading order."""
    if not sentences:
        return []
    dom, tokenizer = need("sumy.models.dom"), _Tokenizer()
    document = dom.ObjectDocumentModel([dom.Paragraph([dom.Sentence(text, tokenizer) for text in sentences])])
    order: list[int] = []

    def keep(rated: Sequence[Any]) -> Sequence[Any]:
        order.extend(info.order for info in rated)
        return rated

    # In a text of two sentences no word tells one from the other, and sumy divides by zero.
    with np.errstate(invalid="ignore", divide="ignore"):
        summarizer(document, keep)
    if sorted(order) != list(range(len(sentences))):
        raise UsageError("this release of sumy does not rate every sentence", "pip install 'sumy==0.13.0'")
    return order


def _sentence_idf(sentences: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return what sumy's `_compute_idf` does, which looks for every word in every sentence."""
    frequency = Counter(chain.from_iterable(set(words) for words in sentences))
    return {word: float(np.log(len(sentences) / (1 + count))) for word, count in frequency.items()}


def _sparse(rows: Sequence[Mapping[str, float]]) -> Any:
    """Return rows of values by word as a sparse matrix, shape (rows, distinct words)."""
    from scipy.sparse import csr_array

    columns = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(rows)))}
    places = [columns[word] for row in rows for word in row]
    values = [value for row in rows for value in row.values()]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    return csr_array((values, places, ends), (len(rows), max(len(columns), 1)), np.float64)
