import random
import sys

import pytest

from odqa.errors import UsageError
from odqa.evaluate.text import bertscore, contains_answer, exact_match, mauve, normalize, rouge, token_f1, word_count

rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

WORDS = "the harbour pier was opened opening opens ferries ferry gale of storms in 1991 1996 and silt".split()


def sentences(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(3, 12))).capitalize() + "." for _ in range(count)]


def test_rouge_by_hand() -> None:
    # Five of six words, three of five pairs; the longest common subsequence is `the cat on the mat`.
    scores = rouge("The cat sat on the mat.", ["The cat lay on the mat."])
    assert scores == pytest.approx({"rouge1": 5 / 6, "rouge2": 3 / 5, "rougeL": 5 / 6, "rougeLsum": 5 / 6})


def test_rouge_by_hand_where_lengths_differ() -> None:
    # Precision 2/2 and recall 2/4 give F1 2/3; one pair of one and of three gives 1/2.
    scores = rouge("piers opened", ["pier opening was late"])
    assert scores == pytest.approx({"rouge1": 2 / 3, "rouge2": 1 / 2, "rougeL": 2 / 3, "rougeLsum": 2 / 3})


@pytest.mark.parametrize("seed", range(8))
def test_rouge_equals_rouge_score(seed: int) -> None:
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    given, *wanted = (sentences(100 * seed + number, 3 + number) for number in range(4))
    reference = rouge_scorer.RougeScorer(names, use_stemmer=True)
    found = reference.score_multi(["\n".join(some) for some in wanted], "\n".join(given))
    scores = rouge(" ".join(given), [" ".join(some) for some in wanted])
    assert scores == pytest.approx({name: found[name].fmeasure for name in names}, abs=1e-12)


def test_a_subsequence_that_is_not_unique_is_chosen_as_rouge_score_does() -> None:
    # Which of several longest subsequences is taken decides how many tokens their union holds.
    reference = rouge_scorer.RougeScorer(["rougeLsum"], use_stemmer=True)
    rng = random.Random(3)
    for _ in range(300):
        given, wanted = (["".join(rng.choices("ab cd", k=rng.randint(1, 16))) for _ in range(3)] for _ in range(2))
        lines = [["A " + " ".join(line) + " Z." for line in text] for text in (given, wanted)]
        found = reference.score(*("\n".join(text) for text in reversed(lines)))["rougeLsum"].fmeasure
        assert rouge(*("\n".join(lines[0]), ["\n".join(lines[1])]))["rougeLsum"] == pytest.approx(found, abs=1e-12)


def test_each_rouge_takes_its_own_best_reference() -> None:
    near, far = "The pier was opened in 1996.", "Opened was 1996 in pier the."
    both = rouge("The pier was opened in 1996.", [far, near])
    assert both["rouge2"] == 1
    assert both == rouge(near, [near, far])


def test_rouge_lsum_does_not_mind_the_order_of_sentences_but_rouge_l_does() -> None:
    scores = rouge("The gale came. The pier broke.", ["The pier broke. The gale came."])
    assert scores["rougeLsum"] == pytest.approx(1)
    assert scores["rougeL"] == pytest.approx(1 / 2)


@pytest.mark.parametrize(("prediction", "references"), [("", ["a pier"]), ("a pier", []), ("", [])])
def test_nothing_scores_nothing(prediction: str, references: list[str]) -> None:
    assert set(rouge(prediction, references).values()) == {0.0}
    assert token_f1(prediction, references) == 0
    assert exact_match(prediction, references) == 0


def test_only_the_measures_that_are_wanted() -> None:
    assert rouge("a b", ["a b"], ("rouge2",)) == {"rouge2": 1.0}


@pytest.mark.parametrize(
    ("prediction", "reference", "f1", "exact"),
    [
        ("The Harbour-Master!", "harbourmaster", 1, 1),
        ("in 1996", "1996", 2 / 3, 0),
        ("a a pier pier", "pier", 2 / 3, 0),  # Articles go, and a word counts as often as both have it.
        ("the storm of 1991", "gale", 0, 0),
        ("the", "an", 1, 1),  # Nothing is left of either: SQuAD 2.0 calls that agreement.
        ("the", "pier", 0, 0),
    ],
)
def test_token_f1_and_exact_match(prediction: str, reference: str, f1: float, exact: float) -> None:
    assert token_f1(prediction, [reference]) == pytest.approx(f1)
    assert exact_match(prediction, [reference]) == exact
    assert token_f1(prediction, ["xyz", reference]) == pytest.approx(f1)


def test_an_answer_stands_in_a_text_as_whole_words() -> None:
    assert contains_answer("It opened on 14 September, 1996.", ["September 1996"]) == 1
    assert contains_answer("The party left.", ["art"]) == 0
    assert contains_answer("The party left.", ["the"]) == 0


def test_normalization_is_that_of_squad() -> None:
    assert normalize("  The  U.S. Senate's an 'A'  ") == "us senates"


def test_words_are_what_holds_a_letter_or_digit() -> None:
    assert word_count("Well – 1,284 jacks, … (eight-tonne) & more") == 5
    assert word_count("") == 0


def test_a_missing_model_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("bert_score", "mauve"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"needs bert_score.*odqa\[eval-models\]"):
        bertscore(["a pier"], [["a pier"]])
    with pytest.raises(UsageError, match=r"needs mauve.*odqa\[eval-models\]"):
        mauve(["a pier"], ["a pier"])
