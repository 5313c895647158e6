from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import ClaimLabel, Dataset, LabelledClaim
from odqa.data.passages import parse
from odqa.errors import UsageError
from odqa.evaluate.bench import Bench, open_bench
from odqa.evaluate.grounding import classification
from odqa.evaluate.grounding.corruption import Corruption, corruptions
from odqa.evaluate.grounding.exhibits import CHUNK_WORDS, chunks, retrieved, whole
from odqa.evaluate.grounding.task import measure_grounding
from odqa.evaluate.result import Result
from odqa.index.hashing import HashingEncoder
from odqa.schema import Document, Evidence, Span, Support
from odqa.settings import Settings, resolve

pytest.importorskip("rouge_score")

LABELS = np.array([True, True, True, False, False])
SCORES = np.array([0.9, 0.8, 0.3, 0.5, 0.1])


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


# Figures


def test_figures_by_hand() -> None:
    found = classification.figures(LABELS, np.array([True, True, False, True, False]), SCORES)
    assert found == pytest.approx(
        {
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "f1": 2 / 3,
            "f1_negative": 1 / 2,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "accuracy": 3 / 5,
            "roc_auc": 5 / 6,  # Of the six pairs only (.3, .5) is in the wrong order.
            "average_precision": (1 + 1 + 3 / 4) / 3,
        }
    )


def test_nothing_predicted_gives_zeros_and_no_warning() -> None:
    found = classification.figures(LABELS, np.zeros(5, np.bool_), SCORES)
    assert (found["precision"], found["recall"], found["f1"], found["balanced_accuracy"]) == (0, 0, 0, 0.5)


@pytest.mark.parametrize("label", [True, False])
def test_one_class_is_refused(label: bool) -> None:
    labels = np.full(5, label)
    with pytest.raises(UsageError, match="both kinds"):
        classification.figures(labels, labels, SCORES)
    with pytest.raises(UsageError, match="both kinds"):
        classification.best_threshold(labels, SCORES)


def test_threshold_is_the_middle_of_the_best_gap() -> None:
    # From .9 and .8 on: balanced accuracy (2/3 + 1) / 2, better than (1 + 1/2) / 2 from .3 on.
    assert classification.best_threshold(LABELS, SCORES) == pytest.approx((0.8 + 0.5) / 2)


def test_a_constant_score_lets_everything_pass() -> None:
    folds = classification.two_fold(LABELS, np.ones(5), np.array([True, False, False, True, False]))
    assert folds.predicted.all()


def test_each_half_is_judged_by_the_other_halfs_threshold() -> None:
    labels = np.array([True, False, True, False])
    scores = np.array([0.9, 0.7, 0.4, 0.2])
    folds = classification.two_fold(labels, scores, np.array([True, True, False, False]))
    assert folds.thresholds == pytest.approx((0.3, 0.8))
    # By its own threshold each half would be right throughout.
    assert folds.predicted.tolist() == [True, True, False, False]


def test_halves_keep_groups_together_and_share_both_classes() -> None:
    rng = random.Random(1)
    groups = [f"g{rng.randrange(40)}" for _ in range(200)]
    labels = np.array([rng.random() < 0.3 for _ in groups])
    first = classification.halves(groups, labels, random.Random(7))
    assert not {g for g, f in zip(groups, first, strict=True) if f} & {
        g for g, f in zip(groups, first, strict=True) if not f
    }
    for label in (True, False):
        inside, outside = int((first & (labels == label)).sum()), int((~first & (labels == label)).sum())
        assert abs(inside - outside) <= 6
    assert first.tolist() == classification.halves(groups, labels, random.Random(7)).tolist()
    assert first.tolist() != classification.halves(groups, labels, random.Random(8)).tolist()


def test_interval_of_one_group_is_the_figures_themselves() -> None:
    # Every resample is the whole: what the bootstrap computes must be what scikit-learn computes, ties included.
    rng = np.random.default_rng(3)
    labels = rng.random(120) < 0.4
    scores = np.round(0.7 * rng.random(120) + 0.3 * labels, 1)
    predicted = scores >= 0.5
    found = classification.intervals(labels, predicted, scores, ["one"] * 120, samples=3)
    expected = classification.figures(labels, predicted, scores)
    assert {name: low for name, (low, _) in found.items()} == pytest.approx(expected)
    assert {name: high for name, (_, high) in found.items()} == pytest.approx(expected)


def test_interval_widens_where_claims_stick_together() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(rng.random(20) < 0.5, 10)
    scores = np.repeat(rng.random(20), 10)
    groups = [number // 10 for number in range(200)]
    alone = classification.intervals(labels, scores > 0.5, scores, range(200), samples=300)["balanced_accuracy"]
    together = classification.intervals(labels, scores > 0.5, scores, groups, samples=300)["balanced_accuracy"]
    value = classification.figures(labels, scores > 0.5, scores)["balanced_accuracy"]
    assert together[0] < alone[0] < value < alone[1] < together[1]
    with pytest.raises(UsageError):
        classification.intervals(labels, scores > 0.5, scores, groups, samples=0)


def test_curves_by_hand() -> None:
    bins = classification.reliability(np.array([True, False, True]), np.array([0.12, 0.18, 1.0]))
    assert bins == [
        {"score": pytest.approx(0.15), "positive": 0.5, "n": 2},
        {"score": 1.0, "positive": 1.0, "n": 1},
    ]
    points = classification.roc_points(LABELS, SCORES)
    assert (points[0], points[-1]) == ({"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1})
    at = {point["threshold"]: point for point in classification.threshold_points(LABELS, SCORES)}
    assert at[0.0]["balanced_accuracy"] == at[1.0]["balanced_accuracy"] == 0.5
    assert at[0.6]["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert at[0.6]["precision"] == 1


# Corruption

HARBOUR = (
    "The pier of Port Alder failed on 12 May 1993 and cost the town 1,204,000 dollars. "
    "The inquiry was led by Margaret Ellis, who heard forty witnesses. "
    "The harbour master, Thomas Reed, said that Thomas Reed had ordered no repair."
)


def document(text: str, id_: str = "d", title: str = "Report") -> Document:
    builder = DocumentBuilder(id_, title=title)
    for paragraph in text.split("\n"):
        builder.paragraph(paragraph)
    return builder.build()


def test_corruptions_change_one_thing() -> None:
    claim = "In 1993 the inquiry was led by Margaret Ellis."
    assert dict(corruptions(claim, document(HARBOUR))) == {
        Corruption.NUMBER: "In 1996 the inquiry was led by Margaret Ellis.",
        Corruption.NAME: "In 1993 the inquiry was led by Thomas Reed.",
        Corruption.NEGATION: "In 1993 the inquiry was not led by Margaret Ellis.",
    }


def test_a_new_number_is_of_its_kind_and_nowhere_in_the_document() -> None:
    assert dict(corruptions("It cost 1,204,000 dollars.", document(HARBOUR)))[Corruption.NUMBER] == (
        "It cost 4,204,000 dollars."
    )
    near = document("They came in 1996, 1989 and 2000, as they had in 1993.")
    assert dict(corruptions("They came in 1993.", near))[Corruption.NUMBER] == "They came in 1991."
    spelled = document("Four men and two women came on 3 May.")
    assert dict(corruptions("It was 2 May.", spelled))[Corruption.NUMBER] == "It was 5 May."


@pytest.mark.parametrize(
    "claim",
    [
        "It was never led by anybody.",  # denied already
        "They came back in the 1990s.",  # no number of its own
        "Was it not only so?",
        "Ellis went.",
        "He won 5–4 against a 20th-century rival.",
    ],
)
def test_what_cannot_be_corrupted_for_sure_is_left(claim: str) -> None:
    assert list(corruptions(claim, document(HARBOUR))) == []


def test_headings_lend_no_names() -> None:
    text = "Contact Our Office\nEmail Address\n" + HARBOUR
    (name,) = [t for kind, t in corruptions("Margaret Ellis sat.", document(text)) if kind is Corruption.NAME]
    assert name == "Thomas Reed sat."


# Evidence

WORDS = "alder birch cedar dogwood elm fir ginkgo hazel iris juniper".split()


def long_document(sentences: int = 120) -> Document:
    rng = random.Random(5)
    lines = [f"S{n} " + " ".join(rng.choices(WORDS, k=18)) + "." for n in range(sentences)]
    return document("\n".join(" ".join(lines[i : i + 6]) for i in range(0, sentences, 6)), title="Trees")


def labelled(
    parsed_document: Document, marked: Sequence[int], label: ClaimLabel = ClaimLabel.SUPPORTED
) -> LabelledClaim:
    parsed = parse(parsed_document, count)
    sentences = [span for passage in parsed.passages for span in passage.sentences]
    return LabelledClaim("c", "Firs grow.", parsed_document, label, tuple(sentences[n] for n in marked), "g")


def test_oracle_chunks_hold_the_marked_sentences_and_fillers_from_around_them() -> None:
    claim = labelled(long_document(), [50, 60])
    parsed = parse(claim.document, count)
    sentences = [span for passage in parsed.passages for span in passage.sentences]
    found = chunks(claim, parsed, random.Random(1))
    assert len(found) == 3
    for exhibit in found:
        shown = list(exhibit.sentences())
        assert set(claim.spans) < {span for _, span in shown}
        assert [span for _, span in shown] == sorted(span for _, span in shown)
        assert CHUNK_WORDS - 20 < sum(len(text.split()) for text, _ in shown) < CHUNK_WORDS
        assert all(35 <= sentences.index(span) < 85 for _, span in shown)
        # What is shown is what stands there.
        assert all(text == span.of(claim.document.text) for text, span in shown)
        (item,) = exhibit.evidence
        two = Span(item.passage.sentences[1].start, item.passage.sentences[2].end)
        assert exhibit.original(two) == Span(shown[1][1].start, shown[2][1].end)
    assert len({exhibit.origins for exhibit in found}) == 3
    assert found == chunks(claim, parsed, random.Random(1))


def test_chunks_of_an_unsupported_claim_are_plain_and_contiguous() -> None:
    claim = replace(labelled(long_document(), [50]), label=ClaimLabel.NOT_SUPPORTED)
    parsed = parse(claim.document, count)
    sentences = [span for passage in parsed.passages for span in passage.sentences]
    found = chunks(claim, parsed, random.Random(1))
    assert len(found) == 3
    for exhibit in found:
        places = [sentences.index(span) for span in exhibit.origins]
        assert places == list(range(places[0], places[0] + len(places)))
        assert sum(len(text.split()) for text, _ in exhibit.sentences()) < CHUNK_WORDS
    short = document("One sentence only.")
    assert (
        len(chunks(LabelledClaim("c", "x", short, ClaimLabel.NOT_SUPPORTED), parse(short, count), random.Random(1)))
        == 1
    )


def test_a_marked_heading_is_shown_although_no_passage_holds_it() -> None:
    builder = DocumentBuilder("d", title="Trees")
    builder.heading("Planted in 1890", 1)
    builder.paragraph("The park has old trees.")
    made = builder.build()
    claim = LabelledClaim("c", "x", made, ClaimLabel.SUPPORTED, (made.blocks[0].span,), "g")
    parsed = parse(made, count)
    texts = {tuple(text for text, _ in exhibit.sentences()) for exhibit in chunks(claim, parsed, random.Random(1))}
    assert texts == {("Planted in 1890", "The park has old trees.")}


def test_supported_claim_without_marks_has_no_chunks() -> None:
    claim = labelled(long_document(12), [])
    assert chunks(claim, parse(claim.document, count), random.Random(1)) == []


def test_retrieved_puts_the_passage_with_the_claims_words_first() -> None:
    text = long_document(60).text.replace("S31 ", "S31 zebras graze where willows bend ")
    parsed = parse(document(text), count, max_tokens=60)
    encoder = HashingEncoder(Settings(encoder="hashing"))
    exhibit = retrieved("Zebras graze near willows.", parsed, encoder, 4, rrf_k=60, language="en")
    assert len(exhibit.evidence) == 4
    assert "zebras" in exhibit.evidence[0].text
    assert len(whole(parsed).evidence) == len(parsed.passages)


# The task


def claims() -> Iterator[LabelledClaim]:
    people = [
        "Anna Berg",
        "Boris Cole",
        "Clara Dunn",
        "David Eves",
        "Edith Falk",
        "Frank Gray",
        "Grete Holm",
        "Hans Ivor",
    ]
    for number, person in enumerate(people):
        text = (
            f"{person} was born in {1900 + number} in a village by the sea. "
            f"Later {person.split()[1]} was the keeper of the northern lighthouse for {30 + number} years. "
            "The lighthouse stands on a cliff above the old harbour. "
            "Maria Lund was its last keeper, and Maria Lund wrote a book about it."
        )
        made = document(text, f"d{number}", person)
        spans = [span for passage in parse(made, count).passages for span in passage.sentences]
        group = f"g{number}"
        yield LabelledClaim(
            f"{number}a",
            f"{person} was born in {1900 + number} in a village.",
            made,
            ClaimLabel.SUPPORTED,
            (spans[0],),
            group,
        )
        yield LabelledClaim(
            f"{number}b",
            f"{person} was born in a village and sold {number + 5} boats to merchants.",
            made,
            ClaimLabel.PARTIALLY_SUPPORTED,
            (spans[0],),
            group,
        )
        yield LabelledClaim(
            f"{number}c", "The parliament raised taxes on imported sugar.", made, ClaimLabel.NOT_SUPPORTED, (), group
        )


DATASET = Dataset("keepers", claims=claims, split="dev")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_bench(DATASET, resolve({"encoder": "hashing", "passage_tokens": 24})) as opened:
        yield opened


@pytest.fixture(scope="module")
def result(bench: Bench) -> Result:
    return measure_grounding(bench, samples=50)


def test_the_result_can_be_written_and_adds_up(result: Result) -> None:
    json.dumps([result.metrics, result.baselines, result.groups, result.curves, result.rows], allow_nan=False)
    assert (result.task, result.dataset, result.split, result.n) == ("grounding", "keepers", "dev", 24)
    assert {name: group["n"] for name, group in result.groups["label"].items()} == {
        "not_supported": 8,
        "partially_supported": 8,
        "supported": 8,
    }
    rows = result.rows
    assert [row["id"] for row in rows[:3]] == ["0a", "0b", "0c"]
    assert np.mean([row["metrics"]["right"] for row in rows]) == pytest.approx(result.metrics["accuracy"])
    assert np.mean([row["metrics"]["right_default"] for row in rows]) == pytest.approx(
        result.metrics["accuracy_default"]
    )
    assert result.corpus["documents"] == 8
    assert all(len(row["evidence"]) <= 300 and len(row["gold"]) <= 300 for row in rows)
    assert result.metrics["claims_per_second"] > 0
    for name in ("balanced_accuracy", "f1", "roc_auc", "average_precision"):
        assert result.metrics[f"{name}_low"] <= result.metrics[name] <= result.metrics[f"{name}_high"]


def test_the_verifier_tells_these_claims_apart(result: Result) -> None:
    assert result.metrics["balanced_accuracy_default"] > 0.9
    assert result.metrics["roc_auc"] > 0.9
    assert result.metrics["span_hit"] == 1
    assert result.metrics["corruption_caught_number"] == 1
    assert result.metrics["roc_auc_partial_as_supported"] == 1  # What is not supported shares no word.
    assert result.groups["corruption"]["all"]["n"] == sum(
        result.groups["corruption"][kind]["n"] for kind in ("number", "name", "negation")
    )


def test_baselines_are_measured_alike(result: Result) -> None:
    assert set(result.baselines) == {"word overlap", "rougeL precision", "embedding", "always supported"}
    always = result.baselines["always supported"]
    assert (always["balanced_accuracy"], always["roc_auc"], always["recall"]) == (0.5, 0.5, 1)
    assert always["f1"] == pytest.approx(2 / (1 + 3))  # Precision 1/3, recall 1.
    first = result.rows[0]["baselines"]
    assert first["word overlap"]["score"] == 1
    # The evidence says the claim word for word, in order.
    assert first["rougeL precision"]["score"] == 1
    assert result.rows[2]["baselines"]["word overlap"]["score"] == 0


class Constant:
    """Says the same of every claim."""

    def __init__(self, score: float) -> None:
        self.name, self.threshold, self.score = "constant", 0.5, score

    def support(self, claim: str, evidence: Sequence[Evidence]) -> Support:
        return Support(self.score, 0, evidence[0].passage.sentences[:1])


@pytest.mark.parametrize("evidence", ["retrieved", "document", "oracle"])
def test_a_verifier_that_always_agrees_is_seen_through(bench: Bench, evidence: str) -> None:
    found = measure_grounding(bench, verifier=Constant(0.8), evidence=evidence, samples=5)  # type: ignore[arg-type]
    metrics = found.metrics
    assert found.settings["verifier"] == "constant"
    assert (metrics["balanced_accuracy"], metrics["roc_auc"], metrics["recall_default"]) == (0.5, 0.5, 1)
    assert metrics["corruption_caught"] == metrics["corruption_caught_of_passed"] == 0


def test_a_verifier_that_always_refuses_gains_nothing_from_corruption(bench: Bench) -> None:
    found = measure_grounding(bench, verifier=Constant(0.2), samples=5)
    assert (found.metrics["balanced_accuracy_default"], found.metrics["recall_default"]) == (0.5, 0)
    assert found.metrics["corruption_caught"] == 1
    assert "corruption_caught_of_passed" not in found.metrics
    assert found.groups["corruption"]["all"]["lowered"] == 0


def test_oracle_shows_every_marked_sentence(bench: Bench) -> None:
    found = measure_grounding(bench, evidence="oracle", samples=5)
    assert found.n == 24
    assert found.metrics["span_hit"] == 1
    assert 0 < found.metrics["span_hit_chance"] < 1


def test_a_limit_draws_the_same_claims_every_time(bench: Bench) -> None:
    drawn = [[row["id"] for row in measure_grounding(bench, limit=12, samples=5).rows] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 12
    assert drawn[0] == sorted(drawn[0])


@pytest.mark.parametrize("options", [{"limit": 0}, {"passages": 0}, {"evidence": "gold"}, {"samples": 0}])
def test_a_wrong_argument_is_refused(bench: Bench, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        measure_grounding(bench, **options)  # type: ignore[arg-type]


def test_data_that_cannot_be_measured_is_named() -> None:
    resolved = resolve({"encoder": "hashing"})
    with open_bench(Dataset("questions-only"), resolved) as empty, pytest.raises(UsageError, match="wice, expertqa"):
        measure_grounding(empty)

    def unmarked() -> Iterator[LabelledClaim]:
        return (replace(claim, spans=()) for claim in claims())

    def alike() -> Iterator[LabelledClaim]:
        return (claim for claim in claims() if claim.label is ClaimLabel.SUPPORTED)

    with (
        open_bench(Dataset("bare", claims=unmarked), resolved) as bare,
        pytest.raises(UsageError, match="no sentences"),
    ):
        measure_grounding(bare, evidence="oracle")
    with open_bench(Dataset("alike", claims=alike), resolved) as same, pytest.raises(UsageError, match="both kinds"):
        measure_grounding(same)
