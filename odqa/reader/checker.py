"""Check the sentences of a draft one by one: each passes with its citations, or something is said against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from odqa.errors import ConfigError
from odqa.protocols import Verifier
from odqa.reader.checks import plain
from odqa.reader.citation import Citations, is_inside
from odqa.reader.clean import claims_of
from odqa.reader.question import analyse
from odqa.reader.quote import block_at, headers, quote
from odqa.reader.words import content_stems, inverse_frequencies, squeeze, unmarked, weight_of
from odqa.schema import (
    BlockKind,
    Calculation,
    Citation,
    Claim,
    Document,
    DraftSentence,
    Evidence,
    Rejection,
    Span,
    Support,
    Verdict,
)

POLICIES = ("strict", "flag", "off")

Recompute = Callable[[Calculation, Document], bool]
"""Tells whether a calculation's cells give what its statement says."""

_REPAIR_OVERLAP = 0.4
_TOO_LITTLE = "the evidence covers too little of this"
_DOUBTED = "the model that wrote it finds its wording unlikely"
_UNQUOTABLE = "what it rests on does not stand in the document"


class Ruling(NamedTuple):
    """What becomes of a drafted sentence: it passes, or something is said against it, or both where it is replaced."""

    claim: Claim | None
    rejection: Rejection | None = None


class Checker:
    """Checks the sentences of one draft in order; remembers the markers given and what has been said already.

    Args:
        question: as asked; chooses the columns where a table row has to replace a sentence.
        evidence: what the reader was given.
        verifier: tells whether evidence supports a sentence.
        policy: `strict` replaces an unsupported sentence by the source sentence it comes closest to, or drops it;
            `flag` keeps it, marked and without citation; `off` asks no verifier and marks all that is not verbatim.
        recompute: does a calculation again from its cells; a sentence that states one is checked by that. None leaves
            it to the verifier, which finds no such number in the text.

    Raises:
        ConfigError: the policy does not exist.
    """

    def __init__(
        self,
        question: str,
        evidence: Sequence[Evidence],
        verifier: Verifier,
        *,
        policy: str = "strict",
        recompute: Recompute | None = None,
    ) -> None:
        if policy not in POLICIES:
            raise ConfigError(f"unknown citation policy {policy!r}", f"one of {', '.join(POLICIES)}")
        self.question, self.evidence, self.verifier = analyse(question), evidence, verifier
        self.policy, self.recompute = policy, recompute
        self._citations = Citations(evidence)
        self._said: set[str] = set()

    def sentences(self, drafted: DraftSentence) -> Iterator[DraftSentence]:
        """Yield the sentences that a drafted one consists of, leaving out what claims nothing or was said already.

        Words of a source stay as they are; see `odqa.reader.clean` for what a model writes.

        Args:
            drafted: as the reader proposes it; a paragraph perhaps.
        """
        if drafted.quoted or drafted.spans or drafted.calculation is not None:
            texts: Iterator[str] = iter([unmarked(squeeze(drafted.text))])
        else:
            texts = claims_of(drafted.text)
        for text in texts:
            if (said := plain(text)) and said not in self._said:
                yield _with_text(drafted, text)

    def rule(self, sentence: DraftSentence) -> Ruling:
        """Check one sentence.

        Args:
            sentence: one of those that `sentences` yields.
        """
        text = sentence.text
        own = [number for number in dict.fromkeys(sentence.evidence) if 0 <= number < len(self.evidence)]
        if sentence.calculation is not None and (calculated := self._calculated(sentence, own)) is not None:
            return Ruling(calculated)
        if self.policy == "off":
            return Ruling(self._unchecked(sentence, own))
        support, reason = self._support(text, own), ""
        if sentence.doubted and support.score < 1:
            reason = _DOUBTED
        elif self._holds(support):
            if (claim := self._supported(sentence, own, support)) is not None:
                return Ruling(claim)
            reason = _UNQUOTABLE
        reason = reason or support.reason or _TOO_LITTLE
        if self.policy == "flag":
            flagged = Claim(text, (), support.score, Verdict.FLAGGED, sentence.paragraph)
            self._said.add(plain(text))
            return Ruling(flagged, Rejection(text, reason, support.score, kept=True))
        repaired = self._repaired(sentence, own)
        return Ruling(repaired, Rejection(text, reason, support.score, replaced=repaired is not None))

    def _holds(self, support: Support) -> bool:
        return support.score >= self.verifier.threshold and support.evidence is not None and not support.contradiction

    def _calculated(self, sentence: DraftSentence, own: Sequence[int]) -> Claim | None:
        """Return the claim that states a calculation, citing its cells, if doing it again gives the same."""
        calculation, text = sentence.calculation, sentence.text
        if calculation is None or self.recompute is None or not own or text != squeeze(calculation.statement):
            return None
        if not self.recompute(calculation, self.evidence[own[0]].document):
            return None
        citations = self._citations.cite(calculation.cells, own[0], own, calculation.confidence)
        if not citations:
            return None
        self._said.add(plain(text))
        return Claim(text, citations, calculation.confidence, Verdict.SUPPORTED, sentence.paragraph)

    def _support(self, text: str, own: Sequence[int]) -> Support:
        """Ask first the evidence that the reader named, then all."""
        if own:
            support = self.verifier.support(text, [self.evidence[number] for number in own])
            if self._holds(support) and support.evidence is not None:
                also = tuple((own[number], spans) for number, spans in support.also)
                return Support(support.score, own[support.evidence], support.spans, False, support.reason, also)
        return self.verifier.support(text, self.evidence) if self.evidence else Support(0.0)

    def _supported(self, sentence: DraftSentence, own: Sequence[int], support: Support) -> Claim | None:
        number, spans = support.evidence or 0, support.spans
        document = self.evidence[number].document
        if own and sentence.spans and document.id == self.evidence[own[0]].document.id:
            # A reader's own spans are finer (the cells of a row), but only where the verifier looked too.
            spans = tuple(s for s in sentence.spans if any(s.overlaps(held) for held in support.spans)) or spans
        spans = spans or (self.evidence[number].passage.span,)
        citations = self._citations.cite(spans, number, own, support.score)
        for other, held in support.also:
            citations += self._citations.cite(held, other, own, support.score)
        if not citations:
            return None
        self._said.add(plain(sentence.text))
        row = sentence.row if sentence.row is not None and self._is_row(sentence, document) else None
        return Claim(sentence.text, citations, support.score, Verdict.SUPPORTED, sentence.paragraph, row)

    def _is_row(self, sentence: DraftSentence, document: Document) -> bool:
        """Tell whether a row shows nothing but what its sentence, the question and the table's headers say.

        The verifier has seen the sentence only.
        """
        row, said = sentence.row, f" {plain(sentence.text)} "
        if row is None or len(row.cells) != len(row.columns):
            return False
        blocks = (block_at(document, span.start) for span in sentence.spans if is_inside(span, document))
        tables = {block for block in blocks if block is not None and block.kind is BlockKind.TABLE}
        known = {stem for block in tables for name in headers(document, block) for stem in content_stems(name)}
        known.update(content_stems(sentence.text), content_stems(self.question.text), content_stems(document.title))
        return all(not plain(cell) or f" {plain(cell)} " in said for cell in row.cells) and all(
            known.issuperset(content_stems(column)) for column in row.columns
        )

    def _unchecked(self, sentence: DraftSentence, own: Sequence[int]) -> Claim:
        citations: tuple[Citation, ...] = ()
        verbatim = False
        if own:
            document = self.evidence[own[0]].document
            spans = tuple(s for s in sentence.spans if is_inside(s, document))
            if spans:
                verbatim = plain(quote(document, spans, self.question.terms).text) == plain(sentence.text)
            spans = spans or (self.evidence[own[0]].passage.span,)
            citations = self._citations.cite(spans, own[0], own, float(verbatim))
        self._said.add(plain(sentence.text))
        verdict = Verdict.SUPPORTED if verbatim and citations else Verdict.FLAGGED
        return Claim(sentence.text, citations, float(verbatim), verdict, sentence.paragraph)

    def _repaired(self, sentence: DraftSentence, own: Sequence[int]) -> Claim | None:
        """Replace a sentence by the source sentence it comes closest to, unless the answer has that already."""
        for pool in (own, range(len(self.evidence))):
            found = _nearest(sentence.text, [(number, self.evidence[number]) for number in pool])
            if found is None:
                continue
            number, span = found
            document = self.evidence[number].document
            said = quote(document, [span], self.question.terms)
            if plain(said.text) in self._said or self._citations.has(document, span):
                continue
            support = self.verifier.support(said.text, [self.evidence[number]])
            if not self._holds(support):
                continue
            if citations := self._citations.cite(said.spans, number, (number,), support.score):
                self._said.add(plain(said.text))
                return Claim(said.text, citations, support.score, Verdict.REPAIRED, sentence.paragraph)
        return None


def _with_text(drafted: DraftSentence, text: str) -> DraftSentence:
    if drafted.text == text:
        return drafted
    # A row shows the whole of what was drafted, so it goes where that is taken apart.
    return replace(drafted, text=text, row=drafted.row if drafted.spans else None)


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
    # A word that no source has weighs most: who pays in elephants is not told by who pays.
    known = sum(weight_of(stem, frequencies, len(rows)) for stem in wanted)
    best = max(rows, key=lambda row: sum(frequencies[s] for s in wanted & row[2]), default=None)
    if best is None or not known or sum(frequencies[s] for s in wanted & best[2]) < _REPAIR_OVERLAP * known:
        return None
    return best[0], best[1]
