"""Sentences of evidence, and which of them a claim may rest on: some in a row, or a few that stand apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from odqa.reader.lexicon import canonical
from odqa.reader.quote import block_at, headers, row_of
from odqa.reader.words import count_words, inverse_frequencies, squeeze, unmarked, weight_of, words
from odqa.schema import Block, BlockKind, Evidence, Span

WINDOW = 3
"""A claim may rest on so many sentences in a row."""
MOST = 5
"""A claim may rest on so many sentences that stand apart."""
LENGTH_COST = 0.02
"""What a further sentence must add to a window's share, so that no window is longer than it has to be."""
_LEAST_GAIN = 0.06


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the evidence, or a table row read with its headers.

    Attributes:
        evidence: index of its passage.
        span: its characters in the passage's document.
        text: those characters without citation marks; a row as `header cell; header cell`.
        block: what it stands in.
        cells: header and text of each cell of a row.
        vector: index of its vector in `Evidence.sentence_vectors`.
    """

    evidence: int
    span: Span
    text: str
    block: Block | None
    cells: tuple[tuple[str, str], ...] = ()
    vector: int = 0

    @property
    def stems(self) -> frozenset[str]:
        """The canonical stems of its content words."""
        return stems_of(self.text)


Window = tuple[Sentence, ...]


@lru_cache(maxsize=1 << 13)
def stems_of(text: str) -> frozenset[str]:
    """Return the canonical stems of a text's content words: British as American, digits as words."""
    return frozenset(canonical(word.text) for word in words(text) if word.is_content)


def sentences(number: int, item: Evidence) -> Iterator[Sentence]:
    """Yield the sentences of a passage; a table row is read with its headers, cell by cell.

    Args:
        number: index of the evidence.
        item: the evidence.
    """
    text = item.document.text
    for place, span in enumerate(item.passage.sentences or (item.passage.span,)):
        block = block_at(item.document, span.start)
        row = row_of(block, span) if block is not None and block.kind is BlockKind.TABLE else None
        if block is None or row is None:
            yield Sentence(number, span, unmarked(squeeze(span.of(text))), block, (), place)
            continue
        titles = headers(item.document, block)
        cells = tuple(
            (titles[n] if n < len(titles) else "", said)
            for n, cell in enumerate(block.rows[row])
            if (said := unmarked(squeeze(cell.of(text))))
        )
        shown = "; ".join(f"{title} {said}".strip() for title, said in cells)
        yield Sentence(number, span, shown, block, cells, place)


def in_a_row(passage: Sequence[Sentence]) -> Iterator[Window]:
    """Yield every window of one to three neighbouring sentences."""
    for start in range(len(passage)):
        for end in range(start + 1, min(start + WINDOW, len(passage)) + 1):
            yield tuple(passage[start:end])


class Terms:
    """The content words of a claim, each weighted by how rare it is in the evidence.

    Args:
        claim: one sentence.
        every: all sentences of the evidence.
    """

    def __init__(self, claim: str, every: Sequence[Sentence]) -> None:
        self.wanted = stems_of(claim)
        texts = [sentence.stems for sentence in every]
        frequencies = inverse_frequencies(texts)
        self.weights = {stem: weight_of(stem, frequencies, len(texts)) for stem in self.wanted}
        # Exact sums: those of a set would depend on its order, which differs from process to process.
        self.total = math.fsum(self.weights.values())

    def share(self, stems: Iterable[str]) -> float:
        """Return the weight of the claim's words among `stems`, 0–1."""
        if not self.total:
            return 0.0
        return math.fsum(self.weights[stem] for stem in self.wanted.intersection(stems)) / self.total

    def of(self, window: Iterable[Sentence]) -> float:
        """Return the weight of the claim's words that a window holds, 0–1."""
        return self.share(frozenset().union(*(sentence.stems for sentence in window)))

    def cover(self, candidates: Sequence[Sentence]) -> Window:
        """Return the few sentences that hold most of the claim together, in the order given.

        Greedy weighted set cover (Chvátal 1979): each sentence taken adds most of what is still missing.
        """
        left, chosen = set(self.wanted), set[int]()
        while left and len(chosen) < MOST:
            gains = [self.share(left & sentence.stems) for sentence in candidates]
            best = max(range(len(gains)), key=lambda n: (gains[n], -len(candidates[n].stems)), default=None)
            if best is None or gains[best] < (_LEAST_GAIN if chosen else 1e-9):
                break
            chosen.add(best)
            left -= candidates[best].stems
        return tuple(candidates[n] for n in sorted(chosen))


def excerpt(terms: Terms, candidates: Sequence[Sentence], words: int) -> Window:
    """Return what a model should read to judge a claim: its cover, with as many neighbours as there is room for.

    Args:
        terms: of the claim.
        candidates: sentences of one document, in order.
        words: so many words at most, but one sentence at least.
    """
    places = {sentence.span: n for n, sentence in enumerate(candidates)}
    cover = [places[sentence.span] for sentence in terms.cover(candidates)]
    cover.sort(key=lambda n: -terms.share(candidates[n].stems))
    around = [n + step for step in (-1, 1) for n in cover if 0 <= n + step < len(candidates)]
    chosen: dict[int, int] = {}
    for n in [*cover, *around]:
        size = count_words(candidates[n].text)
        if n not in chosen and (not chosen or sum(chosen.values()) + size <= words):
            chosen[n] = size
    return tuple(candidates[n] for n in sorted(chosen))


def ranked(terms: Terms, passages: Sequence[Sequence[Sentence]], evidence: Sequence[Evidence]) -> list[Window]:
    """Return the windows that share words with a claim, best first: those in a row, and one cover for each document.

    Args:
        terms: of the claim.
        passages: sentences of each piece of evidence.
        evidence: what they stand in; sentences of one document may carry a claim together.
    """
    scored: list[tuple[float, Window]] = []
    documents: dict[str, list[Sentence]] = {}
    for number, passage in enumerate(passages):
        near = [sentence for sentence in passage if terms.wanted & sentence.stems]
        known = documents.setdefault(evidence[number].document.id, [])
        places = {sentence.span for sentence in known}
        known += [sentence for sentence in near if sentence.span not in places]
        scored += [
            (share - LENGTH_COST * len(window), window) for window in in_a_row(passage) if (share := terms.of(window))
        ]
    for known in documents.values():
        window = terms.cover(sorted(known, key=lambda sentence: sentence.span))
        if len(window) > 1:
            scored.append((terms.of(window) - LENGTH_COST * len(window), window))
    scored.sort(key=lambda row: -row[0])
    return list(dict.fromkeys(window for _, window in scored))
