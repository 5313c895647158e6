"""Show labelled claims to a verifier, and to what it has to beat, one after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from odqa.data.datasets.types import ClaimLabel
from odqa.data.passages import parse
from odqa.evaluate.extras import need
from odqa.evaluate.grounding.corruption import Corruption, corruptions
from odqa.evaluate.grounding.exhibits import Exhibit, chunks, retrieved, whole
from odqa.reader.words import content_stems, words

if TYPE_CHECKING:
    from odqa.data.datasets import LabelledClaim
    from odqa.evaluate.bench import Bench
    from odqa.protocols import Verifier
    from odqa.schema import ParsedDocument, Span, Support

EvidenceChoice = Literal["document", "retrieved", "oracle"]

_SHOWN = 300
"""Characters of evidence in a row of the result."""
_TIMED = 24
"""Claims that are judged once more, by a verifier without kept vectors, to tell its speed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of one claim.

    Attributes:
        id: the claim's.
        text: the claim.
        label: what people said.
        group: what claims share that are not independent; the id where the data set names none.
        score: of the verifier; the best over the exhibits.
        accepted: the engine would let it pass.
        contradiction: the verifier found something that disagrees.
        reason: the verifier's, in a phrase.
        said: sentences that the verifier points at.
        gold: sentences that people marked.
        hit: the verifier points at a marked sentence; None where the claim is not supported, or nothing is marked.
        chance: share of the sentences shown that are marked; None as above.
        nearest: the sentence nearest by embedding is a marked one; None as above.
        baselines: scores by system.
        corrupted: kind, score and acceptance of each corrupted version.
    """

    id: str
    text: str
    label: ClaimLabel
    group: str
    score: float
    accepted: bool
    contradiction: bool
    reason: str
    said: str
    gold: str
    hit: float | None
    chance: float | None
    nearest: float | None
    baselines: Mapping[str, float]
    corrupted: Sequence[tuple[Corruption, float, bool]]


class Trial:
    """Shows claims to the verifier and to the baselines, one after the other."""

    def __init__(
        self, bench: Bench, verifier: Verifier, timed: Verifier, evidence: EvidenceChoice, passages: int
    ) -> None:
        self.bench, self.verifier, self.timed = bench, verifier, timed
        self.evidence, self.passages = evidence, passages
        self.rouge = need("rouge_score.rouge_scorer").RougeScorer(["rougeL"], tokenizer=_Stems())
        self.left_out = 0
        self.seconds: list[float] = []
        self.corpus = {"documents": 0, "passages": 0, "characters": 0}
        self._known: set[str] = set()

    def judge(self, limit: int | None) -> Iterator[Judged]:
        """Yield what was found of each claim; those without marked sentences are counted where these are needed."""
        total = sum(1 for _ in self.bench.dataset.claims())
        chosen: Collection[int] = range(total)
        if limit is not None and limit < total:
            chosen = set(self.bench.rng("claims").sample(range(total), limit))
        done = 0
        for number, claim in enumerate(self.bench.dataset.claims()):
            if number not in chosen:
                continue
            with self.bench.stage("evidence"):
                exhibits = self._exhibits(claim)
            if exhibits:
                yield self._judged(claim, exhibits)
            else:
                self.left_out += 1
            done += 1
            self.bench.tell("verify", done, len(chosen), "claims")

    def _exhibits(self, claim: LabelledClaim) -> list[Exhibit]:
        settings, encoder = self.bench.resolved.settings, self.bench.encoder
        parsed = parse(claim.document, encoder.count_tokens, max_tokens=settings.passage_tokens)
        self._count(parsed)
        if self.evidence == "oracle":
            return chunks(claim, parsed, self.bench.rng(f"chunks/{claim.id}"))
        if self.evidence == "document":
            return [whole(parsed)]
        k, rrf_k, language = self.passages, settings.rrf_k, settings.language
        return [retrieved(claim.text, parsed, encoder, k, rrf_k=rrf_k, language=language)]

    def _count(self, parsed: ParsedDocument) -> None:
        if parsed.document.id not in self._known:
            self._known.add(parsed.document.id)
            sizes = {"documents": 1, "passages": len(parsed.passages), "characters": len(parsed.document.text)}
            self.corpus = {name: self.corpus[name] + size for name, size in sizes.items()}

    def _judged(self, claim: LabelledClaim, exhibits: Sequence[Exhibit]) -> Judged:
        self._time(claim, exhibits)
        with self.bench.stage("verify"):
            support, exhibit = self._best(claim.text, exhibits)
        spans = [exhibit.original(span) for span in support.spans]
        marked = claim.spans if claim.label is ClaimLabel.SUPPORTED else ()
        with self.bench.stage("baselines"):
            found = [self._baselines(claim.text, one) for one in exhibits]
            nearest = max(found, key=lambda one: one.scores["embedding"]).nearest
        with self.bench.stage("corruption"):
            corrupted = tuple(self._corrupted(claim, exhibits))
        sentences = [span for one in exhibits for _, span in one.sentences()]
        return Judged(
            id=claim.id,
            text=claim.text,
            label=claim.label,
            group=claim.group or claim.id,
            score=support.score,
            accepted=self._accepts(support),
            contradiction=support.contradiction,
            reason=support.reason,
            said=_shown(claim, spans),
            gold=_shown(claim, claim.spans),
            hit=float(any(_overlap(span, marked) for span in spans)) if marked else None,
            chance=statistics.fmean(_overlap(span, marked) for span in sentences) if marked and sentences else None,
            nearest=float(nearest is not None and _overlap(nearest, marked)) if marked else None,
            baselines={name: max(one.scores[name] for one in found) for name in found[0].scores},
            corrupted=corrupted,
        )

    def _time(self, claim: LabelledClaim, exhibits: Sequence[Exhibit]) -> None:
        """Judge the first claims with nothing remembered; the very first one only warms up the encoder."""
        if len(self.seconds) <= _TIMED:
            start = time.perf_counter()
            for exhibit in exhibits:
                self.timed.support(claim.text, exhibit.evidence)
            self.seconds.append(time.perf_counter() - start)

    def _best(self, claim: str, exhibits: Sequence[Exhibit]) -> tuple[Support, Exhibit]:
        pairs = ((self.verifier.support(claim, exhibit.evidence), exhibit) for exhibit in exhibits)
        return max(pairs, key=lambda pair: pair[0].score)

    def _accepts(self, support: Support) -> bool:
        """Tell whether the engine would let a claim pass (`odqa.reader.cite`)."""
        return support.score >= self.verifier.threshold and support.evidence is not None and not support.contradiction

    def _corrupted(self, claim: LabelledClaim, exhibits: Sequence[Exhibit]) -> Iterator[tuple[Corruption, float, bool]]:
        if claim.label is ClaimLabel.SUPPORTED:
            for kind, text in corruptions(claim.text, claim.document):
                support, _ = self._best(text, exhibits)
                yield kind, support.score, self._accepts(support)

    def _baselines(self, claim: str, exhibit: Exhibit) -> _Baselines:
        """Score a claim by what needs no verifier: words in common, their order, embeddings, and nothing at all."""
        text = "\n".join(item.text for item in exhibit.evidence)
        stems = set(content_stems(claim))
        sentences = list(exhibit.sentences())
        cosines = np.zeros(0, np.float32)
        if sentences:
            vectors = self.bench.encoder.encode([claim, *(sentence for sentence, _ in sentences)], kind="passage")
            cosines = vectors[1:] @ vectors[0]
        return _Baselines(
            {
                "word overlap": len(stems & set(content_stems(text))) / len(stems) if stems else 0.0,
                "rougeL precision": float(self.rouge.score(text, claim)["rougeL"].precision),
                "embedding": float(np.clip(cosines.max(initial=0.0), 0, 1)),
                "always supported": 1.0,
            },
            sentences[int(cosines.argmax())][1] if len(cosines) else None,
        )


@dataclass(frozen=True, slots=True)
class _Baselines:
    scores: Mapping[str, float]
    nearest: Span | None


class _Stems:
    """What rouge-score needs of a tokeniser; its own stems each word anew, which takes most of its time."""

    def tokenize(self, text: str) -> list[str]:
        return [word.stem for word in words(text)]


def _overlap(span: Span, others: Iterable[Span]) -> bool:
    return any(span.overlaps(other) for other in others)


def _shown(claim: LabelledClaim, spans: Iterable[Span]) -> str:
    text = " … ".join(" ".join(span.of(claim.document.text).split()) for span in sorted(set(spans)))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
