"""The best of several drafts, by what the verifier says of their sentences, and the best of the others in its gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from odqa.protocols import Verifier
from odqa.reader.checks import plain
from odqa.reader.words import content_stems, count_words
from odqa.schema import DraftSentence, Evidence, Support

_SAID = 0.8
"""Share of a sentence's content words from which it only repeats another."""
_REPETITION_COST = 0.5
_LENGTH_COST = 0.5
_OVERLONG = 1.15
"""Sentences of other drafts make an answer no longer than so many times the words wanted."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A drafted sentence and what the verifier says of it.

    Attributes:
        sentence: with the evidence that supports it in place of that which does not.
        support: 0–1.
        holds: it is supported.
        probability: mean probability that the model gives to the tokens of its draft.
    """

    sentence: DraftSentence
    support: float
    holds: bool
    probability: float = 1.0

    @property
    def stems(self) -> frozenset[str]:
        """The stems of its content words."""
        return frozenset(content_stems(self.sentence.text))

    @property
    def words(self) -> int:
        """How many words it has."""
        return count_words(self.sentence.text)


class Judge:
    """Asks the verifier about drafted sentences, about each only once.

    Args:
        verifier: tells whether evidence supports a sentence.
        evidence: that the drafts were written from, by its place in what the reader was given.
    """

    def __init__(self, verifier: Verifier, evidence: Mapping[int, Evidence]) -> None:
        self._verifier, self._evidence = verifier, evidence
        self._known: dict[tuple[str, tuple[int, ...]], tuple[Support, tuple[int, ...]]] = {}

    def __call__(self, sentence: DraftSentence, probability: float = 1.0) -> Judged:
        """Return a sentence judged: by the evidence that it names, and by all where that does not support it.

        Args:
            sentence: of a draft.
            probability: that the model gives to its draft.
        """
        key = sentence.text, sentence.evidence
        if key not in self._known:
            self._known[key] = self._support(*key)
        support, places = self._known[key]
        return Judged(replace(sentence, evidence=places), support.score, self._holds(support), probability)

    def _support(self, text: str, own: tuple[int, ...]) -> tuple[Support, tuple[int, ...]]:
        """Return the support of a sentence, and the evidence that it should name."""
        support = Support(0.0)
        for places in (own, tuple(self._evidence)):
            if not places:
                continue
            support = self._verifier.support(text, [self._evidence[place] for place in places])
            if self._holds(support) and support.evidence is not None:
                first = [places[support.evidence], *(places[number] for number, _ in support.also)]
                # Marks that the verifier bears out stay; others give way to what does support the sentence.
                return support, own if places == own else tuple(dict.fromkeys(first))
        return support, own

    def _holds(self, support: Support) -> bool:
        return support.score >= self._verifier.threshold and support.evidence is not None and not support.contradiction


def without_repetition(sentences: Iterable[Judged], said: Sequence[Judged] = ()) -> list[Judged]:
    """Return sentences without those that only repeat what was said before them.

    Args:
        sentences: in order.
        said: what stands before them.
    """
    kept: list[Judged] = []
    for one in sentences:
        if is_new(one, [*said, *kept]):
            kept.append(one)
    return kept


def is_new(one: Judged, said: Sequence[Judged]) -> bool:
    """Tell whether a sentence says something that none of these does."""
    own, text = one.stems, plain(one.sentence.text)
    return bool(text) and not any(
        plain(other.sentence.text) == text or (own and len(own & other.stems) >= _SAID * len(own)) for other in said
    )


def worth(draft: Sequence[Judged], words: int) -> float:
    """Return what a draft is worth: support × share supported, less for repetition and for a length not asked for.

    A reader's own measure, made of what an answer is judged by afterwards: nothing in it is learned. A verifier can be
    talked into believing splices of its evidence if it is asked often enough, and these are what a model finds
    unlikely itself; so support counts as much as the model's own probability lets it.

    Args:
        draft: its sentences.
        words: wanted.
    """
    if not draft:
        return 0.0
    held = [one for one in draft if one.holds]
    length = sum(one.words for one in held)
    fit = min(length, words) / max(length, words, 1)
    repeated = 1 - len(without_repetition(draft)) / len(draft)
    support = sum(one.support * one.probability for one in draft) / len(draft)
    return support * len(held) / len(draft) * (1 - _LENGTH_COST * (1 - fit)) - _REPETITION_COST * repeated


def choose(drafts: Sequence[Sequence[Judged]], words: int, *, fill: bool) -> list[Judged]:
    """Return the best draft, its unsupported sentences replaced by supported ones of the others that say something new.

    An unsupported sentence for which there is none stays, and is for the checker: it may stand closer to a sentence of
    the source than to nothing.

    Args:
        drafts: the likeliest first, which is taken where others are no better; at least one.
        words: wanted.
        fill: go on with sentences of other drafts where the best is too short.

    Returns:
        Nothing where no draft has a supported sentence.
    """
    held = [number for number, draft in enumerate(drafts) if any(one.holds for one in draft)]
    if not held:
        return []
    best = max(held, key=lambda number: (worth(drafts[number], words), -number))
    others = [one for number, draft in enumerate(drafts) if number != best for one in draft if one.holds]
    spare = sorted(others, key=lambda one: -one.support * one.probability)
    kept = without_repetition(drafts[best])
    for place, one in enumerate(kept):
        rest = [other for other in kept if other is not one]
        new = next((other for other in spare if is_new(other, rest)), None)
        if not one.holds and new is not None:
            kept[place] = replace(new, sentence=replace(new.sentence, paragraph=one.sentence.paragraph))
    length = sum(one.words for one in kept if one.holds)
    while fill and length < words:
        room = _OVERLONG * words - length
        new = next((other for other in spare if other.words <= room and is_new(other, kept)), None)
        if new is None:
            break
        kept.append(new)
        length += new.words
    return kept
