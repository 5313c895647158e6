"""Word n-grams of texts, stemmed: what two questions share, and how much of an answer stands in its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from odqa.data.sentences import split_sentences
from odqa.reader.words import content_stems, fold, words
from odqa.schema import Span

Ngram = tuple[str, ...]

_KEPT_TEXTS = 1 << 12
_TELLING = frozenset("who whom whose what which when where why how before after above below under over no not".split())


@lru_cache(_KEPT_TEXTS)
def telling_ngrams(text: str, longest: int = 2) -> frozenset[Ngram]:
    """Return the n-grams of a text, from single words to `longest` words, over the words that tell questions apart.

    Those are content words, and the few function words without which two questions would be the same that are not:
    "Who is Ann?" and "Where is Ann?". With all function words, "Who is Ann and what is her role in the story?" would
    repeat the same question about Ben. A text of nothing but function words is taken as it is.
    """
    found = words(text)
    told = [word for word in found if word.is_content]
    kept = [word for word in found if word.is_content or fold(word.text) in _TELLING] if told else found
    stems = [word.stem for word in kept]
    return frozenset(gram for n in range(1, longest + 1) for gram in _runs(stems, n))


def jaccard(one: frozenset[Ngram], other: frozenset[Ngram]) -> float:
    """Return the n-grams that two texts share as a part of all that they have; 0 where they have none."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def held(texts: Iterable[str], n: int) -> frozenset[Ngram]:
    """Return the n-grams of content words that any of the texts holds; none reaches from one text into the next."""
    return frozenset(gram for text in texts for gram in _runs(content_stems(text), n))


def grounded(answer: str, ngrams: frozenset[Ngram], n: int) -> float | None:
    """Return the share of an answer's n-grams of content words that are among `ngrams`; None where it has none.

    This is the measure of Krishna, Roy and Iyyer (2021, §3.1), who count nouns, verbs and the like by their lemmas;
    here stems of content words stand for them, which needs no tagger. Each occurrence counts. An answer's n-grams end
    at its sentences.

    Args:
        answer: without citation marks.
        ngrams: those of the evidence, from `held`.
        n: words of an n-gram.
    """
    grams = _of_answer(answer, n)
    return sum(gram in ngrams for gram in grams) / len(grams) if grams else None


@lru_cache(_KEPT_TEXTS)
def _of_answer(answer: str, n: int) -> tuple[Ngram, ...]:
    sentences = (span.of(answer) for span in split_sentences(answer, Span(0, len(answer))))
    return tuple(gram for sentence in sentences for gram in _runs(content_stems(sentence), n))


def _runs(stems: Sequence[str], n: int) -> Iterator[Ngram]:
    return (tuple(stems[start : start + n]) for start in range(len(stems) - n + 1))
