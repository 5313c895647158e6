"""Turn a draft into checked claims with citations, and those into an answer or an honest refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import regex

from odqa.errors import ConfigError
from odqa.protocols import Verifier
from odqa.reader.checks import plain
from odqa.reader.question import Question, analyse, resolve_style
from odqa.reader.quote import GAP, block_at, quote
from odqa.reader.words import content_stems, inverse_frequencies, squeeze, unmarked
from odqa.schema import (
    Answer,
    AnswerStyle,
    BlockKind,
    Calculation,
    Citation,
    Claim,
    Document,
    Draft,
    DraftSentence,
    Evidence,
    Span,
    Support,
    Verdict,
)

POLICIES = ("strict", "flag", "off")

Recompute = Callable[[Calculation, Document], bool]
"""Tells whether a calculation's cells give what its statement says."""

_SENTENCE_END = regex.compile(
    r"(?<!\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Figs|Eq|Sec|Ch|vs|etc|al|e\.g|i\.e|cf|ca|approx|Inc|Ltd|Co|Corp|Jr|Sr|"
    r"Gen|Col|Lt|Sgt|Capt|Rev|Hon|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|p|pp|vol)\.)(?<=[.!?。！？]['”\"’)]*)\s+"
    r"(?=[“\"'‘(\[]?[\p{Lu}\p{Lo}\p{N}])"
)
_REPAIR_OVERLAP = 0.4
_UNSUPPORTED = "No sentence of the drafted answer is supported by the documents."


def split_claims(text: str) -> list[str]:
    """Split drafted text into sentences, each of which is checked by itself."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and plain(part)]


def check(
    question: str,
    draft: Draft,
    evidence: Sequence[Evidence],
    verifier: Verifier,
    *,
    policy: str = "strict",
) -> tuple[tuple[Claim, ...], int]:
    """Check every sentence of a draft against the evidence; return the claims kept and the number dropped.

    Args:
        question: as asked; chooses the columns where a table row has to replace a sentence.
        draft: what a reader proposes.
        evidence: what it was given.
        verifier: tells whether evidence supports a sentence.
        policy: `strict` replaces an unsupported sentence by the source sentence it comes closest to, or drops it;
            `flag` keeps it, marked and without citation; `off` asks no verifier and marks all that is not verbatim.

    Raises:
        ConfigError: the policy does not exist.
    """
    checked = list(iterate_claims(question, draft, evidence, verifier, policy=policy))
    kept = tuple(claim for claim in checked if claim is not None)
    return kept, len(checked) - len(kept)


def iterate_claims(
    question: str,
    draft: Draft,
    evidence: Sequence[Evidence],
    verifier: Verifier,
    *,
    policy: str = "strict",
    recompute: Recompute | None = None,
) -> Iterator[Claim | None]:
    """Yield each checked claim as soon as it is known, None for each one dropped; see `check`.

    Args:
        question: as asked.
        draft: what a reader proposes.
        evidence: what it was given.
        verifier: tells whether evidence supports a sentence.
        policy: see `check`.
        recompute: does a calculation again from its cells; a sentence that states one is checked by that. None leaves
            it to the verifier, which finds no such number in the text.

    Raises:
        ConfigError: the policy does not exist.
    """
    if policy not in POLICIES:
        raise ConfigError(f"unknown citation policy {policy!r}", f"one of {', '.join(POLICIES)}")
    checker = _Checker(analyse(question), evidence, verifier, policy, recompute)
    for sentence in draft.sentences:
        text = unmarked(squeeze(sentence.text))
        if sentence.calculation is not None and (calculated := checker.calculated(text, sentence)) is not None:
            yield calculated
            continue
        for claim in [text] if sentence.quoted or sentence.spans else split_claims(text):
            yield checker.claim(claim, sentence)


@dataclass(slots=True)
class _Checker:
    """Checks the sentences of one draft in order; remembers the markers given and the words already used."""

    question: Question
    evidence: Sequence[Evidence]
    verifier: Verifier
    policy: str
    recompute: Recompute | None = None
    markers: dict[tuple[object, ...], int] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def calculated(self, text: str, sentence: DraftSentence) -> Claim | None:
        """Return the claim that states a calculation, citing its cells, if doing it again gives the same."""
        own = [number for number in dict.fromkeys(sentence.evidence) if 0 <= number < len(self.evidence)]
        calculation = sentence.calculation
        if calculation is None or self.recompute is None or not own or text != squeeze(calculation.statement):
            return None
        if not self.recompute(calculation, self.evidence[own[0]].document):
            return None
        self.said.add(plain(text))
        citations = self._citations(calculation.cells, own[0], own, calculation.confidence)
        return Claim(text, citations, calculation.confidence, Verdict.SUPPORTED, sentence.paragraph)

    def claim(self, text: str, sentence: DraftSentence) -> Claim | None:
        own = [number for number in dict.fromkeys(sentence.evidence) if 0 <= number < len(self.evidence)]
        if self.policy == "off":
            return self._unchecked(text, sentence, own)
        support = self._support(text, own)
        if support.score >= self.verifier.threshold and support.evidence is not None and not support.contradiction:
            return self._supported(text, sentence, own, support)
        if self.policy == "flag":
            return Claim(text, (), support.score, Verdict.FLAGGED, sentence.paragraph)
        return self._repaired(text, sentence, own)

    def _support(self, text: str, own: Sequence[int]) -> Support:
        """Ask first the evidence that the reader named, then all."""
        if own:
            support = self.verifier.support(text, [self.evidence[number] for number in own])
            if support.score >= self.verifier.threshold and support.evidence is not None and not support.contradiction:
                return Support(support.score, own[support.evidence], support.spans, False, support.reason)
        return self.verifier.support(text, self.evidence) if self.evidence else Support(0.0)

    def _supported(self, text: str, sentence: DraftSentence, own: Sequence[int], support: Support) -> Claim:
        number, spans = support.evidence or 0, support.spans
        document = self.evidence[number].document
        if own and sentence.spans and document.id == self.evidence[own[0]].document.id:
            # A reader's own spans are finer (the cells of a row), but only where the verifier looked too.
            spans = tuple(s for s in sentence.spans if any(s.overlaps(held) for held in support.spans)) or spans
        spans = spans or (self.evidence[number].passage.span,)
        self.said.add(plain(text))
        citations = self._citations(spans, number, own, support.score)
        return Claim(text, citations, support.score, Verdict.SUPPORTED, sentence.paragraph)

    def _unchecked(self, text: str, sentence: DraftSentence, own: Sequence[int]) -> Claim:
        citations: tuple[Citation, ...] = ()
        document = self.evidence[own[0]].document if own else None
        verbatim = False
        if document is not None:
            spans = tuple(s for s in sentence.spans if _is_inside(s, len(document.text)))
            if spans:
                verbatim = plain(quote(document, spans, self.question.terms).text) == plain(text)
            spans = spans or (self.evidence[own[0]].passage.span,)
            citations = self._citations(spans, own[0], own, float(verbatim))
        verdict = Verdict.SUPPORTED if verbatim else Verdict.FLAGGED
        return Claim(text, citations, float(verbatim), verdict, sentence.paragraph)

    def _repaired(self, text: str, sentence: DraftSentence, own: Sequence[int]) -> Claim | None:
        """Replace a sentence by the source sentence it comes closest to, unless the answer has that already."""
        for pool in (own, range(len(self.evidence))):
            found = _nearest(text, [(number, self.evidence[number]) for number in pool])
            if found is None:
                continue
            number, span = found
            said = quote(self.evidence[number].document, [span], self.question.terms)
            support = self.verifier.support(said.text, [self.evidence[number]])
            if support.score < self.verifier.threshold or plain(said.text) in self.said:
                continue
            self.said.add(plain(said.text))
            citations = self._citations(said.spans, number, (number,), support.score)
            return Claim(said.text, citations, support.score, Verdict.REPAIRED, sentence.paragraph)
        return None

    def _citations(
        self, spans: Sequence[Span], number: int, own: Sequence[int], support: float
    ) -> tuple[Citation, ...]:
        """Cite spans of one document, those of one place together."""
        document = self.evidence[number].document
        places: dict[int, tuple[Evidence, list[Span]]] = {}
        for span in sorted(spans):
            holder = self._holder(span, number, own)
            marker = self.markers.setdefault(_place(holder, span), len(self.markers) + 1)
            _, cited = places.setdefault(marker, (holder, []))
            if cited and not document.text[cited[-1].end : span.start].strip():
                cited[-1] = Span(cited[-1].start, max(cited[-1].end, span.end))
            else:
                cited.append(span)
        return tuple(_citation(marker, item, tuple(cited), support) for marker, (item, cited) in places.items())

    def _holder(self, span: Span, number: int, own: Sequence[int]) -> Evidence:
        """The evidence whose passage holds a span, so that its section is the right one."""
        document = self.evidence[number].document.id
        near = [number, *own, *range(len(self.evidence))]
        items = (self.evidence[n] for n in near if self.evidence[n].document.id == document)
        return next((item for item in items if item.passage.span.contains(span)), self.evidence[number])


def _is_inside(span: Span, length: int) -> bool:
    return 0 <= span.start < span.end <= length


def _nearest(text: str, pool: Sequence[tuple[int, Evidence]]) -> tuple[int, Span] | None:
    """Return the source sentence that shares most of the text's rare words, if it shares enough."""
    rows = [
        (number, span, frozenset(content_stems(span.of(item.document.text))))
        for number, item in pool
        for span in item.passage.sentences
        if (block := block_at(item.document, span.start)) is None or block.kind is not BlockKind.HEADING
    ]
    wanted = set(content_stems(text))
    frequencies = inverse_frequencies([stems for _, _, stems in rows])
    known = sum(frequencies.get(stem, 1.0) for stem in wanted)
    best = max(rows, key=lambda row: sum(frequencies[s] for s in wanted & row[2]), default=None)
    if best is None or not known or sum(frequencies[s] for s in wanted & best[2]) < _REPAIR_OVERLAP * known:
        return None
    return best[0], best[1]


def _place(item: Evidence, span: Span) -> tuple[object, ...]:
    block = block_at(item.document, span.start)
    if block is not None and block.kind is BlockKind.TURN:
        return (item.document.id, block.span.start)
    return (item.document.id, item.section.index, block.page if block is not None else None)


def _citation(marker: int, item: Evidence, spans: tuple[Span, ...], support: float) -> Citation:
    document, block = item.document, block_at(item.document, spans[0].start)
    return Citation(
        marker=marker,
        document_id=document.id,
        title=document.title,
        source=document.source or document.id,
        spans=spans,
        quote=GAP.join(span.of(document.text) for span in spans),
        section=item.section.path,
        page=block.page if block is not None else None,
        start_s=block.start_s if block is not None else None,
        speaker=block.speaker if block is not None else None,
        support=support,
    )


def assemble(
    question: str,
    draft: Draft,
    evidence: Sequence[Evidence],
    verifier: Verifier,
    style: AnswerStyle | None = None,
    *,
    policy: str = "strict",
    timings: Mapping[str, float] | None = None,
) -> Answer:
    """Check a draft and return the answer: cited claims, or a refusal with the nearest evidence.

    Args:
        question: as asked.
        draft: what a reader proposes; a refusal stays one.
        evidence: what was read, best first.
        verifier: tells whether evidence supports a sentence.
        style: as asked; settles the layout.
        policy: what becomes of unsupported sentences; see `check`.
        timings: seconds by stage, passed on.

    Raises:
        ConfigError: the policy does not exist.
    """
    claims, dropped = check(question, draft, evidence, verifier, policy=policy)
    return finish(question, draft, claims, dropped, evidence, style, timings=timings)


def finish(
    question: str,
    draft: Draft,
    claims: Sequence[Claim],
    dropped: int,
    evidence: Sequence[Evidence],
    style: AnswerStyle | None = None,
    *,
    timings: Mapping[str, float] | None = None,
) -> Answer:
    """Return the answer made of checked claims; what `assemble` does once the claims are there.

    Args:
        question: as asked.
        draft: where the claims came from.
        claims: those kept.
        dropped: number of those dropped.
        evidence: what was read, best first.
        style: as asked.
        timings: seconds by stage.
    """
    layout, _ = resolve_style(question, style or AnswerStyle())
    refused = not claims
    reason = _note(claims, dropped)
    if refused:
        reason = draft.refusal or (_UNSUPPORTED if dropped else "No passage was found that could answer this.")
    return Answer(
        question=question,
        claims=tuple(claims),
        evidence=tuple(evidence),
        refused=refused,
        reason=reason,
        confidence=draft.confidence if refused else round(draft.confidence * _trust(claims, dropped), 4),
        style=layout,
        dropped=dropped,
        timings=dict(timings or {}),
    )


def _note(claims: Sequence[Claim], dropped: int) -> str:
    counts = {
        "replaced by its source": sum(claim.verdict is Verdict.REPAIRED for claim in claims),
        "marked": sum(claim.verdict is Verdict.FLAGGED for claim in claims),
        "dropped": dropped,
    }
    notes = [
        f"{count} unsupported sentence{'s' if count > 1 else ''} {'were' if count > 1 else 'was'} {what}"
        for what, count in counts.items()
        if count
    ]
    return "; ".join(notes).replace("were replaced by its", "were replaced by their")


def _trust(claims: Sequence[Claim], dropped: int) -> float:
    """Share of the drafted sentences that stand, each by its support; repaired ones count half."""
    worth = sum(
        c.support * {Verdict.SUPPORTED: 1.0, Verdict.REPAIRED: 0.5, Verdict.FLAGGED: 0.0}[c.verdict] for c in claims
    )
    return worth / (len(claims) + dropped)
