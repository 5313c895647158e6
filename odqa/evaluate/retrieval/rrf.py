"""Plain reciprocal-rank fusion, and the forty lines that most of multi-hop retrieval has to beat.

- `rrf`: flat MiniLM over all passages and BM25 over passages, fused (Cormack, Clarke and Büttcher, SIGIR 2009; k = 60).
- `rrf-titles`: that ranking, one of the documents whose titles stand in its first five passages, and what the question
  finds when it is asked again with the first passage behind it, fused in the same way. Of the orders that we tried
  (titles before the rest, after the first two or five, the second question alone) this finds most.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.retrieval.ranking import (
    PER_DOCUMENT,
    FlatPassages,
    Ranking,
    Stopwatch,
    System,
    rank_by_passages,
)
from odqa.retriever.fusion import reciprocal_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.engine import Engine
    from odqa.index.snapshot import Snapshot

RRF_K = 60
READ = 5
"""First passages in which titles are looked for."""

_WORD = re.compile(r"\w+")
_BEHIND = re.compile(r"\s*\([^()]*\)\s*$")  # `Mercury (planet)`
_SHORTEST = 4  # Characters of a title that is looked for.


def rrf(engine: Engine, depth: int) -> System:
    """Return the fusion of flat MiniLM and BM25, both over passages."""
    flat = FlatPassages(engine)

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found = _fused(engine, flat, question, depth)
            yield rank_by_passages(engine.snapshot, found, depth, watch.milliseconds)

    return search


def rrf_titles(engine: Engine, depth: int) -> System:
    """Return that fusion with documents added whose titles are mentioned, and one question asked again."""
    flat, titles = FlatPassages(engine), Titles(engine.snapshot)

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                first = _fused(engine, flat, question, depth)
                texts = [_text(engine.snapshot, passage) for passage in first[:READ].tolist()]
                mentioned = titles.mentioned_in(texts)
                again = _fused(engine, flat, f"{question} {texts[0]}", depth) if texts else first
                named = _best_of(engine.snapshot, mentioned, first)
                found, _ = reciprocal_rank([first, named, again], k=RRF_K)
            yield rank_by_passages(engine.snapshot, found, depth, watch.milliseconds)

    return search


class Titles:
    """The titles of documents, to be found as words in a text."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._documents: dict[tuple[str, ...], list[int]] = defaultdict(list)
        titles = snapshot.column("title")
        for number in snapshot.live_documents():
            title = _BEHIND.sub("", titles[number])
            # A title of one short or common word is found everywhere, so its first letter has to be a capital.
            if len(title) >= _SHORTEST and not title[0].islower():
                self._documents[tuple(_WORD.findall(title))].append(number)
        self._longest = max(map(len, self._documents), default=0)

    def mentioned_in(self, texts: Sequence[str]) -> list[int]:
        """Return the documents whose titles stand in the texts, written alike, in the order of their mention."""
        found: dict[int, None] = {}
        for text in texts:
            words = _WORD.findall(text)
            place = 0
            while place < len(words):
                for length in range(min(self._longest, len(words) - place), 0, -1):
                    if documents := self._documents.get(tuple(words[place : place + length])):
                        found.update(dict.fromkeys(documents))
                        break
                else:
                    length = 1
                place += length
        return list(found)


def _fused(engine: Engine, flat: FlatPassages, question: str, depth: int) -> NDArray[np.int64]:
    limit = depth * PER_DOCUMENT
    words, _ = engine.retriever.derived.lexical.passages(question, limit)
    return reciprocal_rank([flat.search(flat.encode([question])[0], limit), words], k=RRF_K)[0]


def _text(snapshot: Snapshot, passage: int) -> str:
    number = snapshot.document_of(passage)
    parsed = snapshot.parsed(number)
    return parsed.passage_text(parsed.passages[passage - int(snapshot.first_passage[number])])


def _best_of(snapshot: Snapshot, documents: Sequence[int], ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the best passage of each document, the documents as the ranking has them; of others, the first."""
    wanted = set(documents)
    owners = snapshot.documents_of(ranked)
    chosen: dict[int, int] = {}
    for passage, owner in zip(ranked.tolist(), owners.tolist(), strict=True):
        if owner in wanted:
            chosen.setdefault(owner, passage)
    for number in documents:
        if snapshot.first_passage[number] < snapshot.first_passage[number + 1]:
            chosen.setdefault(number, int(snapshot.first_passage[number]))
    return np.array(list(chosen.values()), np.int64)
