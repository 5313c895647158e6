"""Hold every generated statement against the document: what the sentences do not support is dropped or flagged."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from odqa.schema import Document, Evidence, ParsedDocument, Passage, Span, Statement, Support

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder, Verifier

_MAX_SPANS = 6
_REMEMBERED = 4096


class RememberingEncoder:
    """An encoder that keeps the vectors of the last texts: the claims of a section meet the same sentences.

    Args:
        encoder: who encodes.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dimension, self.max_tokens = encoder.name, encoder.dimension, encoder.max_tokens
        self.fingerprint = encoder.fingerprint
        self.count_tokens = encoder.count_tokens
        self._known: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dimension), float32, in the order of `texts`."""
        known = self._known
        if missing := [text for text in dict.fromkeys(texts) if (kind, text) not in known]:
            known.update(zip([(kind, text) for text in missing], self._encoder.encode(missing, kind=kind), strict=True))
        vectors = np.array([known[kind, text] for text in texts], np.float32).reshape(len(texts), self.dimension)
        while len(known) > _REMEMBERED:
            known.popitem(last=False)
        return vectors


class Checker:
    """Turns what a model said about one document into statements with spans.

    Args:
        parsed: the document.
        verifier: who judges.
        policy: `strict` drops what is not supported, `flag` keeps it with the support it has, `off` asks nobody where
            the model named its sources, and says so with a support of 0.
    """

    def __init__(self, parsed: ParsedDocument, verifier: Verifier, policy: str) -> None:
        self.parsed, self.verifier, self.policy = parsed, verifier, policy
        self._starts = [passage.span.start for passage in parsed.passages]

    def statement(self, text: str, cited: Sequence[Span], around: Sequence[Span], weight: float) -> Statement | None:
        """Return the statement with the characters that carry it, or None where it must go.

        It is held against the sentences it cites, each passage for itself and then all together; and if they do not
        carry it, against the sections they stand in.

        Args:
            text: what the model said.
            cited: sentences that it named.
            around: all that it was shown, for statements that name nothing.
            weight: importance within the field, 0–1.
        """
        if self.policy == "off" and cited:
            return Statement(text, _some(cited), weight, support=0.0)
        best = Support(0.0)
        spans: Sequence[Span] = cited
        for evidence, origins in (self._cited(cited), (self._sections(cited or around), {})):
            support = self.verifier.support(text, evidence) if evidence else Support(0.0)
            if support.score > best.score:
                found = tuple(origins.get((support.evidence, span), span) for span in support.spans)
                best, spans = support, found or spans
            if best.score >= self.verifier.threshold:
                break
        is_supported = best.score >= self.verifier.threshold
        if not spans or not (is_supported or self.policy in {"flag", "off"}):
            return None
        return Statement(text, _some(spans if is_supported else cited or spans), weight, support=min(best.score, 1.0))

    def _cited(self, cited: Sequence[Span]) -> tuple[list[Evidence], dict[tuple[int | None, Span], Span]]:
        """Return evidence made of some sentences alone, and where the characters of its joined copy really stand."""
        by_passage: dict[int, list[Span]] = {}
        for span in sorted(set(cited)):
            by_passage.setdefault(self._passage_at(span.start), []).append(span)
        evidence = []
        for number, spans in by_passage.items():
            passage = self.parsed.passages[number]
            evidence.append(self._evidence(replace(passage, span=_hull(spans), sentences=tuple(spans))))
        if len(by_passage) < 2:
            return evidence, {}
        # Sentences far apart may carry a statement together, but what stands between them may not.
        joined, origins = self._joined(sorted(set(cited)))
        return [*evidence, joined], {(len(evidence), copy): span for copy, span in origins.items()}

    def _joined(self, spans: Sequence[Span]) -> tuple[Evidence, dict[Span, Span]]:
        document, origins, parts, position = self.parsed.document, {}, [], 0
        for span in spans:
            text = span.of(document.text)
            origins[Span(position, position + len(text))] = span
            parts.append(text)
            position += len(text) + 1
        copy = Document(document.id, document.title, "\n".join(parts), ())
        first = self.parsed.passages[self._passage_at(spans[0].start)]
        passage = Passage(document.id, 0, first.section, Span(0, max(position - 1, 0)), tuple(origins))
        return Evidence(copy, self.parsed.sections[first.section], passage, 1.0), origins

    def _sections(self, spans: Iterable[Span]) -> list[Evidence]:
        wanted = {self.parsed.passages[self._passage_at(span.start)].section for span in spans}
        return [self._evidence(passage) for passage in self.parsed.passages if passage.section in wanted]

    def _evidence(self, passage: Passage) -> Evidence:
        return Evidence(self.parsed.document, self.parsed.sections[passage.section], passage, 1.0)

    def _passage_at(self, position: int) -> int:
        return max(bisect_right(self._starts, position) - 1, 0)


def _hull(spans: Sequence[Span]) -> Span:
    return Span(spans[0].start, max(span.end for span in spans))


def _some(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(dict.fromkeys(spans))[:_MAX_SPANS]
