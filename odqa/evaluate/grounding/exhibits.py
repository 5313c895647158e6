"""The evidence that a claim is held against: all of its document, the best passages, or what people marked.

The last is the oracle-chunk setting of WiCE (Kamoi et al., EMNLP 2023, and its repository ryokamoi/wice): the
verifier is measured as if retrieval were perfect. It knows the labels, so that its figures are for comparison with
published ones; what a verifier is worth inside the engine is said by the retrieved passages.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from odqa.data.datasets.types import ClaimLabel
from odqa.retriever.fusion import reciprocal_rank
from odqa.schema import Block, BlockKind, Document, Evidence, ParsedDocument, Passage, Section, Span

if TYPE_CHECKING:
    from odqa.data.datasets import LabelledClaim
    from odqa.protocols import Encoder

CHUNK_WORDS = 256
"""A chunk stays under so many words."""
CHUNKS = 3
"""Chunks that a claim is held against, at most."""
_BEFORE, _AFTER = 15, 25
"""Sentences around the marked ones that a chunk is filled up from."""
_JOIN = " "


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Evidence that the verifier is shown at once.

    Attributes:
        evidence: the passages.
        origins: for each sentence of a chunk, its characters in the claim's document; empty where the evidence is
            of that document itself.
    """

    evidence: tuple[Evidence, ...]
    origins: tuple[Span, ...] = ()

    def sentences(self) -> Iterator[tuple[str, Span]]:
        """Yield the text of every sentence, and its characters in the claim's document."""
        for item in self.evidence:
            for span in item.passage.sentences:
                yield span.of(item.document.text), self.original(span)

    def original(self, span: Span) -> Span:
        """Return the characters in the claim's document of a span in the evidence's."""
        if not self.origins:
            return span
        (item,) = self.evidence
        touched = [n for n, sentence in enumerate(item.passage.sentences) if sentence.overlaps(span)]
        return Span(self.origins[touched[0]].start, self.origins[touched[-1]].end)


def whole(parsed: ParsedDocument) -> Exhibit:
    """Return every passage of a document."""
    return Exhibit(tuple(_evidence(parsed, passage) for passage in parsed.passages))


def retrieved(claim: str, parsed: ParsedDocument, encoder: Encoder, k: int, *, rrf_k: int, language: str) -> Exhibit:
    """Return the passages of a document that are nearest to a claim, by meaning and by BM25, as the engine ranks them.

    The engine's BM25 counts words in the whole collection; here there is only the document.

    Args:
        claim: the query.
        parsed: the document.
        encoder: sentence embeddings.
        k: how many passages.
        rrf_k: constant of the fusion.
        language: of stemming and stop words.
    """
    if not parsed.passages:
        return Exhibit(())
    inputs = [parsed.passage_input(passage) for passage in parsed.passages]
    cosines = encoder.encode(inputs, kind="passage") @ encoder.encode([claim], kind="query")[0]
    rankings = [np.argsort(-cosines, kind="stable").astype(np.int64), _by_words(claim, inputs, language)]
    order, scores = reciprocal_rank(rankings, k=rrf_k)
    return Exhibit(
        tuple(
            _evidence(parsed, parsed.passages[number], score)
            for number, score in zip(order[:k].tolist(), scores[:k].tolist(), strict=True)
        )
    )


def chunks(claim: LabelledClaim, parsed: ParsedDocument, rng: random.Random) -> list[Exhibit]:
    """Return the oracle chunks of a claim: what its best score over them is, its score is.

    For a claim that is supported, if only in part: the marked sentences, filled up with random ones from 15 before to
    25 behind them to just under 256 words, in the order of the document; three times, with other fillers. For a claim
    that is not: three of the overlapping chunks of 256 words that the document divides into. Three differences to
    `preprocess_dataset.py` of the repository: the sentences that several annotators marked are one set, since that
    is how claims carry them; sentences are those that this package sees; and headings are left out unless marked.

    Args:
        claim: with the sentences that people marked.
        parsed: its document.
        rng: draws fillers and chunks.

    Returns:
        No chunk where the document is empty, or where the claim is supported and no sentence is marked.
    """
    sentences = sorted({span for passage in parsed.passages for span in passage.sentences})
    marked = [span for span in claim.spans if not any(span.overlaps(other) for other in sentences)]
    sentences = sorted([*sentences, *marked])
    sizes = [len(span.of(claim.document.text).split()) for span in sentences]
    if claim.label is ClaimLabel.NOT_SUPPORTED:
        plain = [tuple(range(*bounds)) for bounds in _overlapping(sizes)]
        chosen = rng.sample(plain, CHUNKS) if len(plain) > CHUNKS else plain
    else:
        gold = [n for n, span in enumerate(sentences) if any(span.overlaps(other) for other in claim.spans)]
        chosen = list(dict.fromkeys(_filled(gold, sizes, rng) for _ in range(CHUNKS if gold else 0)))
    return [_chunk(claim.document, [sentences[n] for n in chunk]) for chunk in chosen]


def _overlapping(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last + 1 sentence of chunks under the limit, each of which begins amid the one before."""
    start = 0
    while start < len(sizes):
        end = start + _fitting(sizes[start:])
        yield start, end
        if end == len(sizes):
            return
        start = end - (end - start - 1) // 2


def _filled(gold: Sequence[int], sizes: Sequence[int], rng: random.Random) -> tuple[int, ...]:
    around = sorted(set(range(max(gold[0] - _BEFORE, 0), min(gold[-1] + _AFTER, len(sizes)))) - set(gold))
    order = [*gold, *rng.sample(around, len(around))]
    return tuple(sorted(order[: _fitting([sizes[n] for n in order])]))


def _fitting(sizes: Sequence[int]) -> int:
    """Return how many sentences stay under the limit together; one at least."""
    return max(sum(total < CHUNK_WORDS for total in accumulate(sizes)), 1)


def _chunk(document: Document, sentences: Sequence[Span]) -> Exhibit:
    """Make a document of chosen sentences, so that nothing that stands between them is shown."""
    texts = [" ".join(span.of(document.text).split()) for span in sentences]
    ends = list(accumulate(len(text) + len(_JOIN) for text in texts))
    spans = tuple(Span(end - len(text) - len(_JOIN), end - len(_JOIN)) for text, end in zip(texts, ends, strict=True))
    text = _JOIN.join(texts)
    all_of_it = Span(0, len(text))
    made = Document(document.id, document.title, text, (Block(BlockKind.PARAGRAPH, all_of_it),))
    section = Section(0, "", (), all_of_it)
    return Exhibit((Evidence(made, section, Passage(made.id, 0, 0, all_of_it, spans), 1.0),), tuple(sentences))


def _evidence(parsed: ParsedDocument, passage: Passage, score: float = 1.0) -> Evidence:
    return Evidence(parsed.document, parsed.sections[passage.section], passage, score)


def _by_words(claim: str, texts: Sequence[str], language: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the numbers of the texts that share words with the claim, best first by BM25, k1 = 1.2, b = 0.75."""
    from rank_bm25 import BM25Okapi

    from odqa.index.lexical import make_analyzer

    analyzer = make_analyzer(language)
    analysed = [analyzer.analyze(text.encode("utf-8", "replace").decode("utf-8")) for text in [claim, *texts]]
    if not any(analysed[1:]):
        return np.zeros(0, np.int64)
    scores = np.asarray(BM25Okapi(analysed[1:], k1=1.2, b=0.75).get_scores(list(dict.fromkeys(analysed[0]))))
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > 0].astype(np.int64)
