"""Questions that have been asked before: found where they are planted, and not where only a template repeats."""

import random

import numpy as np
import pytest

from odqa.data.datasets import Gold, Question
from odqa.evaluate.diagnose.ngrams import grounded, held, jaccard, telling_ngrams
from odqa.evaluate.diagnose.overlap import NEAR_COSINE, NEAR_NGRAM, Asked, repeated
from odqa.index.hashing import HashingEncoder
from odqa.settings import Settings


def ask(number, text, *, document="d", answer="An answer."):
    return Question(f"q{number}", text, "", 1, (Gold(document),), (answer,))


def asked(*texts, **options):
    questions = [text if isinstance(text, Question) else ask(n, text) for n, text in enumerate(texts)]
    return Asked(questions, HashingEncoder(Settings(encoder="hashing")), **options)


def test_jaccard_of_a_pair_worked_by_hand():
    # who, hatcher, role + who-hatcher, hatcher-role against who, didyak, role + who-didyak, didyak-role
    one, other = telling_ngrams("Who is Hatcher, and his role?"), telling_ngrams("Who is Didyak, and his role?")
    assert len(one) == len(other) == 5
    assert jaccard(one, other) == pytest.approx(2 / 8)


def test_question_words_tell_questions_apart_and_word_forms_do_not():
    assert jaccard(telling_ngrams("Who is Ann?"), telling_ngrams("Where is Ann?")) < NEAR_NGRAM
    assert telling_ngrams("Why did the bridges fail?") == telling_ngrams("why does a bridge fail")


def test_a_question_of_function_words_is_still_a_question():
    assert jaccard(telling_ngrams("What is it?"), telling_ngrams("What is it?")) == 1
    assert jaccard(telling_ngrams(""), telling_ngrams("")) == 0


def test_planted_duplicate_is_found_among_others():
    earlier = asked("How long is the canal?", "Why did the council close the tramway?", "Who built the old granary?")
    found = earlier.overlap(ask("new", "Why did the council close its tramways?"))
    assert found.is_duplicate
    assert found.nearest[0].question.id == "q1"
    assert found.ngram == 1
    assert found.nearest[0].closeness >= 1


def test_a_template_about_someone_else_is_no_duplicate_by_ngrams():
    earlier = asked("Who is Hatcher and what is his role in the story?")
    found = earlier.overlap(ask("new", "Who is Didyak and what is his role in the story?"))
    assert found.ngram == pytest.approx(6 / 12)
    assert found.ngram < NEAR_NGRAM


def test_a_question_is_not_its_own_neighbour():
    questions = [
        ask(0, "Who paid for the bridge?"),
        ask(1, "When did the flood come?"),
        ask(2, "Who paid for bridges?"),
    ]
    within = asked(*questions)
    assert [within.overlap(question, within=True).is_duplicate for question in questions] == [True, False, True]
    assert within.overlap(questions[0], within=True).nearest[0].question.id == "q2"
    assert asked(questions[0]).overlap(questions[0], within=True).nearest == ()


def test_duplicates_tell_whether_document_and_answer_repeat_too():
    text = "What is the plot of the story?"
    earlier = asked(
        ask(0, text, document="one", answer="A sailor finds a map and loses it."),
        ask(1, text, document="two", answer="Two sisters run a bakery."),
    )
    other = earlier.overlap(ask("new", text, document="three", answer="Nobody leaves the island."))
    same = earlier.overlap(ask("new", text, document="two", answer="Two sisters run the bakery."))
    assert (other.duplicates, other.same_document) == (2, False)
    assert other.answer < 0.2
    assert same.same_document
    assert same.answer == 1


def test_as_many_neighbours_as_wanted_nearest_first():
    earlier = asked("Who built the canal?", "Who built the canal bridge?", "Is it raining?", "Who built the canals?")
    found = earlier.overlap(ask("new", "Who built the canal?"), 3)
    assert [near.question.id for near in found.nearest[:2]] == ["q0", "q3"]
    closeness = [near.closeness for near in found.nearest]
    assert closeness == sorted(closeness, reverse=True)
    assert len(earlier.overlap(ask("new", "Who?"), 9).nearest) == 4


def test_the_inverted_index_gives_the_similarities_of_all_pairs():
    rng = random.Random(7)
    terms = "bridge canal council flood tramway granary engineer price year stone who why before".split()
    texts = [" ".join(rng.choices(terms, k=rng.randint(1, 6))) for _ in range(200)]
    earlier, encoder = asked(*texts), HashingEncoder(Settings(encoder="hashing"))
    vectors = encoder.encode(texts, kind="query")
    for text in texts[::20]:
        found = earlier.overlap(ask("new", text + " market"))
        grams = telling_ngrams(text + " market")
        assert found.ngram == pytest.approx(max(jaccard(grams, telling_ngrams(other)) for other in texts))
        cosines = vectors @ encoder.encode([text + " market"], kind="query")[0]
        assert found.cosine == pytest.approx(float(np.max(cosines)), abs=1e-6)
        pairs = zip((jaccard(grams, telling_ngrams(other)) for other in texts), cosines, strict=True)
        assert found.duplicates == sum(n >= NEAR_NGRAM or c >= NEAR_COSINE for n, c in pairs)


def test_nothing_has_been_asked():
    found = asked().overlap(ask("new", "Who?"))
    assert (found.nearest, found.is_duplicate, found.answer) == ((), False, 0.0)


def test_repeated_wordings_are_counted():
    questions = [
        ask(n, text) for n, text in enumerate(["The plot?", "the  plot?", "Who?", "THE PLOT?", "Why?", "who?"])
    ]
    assert repeated(questions) == [("The plot?", 3), ("Who?", 2)]


def test_grounding_worked_by_hand():
    # Content words of the answer: engineer, bridge, flood | council, dinner. Evidence lacks the dinner and the council.
    answer, evidence = (
        "The engineer of the bridge saw a flood. The council had dinner.",
        ["A bridge.", "Floods, engineers."],
    )
    assert grounded(answer, held(evidence, 1), 1) == pytest.approx(3 / 6)  # `saw` is a content word, and missing
    assert grounded("Bridge engineers.", held(evidence, 2), 2) == 0
    assert grounded("An engineer of bridges.", held(["engineer, bridge"], 2), 2) == 1
    assert grounded("It is.", held(evidence, 1), 1) is None


def test_ngrams_do_not_reach_over_sentences_or_passages():
    assert grounded("A bridge. A flood.", held(["bridge flood"], 2), 2) is None
    assert held(["the bridge", "the flood"], 2) == frozenset()
