"""The extractive reader: an answer in the documents' own words, with nothing to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odqa.protocols import Encoder
from odqa.reader.answerable import READ, judge
from odqa.reader.bridge import find_bridge
from odqa.reader.candidates import MAX_CANDIDATES, Candidate, find_candidates
from odqa.reader.compose import Composition, compose, order
from odqa.reader.question import BRIEF, Question, analyse, resolve_style
from odqa.reader.relevance import Floats, Relevance, score
from odqa.reader.selection import select, similarity
from odqa.reader.selector import Counts, Form, Profile, built_in_profiles, choose, form_of, main_documents
from odqa.reader.words import count_words
from odqa.schema import AnswerStyle, Draft, Evidence, Style

if TYPE_CHECKING:
    from odqa.settings import Settings

_SHORT_SENTENCES = 2
_LONG = 60
"""Words from which an answer is long."""
_PASSES, _SAVED = 3, 0.05
_MOST_LONG = 1500
"""Sentences weighed for a long answer: a story or a meeting of two hours."""
_JUDGED_BY_MEANING, _JUDGED_BY_WORDS = 8, 4
"""Nearest sentences that are encoded by themselves to judge by."""
_PROBES = (
    "Whisk two eggs with a little sugar.",
    "The left rear tyre needs more air.",
    "Lichens grow slowly on north-facing rock.",
    "Her violin was tuned a semitone low.",
    "The goalkeeper punched the ball over the bar.",
    "Press any key to restart the printer.",
    "Glaciers carve valleys in the shape of a U.",
    "He ironed the blue shirt before breakfast.",
)
"""Sentences about nothing in particular, far from each other."""
# Sentences less relevant than these shares of the best are left out. Lexical scores fall off more steeply.
_LEAST_SHORT = 0.7
_LEAST_DENSE = 0.5
_LEAST_LEXICAL = 0.3
_BRIDGED, _BRIDGED_LEAST = 0.6, 0.2
"""Confidence in an answer of two hops, and that in the evidence below which none is looked for."""
_LEAST_WHERE_WORDS_ARE_ASKED = 0.05


class Weighed(NamedTuple):
    """Sentences that may answer a question, before any is chosen.

    Attributes:
        candidates: in document order.
        relevance: how well each answers.
        alike: their similarity, shape (n, n), 0–1.
        dense: vectors had a part in it.
        in_context: some of them came with the evidence, made together with the rest of their passage.
    """

    candidates: list[Candidate]
    relevance: Relevance
    alike: Floats
    dense: bool
    in_context: bool = False


class ExtractiveReader:
    """Answers by selecting, ordering and lightly joining sentences of the evidence.

    Every sentence is the source's, so it cannot say what the documents do not; what it can do is miss the point,
    which is why it judges first whether the evidence answers the question at all.

    Args:
        encoder: sentence embeddings for relevance and redundancy; without one both are lexical.
        profiles: of long answers by the form of the evidence, as `read_profiles` gives them; the built-in ones if None.
    """

    name = "extractive"

    def __init__(self, encoder: Encoder | None = None, profiles: Mapping[Form, Profile] | None = None) -> None:
        self.encoder = encoder
        self.profiles = built_in_profiles() if profiles is None else profiles
        self._probes: Floats | None = None

    def whole(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> tuple[str, ...]:
        """Return the documents that should be read in full before `draft` is asked, best first; usually none.

        A long answer about a story or a meeting needs more of it than the passages that stand nearest to the question.

        Args:
            question: as asked.
            evidence: what was found, best first.
            style: layout and length.
        """
        asked = analyse(question)
        layout, budget = resolve_style(question, style)
        if not evidence or not _is_long(asked, layout, budget, style):
            return ()
        documents = main_documents(evidence)
        return documents if documents and form_of(find_candidates(asked, evidence)) is not Form.PROSE else ()

    def draft(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> Draft:
        """Propose an answer, or refuse.

        Args:
            question: as asked.
            evidence: passages, best first.
            style: layout and length; where it leaves them open, the question decides.
        """
        asked = analyse(question)
        layout, budget = resolve_style(question, style)
        is_long = _is_long(asked, layout, budget, style)
        weighed = self.weigh(asked, evidence, most=_MOST_LONG if is_long else MAX_CANDIDATES)
        if weighed is None:
            return Draft((), "No passage was found that could answer this.", 0.0)
        candidates, relevance, alike = weighed[:3]
        judgement = judge(asked, candidates, evidence, self.judged_by(asked, weighed), dense=weighed.dense)
        # Each hop by itself is far from the question; what is missing altogether is missing from both.
        bridge = find_bridge(asked, candidates, relevance.total)
        if judgement.refusal and (bridge is None or judgement.confidence < _BRIDGED_LEAST):
            return Draft((), judgement.refusal, judgement.confidence)
        if bridge is not None and (judgement.refusal or layout is Style.SHORT):
            composed = _composed(asked, weighed, (bridge.first, bridge.second), evidence, layout)
            return Draft(composed.sentences, "", max(_BRIDGED, judgement.confidence), composed.headings)
        least = self._least(layout, style)
        # What is gathered from many documents is no story and no meeting, even where each of them is.
        profile = self.profiles.get(form_of(candidates)) if is_long and main_documents(evidence) else None
        if profile is None:
            most = _SHORT_SENTENCES if layout is Style.SHORT and style.words is None else None
            chosen = select(candidates, relevance.total, alike, budget=budget, least=least, most=most)
            composed = _composed(asked, weighed, chosen, evidence, layout)
        else:
            counts = Counts(candidates)
            spent = budget
            for _ in range(_PASSES):
                chosen = choose(
                    asked,
                    candidates,
                    relevance,
                    alike,
                    profile,
                    budget=spent,
                    least=min(least, _LEAST_LEXICAL),
                    counts=counts,
                )
                composed = _composed(asked, weighed, chosen, evidence, layout)
                # Joining sentences leaves words out, which others may have.
                saved = budget - sum(count_words(sentence.text) for sentence in composed.sentences)
                if saved < _SAVED * budget:
                    break
                spent += saved
        return Draft(composed.sentences, "", judgement.confidence, composed.headings)

    def weigh(self, question: Question, evidence: Sequence[Evidence], *, most: int = _MOST_LONG) -> Weighed | None:
        """Return the sentences that may answer, with all that choosing among them needs; None if there are none.

        Args:
            question: analysed.
            evidence: passages, best first.
            most: weigh no more sentences.
        """
        candidates = find_candidates(question, evidence, most=most)
        if not candidates:
            return None
        vectors, cosines = self._embed(question, candidates, evidence)
        alike = similarity(candidates, vectors)
        relevance = score(question, candidates, evidence, cosines, alike)
        in_context = any(item.sentence_vectors is not None for item in evidence)
        return Weighed(candidates, relevance, alike, vectors is not None, in_context)

    def judged_by(self, question: Question, weighed: Weighed) -> Relevance:
        """Return the relevance that tells whether the evidence answers: of its nearest sentences by themselves.

        Vectors made in the context of a passage rank sentences as well, but lie on another scale in every collection.

        Args:
            question: analysed.
            weighed: what `weigh` returned.
        """
        candidates, relevance = weighed.candidates, weighed.relevance
        if not (weighed.dense and weighed.in_context) or question.is_broad:
            return relevance
        first = np.array([candidate.evidence < READ for candidate in candidates])
        nearest = {
            *np.argsort(-np.where(first, relevance.semantic, -1), kind="stable")[:_JUDGED_BY_MEANING].tolist(),
            *np.argsort(-np.where(first, relevance.lexical, -1), kind="stable")[:_JUDGED_BY_WORDS].tolist(),
        }
        chosen = sorted(nearest)
        semantic = np.zeros(len(candidates))
        semantic[chosen] = self._nearness(question, self._encoded([candidates[n].meaning for n in chosen]))
        return relevance._replace(semantic=semantic)

    def _least(self, layout: Style, style: AnswerStyle) -> float:
        if style.words is not None:
            return _LEAST_WHERE_WORDS_ARE_ASKED
        if layout is Style.SHORT:
            return _LEAST_SHORT
        return _LEAST_LEXICAL if self.encoder is None else _LEAST_DENSE

    def _embed(
        self, question: Question, candidates: Sequence[Candidate], evidence: Sequence[Evidence]
    ) -> tuple[Floats | None, Floats | None]:
        """Return the sentences' vectors and how much nearer the question is to each than to unrelated sentences.

        Vectors that the index keeps are taken from the evidence. Of other sentences only those with most words of the
        question are encoded, which is what an answer's time is spent on; the rest count as the farthest of these.

        Encoders differ in the cosine that unrelated texts have (near 0 for some, above 0.7 for others), so it is
        measured, with sentences that no question is about, and becomes the zero of the scale.
        """
        if self.encoder is None:
            return None, None
        vectors, known = _kept(candidates, evidence, self.encoder.dimension)
        if not known.all():
            if question.is_broad and len(candidates) > MAX_CANDIDATES:
                return None, None  # Nothing in it could be near to a sentence.
            wanted = _promising(question, candidates, np.flatnonzero(~known))
            vectors[wanted] = self._encoded([candidates[n].meaning for n in wanted])
            known[wanted] = True
        near = self._nearness(question, vectors)
        near[~known] = near[known].min()
        return vectors, near

    def _encoded(self, sentences: Sequence[str]) -> Floats:
        """Return the vectors of sentences by themselves, shape (n, dimension)."""
        if self.encoder is None:
            raise RuntimeError("only asked for where there is an encoder")
        return self.encoder.encode(sentences, kind="passage").astype(np.float64)

    def _nearness(self, question: Question, vectors: Floats) -> Floats:
        """Return how much nearer the question is to each vector than to unrelated sentences, shape (n,), 0–1."""
        if self.encoder is None:
            raise RuntimeError("only asked for where there is an encoder")
        if self._probes is None:
            self._probes = self._encoded(_PROBES)
        asked = self.encoder.encode([question.text], kind="query")[0].astype(np.float64)
        ground = float(np.mean(self._probes @ asked))
        near: Floats = np.clip((vectors @ asked - ground) / max(1 - ground, 1e-6), 0, 1)
        return near


def _composed(
    question: Question, weighed: Weighed, chosen: Sequence[int], evidence: Sequence[Evidence], layout: Style
) -> Composition:
    candidates = weighed.candidates
    ordered = order(question, candidates, chosen, evidence, weighed.relevance.total)
    return compose(question, candidates, ordered, evidence, layout)


def _is_long(question: Question, layout: Style, budget: int, style: AnswerStyle) -> bool:
    """Whether an answer is long enough to be made of expected words rather than of the best sentences."""
    brief = layout is Style.SHORT or question.kind in BRIEF
    return budget >= _LONG and (style.words is not None or not brief)


def _kept(
    candidates: Sequence[Candidate], evidence: Sequence[Evidence], dimension: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the vectors that the evidence brings, shape (candidates, dimension), and which candidates have one."""
    rows = [
        {} if item.sentence_vectors is None else {span: row for row, span in enumerate(item.passage.sentences)}
        for item in evidence
    ]
    vectors, known = np.zeros((len(candidates), dimension)), np.zeros(len(candidates), bool)
    for number, candidate in enumerate(candidates):
        kept, row = evidence[candidate.evidence].sentence_vectors, rows[candidate.evidence].get(candidate.span)
        if kept is not None and row is not None:
            vectors[number], known[number] = kept[row], True
    return vectors, known


def _promising(question: Question, candidates: Sequence[Candidate], unknown: NDArray[np.intp]) -> list[int]:
    """Return which sentences to encode: all, or where they are many, those with most words of the question."""
    terms = set(question.terms)

    def worth(number: int) -> float:
        candidate = candidates[number]
        return 0.25 * candidate.evidence - len(terms.intersection(candidate.stems))

    return sorted(sorted(unknown.tolist(), key=worth)[:MAX_CANDIDATES])


def make_extractive(settings: Settings, encoder: Encoder) -> ExtractiveReader:
    """Return the extractive reader; no setting changes it."""
    return ExtractiveReader(encoder)
