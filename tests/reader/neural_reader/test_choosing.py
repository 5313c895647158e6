"""Which draft is kept, and what of the others fills its gaps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from odqa.reader.neural.choosing import Judge, Judged, choose, is_new, without_repetition, worth
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import DraftSentence, Evidence, Support
from tests.reader.neural_reader.conftest import evidence

SAND = "The old lighthouse sank into sand."
FLOOD = "A bridge flooded in spring."
STONE = "The mason ran short of granite."
MARBLE = "Kings paid forty tons of marble."


def judged(text: str, support: float = 0.9, *, paragraph: int = 0) -> Judged:
    return Judged(DraftSentence(text, (0,), paragraph=paragraph), support, support >= 0.5)


def texts(sentences: Sequence[Judged]) -> list[str]:
    return [one.sentence.text for one in sentences]


def test_worth_is_support_less_repetition_and_a_length_not_asked_for() -> None:
    assert worth([judged(SAND, 0.8)], words=6) == pytest.approx(0.8)
    assert worth([judged(SAND, 0.8), judged(MARBLE, 0.2)], words=6) == pytest.approx(0.5 * 0.5)
    assert worth([judged(SAND, 0.8)], words=12) == pytest.approx(0.8 * 0.75)
    assert worth([judged(SAND, 0.8), judged(SAND, 0.8)], words=12) == pytest.approx(0.8 - 0.5 * 0.5)
    assert worth([], words=12) == 0


def test_the_best_supported_draft_is_kept_and_the_first_of_equals() -> None:
    assert texts(choose([[judged(MARBLE, 0.1)], [judged(SAND)], [judged(FLOOD, 0.7)]], 6, fill=False)) == [SAND]
    assert texts(choose([[judged(SAND)], [judged(STONE)]], 6, fill=False)) == [SAND]
    assert choose([[judged(MARBLE, 0.1)], [judged(STONE, 0.2)]], 6, fill=True) == []
    assert choose([], 6, fill=True) == []


def test_unsupported_sentences_give_way_to_new_ones_that_are_supported() -> None:
    best = [judged(SAND), judged(MARBLE, 0.1, paragraph=3), judged(FLOOD)]
    weak = [judged(MARBLE, 0.1), judged("Nobody else was heard again.", 0.1), judged(STONE, 0.6)]
    (one, two, three) = choose([best, weak], 17, fill=False)
    assert texts([one, two, three]) == [SAND, STONE, FLOOD]
    assert two.sentence.paragraph == 3
    # With nothing to put in its place it is left to the checker, which may know a sentence of the source.
    assert texts(choose([best, [*weak[:2], judged(SAND)]], 17, fill=False)) == [SAND, MARBLE, FLOOD]


def test_a_short_draft_goes_on_with_what_others_say_until_it_is_long_enough() -> None:
    drafts = [[judged(SAND, 1.0)], [judged(FLOOD, 0.7), judged(MARBLE, 0.1)], [judged(STONE, 0.8), judged(MARBLE, 0.2)]]
    assert texts(choose(drafts, 12, fill=True)) == [SAND, STONE]
    assert texts(choose(drafts, 40, fill=True)) == [SAND, STONE, FLOOD]
    assert texts(choose(drafts, 40, fill=False)) == [SAND]


def test_what_was_said_before_is_not_said_again() -> None:
    again = judged("Sank into sand the old lighthouse!")
    assert not is_new(again, [judged(SAND)])
    assert is_new(judged(STONE), [judged(SAND)])
    assert texts(without_repetition([judged(SAND), again, judged(FLOOD)], [judged(FLOOD)])) == [SAND]
    assert not is_new(judged(" ?! "), [])


class _Counting(AlignmentVerifier):
    asked = 0

    def support(self, claim: str, evidence: Sequence[Evidence]) -> Support:
        self.asked += 1
        return super().support(claim, evidence)


def test_marks_that_support_nothing_give_way_to_the_source_that_does() -> None:
    items = evidence(Abbot="sank into sand", Brindle="flooded in spring", Carrow="lost its mason")
    verifier = _Counting()
    judge = Judge(verifier, {4: items[0], 7: items[1], 9: items[2]})
    right = judge(DraftSentence("Brindle flooded in spring.", (7,)), 0.25)
    assert (right.sentence.evidence, right.holds, right.probability) == ((7,), True, 0.25)
    assert judge(DraftSentence("Brindle flooded in spring.", (4,))).sentence.evidence == (7,)
    assert judge(DraftSentence("Brindle flooded in spring.")).sentence.evidence == (7,)
    wrong = judge(DraftSentence("Kings paid forty tons of marble.", (9,)))
    assert (wrong.holds, wrong.sentence.evidence) == (False, (9,))
    asked = verifier.asked
    judge(DraftSentence("Brindle flooded in spring.", (7,)), 0.5)
    assert verifier.asked == asked
