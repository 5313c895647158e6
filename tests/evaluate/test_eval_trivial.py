"""Trivial answers, the oracle and the human ceiling, against values worked by hand and by brute force."""

import random
from itertools import combinations

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import AnswerLength, Question
from odqa.evaluate.diagnose import trivial
from odqa.evaluate.diagnose.ceiling import leave_one_out, mean_scores, measure_for
from odqa.evaluate.diagnose.trivial import Answers, copied, oracle_sentences
from odqa.evaluate.text import rouge, token_f1, word_count
from odqa.schema import Evidence, Passage, Section, Span

SENTENCES = [
    "The tramway opened in spring.",
    "A flood destroyed the bridge in March.",
    "The mayor gave a long speech about gardens.",
    "Nobody was hurt, because the bridge had been closed.",
    "The engineer had warned the council twice.",
    "Tickets cost two pence.",
]
REFERENCES = [
    "The bridge was destroyed by a flood in March after the engineer had warned the council. Nobody was hurt.",
    "Tickets for the tramway cost two pence.",
]


def ask(number, *references):
    return Question(f"q{number}", "Who?", "", 1, (), references)


def value(selection, references):
    scores = rouge(" ".join(SENTENCES[number] for number in selection), references)
    return scores["rouge1"] + scores["rougeL"]


@pytest.mark.parametrize("references", [REFERENCES[:1], REFERENCES[1:]])
def test_no_other_extract_of_the_length_beats_the_oracle(references):
    chosen = oracle_sentences(SENTENCES, references)
    budget = word_count(references[0])
    others = [
        some
        for size in range(1, len(SENTENCES) + 1)
        for some in combinations(range(len(SENTENCES)), size)
        if size == 1 or sum(word_count(SENTENCES[number]) for number in some) <= budget
    ]
    assert value(chosen, references) == pytest.approx(max(value(some, references) for some in others))


def test_oracle_keeps_the_selection_for_the_reference_that_can_be_reached():
    assert oracle_sentences(SENTENCES, ["Marmots whistle.", *REFERENCES]) in [(1, 3, 4), (0, 5), (1, 4), (5,)]
    exact = [SENTENCES[4], "Something about marmots that whistle."]
    assert oracle_sentences(SENTENCES, exact) == (4,)


def test_oracle_stays_within_the_length_of_the_reference_but_takes_one_sentence():
    chosen = oracle_sentences(SENTENCES, REFERENCES[:1])
    assert sum(word_count(SENTENCES[number]) for number in chosen) <= word_count(REFERENCES[0])
    assert list(chosen) == sorted(chosen)
    assert oracle_sentences(SENTENCES, ["gardens"]) == (2,)


@pytest.mark.parametrize(
    ("sentences", "references"), [([], ["a bridge"]), (SENTENCES, [""]), (SENTENCES, ["zebra"]), (["", "?"], ["why"])]
)
def test_oracle_of_nothing_in_common_is_empty(sentences, references):
    assert oracle_sentences(sentences, references) == ()


def test_bit_parallel_common_subsequence_equals_the_table():
    rng = random.Random(3)
    for _ in range(200):
        one, two = (rng.choices("abcde", k=rng.randint(1, 90)) for _ in range(2))
        table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
        for i, left in enumerate(one):
            for j, right in enumerate(two):
                table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
        known = [word for word in two if word in one]
        assert trivial._Target(one).common_subsequence(known) == table[-1][-1]


def test_random_answers_are_others_and_the_same_in_every_run():
    questions = [ask(0, "mine"), ask(1, "short", "the longer one of two"), ask(2, "also these three words")]
    answers = Answers(questions, training=False)
    drawn = [answers.draw(questions[0], random.Random(seed)) for seed in range(50)]
    assert drawn == [answers.draw(questions[0], random.Random(seed)) for seed in range(50)]
    assert {found[trivial.OTHER_ANSWER] for found in drawn} == {
        "short",
        "the longer one of two",
        "also these three words",
    }
    assert {found[trivial.LONGEST_REFERENCE] for found in drawn} == {"the longer one of two", "also these three words"}
    assert trivial.RANDOM_ANSWER in Answers(questions, training=True).draw(ask(9, "new"), random.Random(1))
    assert Answers(questions[:1], training=False).draw(questions[0], random.Random(1)) == {}
    assert answers.words == 3  # (1 + 1 + 5 + 4) / 4, rounded
    assert Answers([], training=True).words == 1


def test_copies_are_cut_to_the_budget():
    builder = DocumentBuilder("d", title="Works")
    builder.paragraph("One two three four. Five six seven eight.")
    document = builder.build()
    span = Span(document.text.index("Five"), len(document.text))
    evidence = [Evidence(document, Section(0, "", (), span), Passage("d", 0, 0, span, (span,)), 1.0)]
    assert copied("Who counts?", evidence, 5) == {
        trivial.QUESTION_ONLY: "Who counts? Who counts? Who counts? Who counts? Who counts?",
        trivial.LEAD: "One two three four. Five",
        trivial.QUESTION_AND_PASSAGE: "Who counts? Five six seven",
    }
    assert list(copied("Who counts?", [], 5)) == [trivial.QUESTION_ONLY]


def test_leave_one_out_worked_by_hand():
    measure, headline = measure_for(AnswerLength.SHORT)
    # F1 of the pairs: red bridge/red canal 1/2, red bridge/blue 0, red canal/blue 0, after normalisation.
    ceiling = leave_one_out("the red bridge", ["red bridge", "red canal", "blue"], measure)
    assert ceiling is not None
    assert headline == "f1"
    assert ceiling.human["f1"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert ceiling.human["em"] == 0
    assert ceiling.longest["f1"] == pytest.approx(0.5)
    # The answer equals the first reference: without it, half of the second is the best.
    assert ceiling.engine == pytest.approx({"f1": (0.5 + 1 + 1) / 3, "em": 2 / 3})
    assert leave_one_out("red bridge", ["red bridge"], measure) is None


def test_the_measures_are_maxima_over_references_and_nothing_scores_nothing():
    long, headline = measure_for(AnswerLength.LONG)
    short, _ = measure_for(AnswerLength.SHORT)
    assert headline == "rougeL"
    assert long(SENTENCES[1], REFERENCES) == pytest.approx(rouge(SENTENCES[1], REFERENCES))
    assert short(SENTENCES[1], REFERENCES)["f1"] == pytest.approx(token_f1(SENTENCES[1], REFERENCES))
    assert set(long("", REFERENCES).values()) == {0.0}
    assert mean_scores([{"a": 1.0}, {"a": 2.0, "b": 5.0}]) == {"a": 1.5, "b": 5.0}
    assert mean_scores([]) == {}
