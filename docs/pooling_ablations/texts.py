"""A run of passages said in a few words, to be encoded in its place: its keywords, or its best sentences."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from odqa.data.sentences import split_sentences
from odqa.schema import Span

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot

_WORD = re.compile(r"[A-Za-z][\w'’-]+")
_KEYWORDS = 60  # of a run, about half of what the encoder reads
_SENTENCE_WORDS = 160
_NAME = 1.3  # what a word with a capital counts more


class RunTexts:
    """Texts for runs of passages, with words weighed by how few passages of the collection have them."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Count the words of all passages."""
        self._snapshot = snapshot
        self._passages = int(snapshot.first_passage[-1])
        self._having: Counter[str] = Counter()
        for number in snapshot.live_documents():
            for text in self._inputs(number):
                self._having.update({word.lower() for word in _WORD.findall(text)})

    def keywords(self, runs: Sequence[Sequence[tuple[int, int]]]) -> Iterator[str]:
        """Yield the words of every run that weigh most (tf·idf), the weightiest first.

        Args:
            runs: of every document, `[first, last)` among its passages.
        """
        for number, spans in enumerate(runs):
            inputs = self._inputs(number)
            for first, last in spans:
                weights, forms = self._weigh(inputs[first:last])
                best = sorted(weights, key=lambda word: -weights[word])[:_KEYWORDS]
                yield " ".join(forms[word] for word in best)

    def sentences(self, runs: Sequence[Sequence[tuple[int, int]]]) -> Iterator[str]:
        """Yield the sentences of every run that have most weight for their length, as many as the encoder reads."""
        for number, spans in enumerate(runs):
            parsed, inputs = self._snapshot.parsed(number), self._inputs(number)
            text = parsed.document.text
            for first, last in spans:
                weights, _ = self._weigh(inputs[first:last])
                whole = Span(parsed.passages[first].span.start, parsed.passages[last - 1].span.end)
                yield _fill([span.of(text) for span in split_sentences(text, whole)], weights)

    def _inputs(self, number: int) -> list[str]:
        parsed = self._snapshot.parsed(number)
        return [parsed.passage_input(passage) for passage in parsed.passages]

    def _weigh(self, texts: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
        """Return the weight of every word in the texts, and the form in which it is written first."""
        counts: Counter[str] = Counter()
        forms: dict[str, str] = {}
        for text in texts:
            for word in _WORD.findall(text):
                counts[word.lower()] += 1
                forms.setdefault(word.lower(), word)
        weights = {
            word: (1 + math.log(count)) * math.log(self._passages / self._having[word])
            for word, count in counts.items()
        }
        return {word: weight * (_NAME if forms[word][0].isupper() else 1) for word, weight in weights.items()}, forms


def _fill(sentences: Sequence[str], weights: dict[str, float]) -> str:
    def value(number: int) -> float:
        words = {word.lower() for word in _WORD.findall(sentences[number])}
        return sum(weights.get(word, 0.0) for word in words) / math.sqrt(max(6, len(words)))

    chosen: list[int] = []
    room = _SENTENCE_WORDS
    for number in sorted(range(len(sentences)), key=lambda number: -value(number)):
        if (words := len(sentences[number].split())) <= room:
            chosen.append(number)
            room -= words
    return " ".join(sentences[number] for number in sorted(chosen))
