"""Measures against values worked by hand, and what must hold of any ranking."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import Gold, Question
from odqa.engine import Engine
from odqa.evaluate.measures import (
    document_judgements,
    group_means,
    mean,
    passage_id,
    passage_judgements,
    score_run,
)
from odqa.schema import Document, Span
from odqa.settings import Settings


def question(id_: str, *gold: Gold, type_: str = "bridge", hops: int = 2) -> Question:
    return Question(id_, f"Question {id_}?", type_, hops, gold, ())


def test_golds_of_a_piece_are_alternatives_and_others_are_pieces_of_their_own() -> None:
    asked = [
        question("a", Gold("d1"), Gold("d2")),
        question("b", Gold("d1", piece=0), Gold("d2", piece=1), Gold("d3", piece=0)),
        question("c", Gold("d1", (Span(0, 4),)), Gold("d1", (Span(9, 12),)), Gold("d2")),
        question("nothing is known"),
    ]
    assert document_judgements(asked) == {
        "a": [{"d1"}, {"d2"}],
        "b": [{"d1", "d3"}, {"d2"}],
        "c": [{"d1"}, {"d2"}],  # Two places of one document are one thing to find among documents.
    }


def document() -> Document:
    builder = DocumentBuilder("mill", title="The mill")
    for number in range(8):
        builder.heading(f"Part {number}", 2)
        builder.paragraph(f"The wheel number {number} turned for {number + 3} years. " * 12)
    return builder.build()


def test_passages_that_share_characters_with_a_span_are_alternatives(tmp_path) -> None:
    with Engine.build([document()], tmp_path / "m.odqa", settings=Settings(encoder="hashing")) as engine:
        snapshot = engine.snapshot
        first, second, *_, last = snapshot.parsed(0).passages
        across = Span(first.span.end - 1, second.span.start + 1)
        inside = Span(last.span.start + 3, last.span.start + 5)
        before = Span(second.span.start - 1, second.span.start)
        asked = [
            question("across", Gold("mill", (across,))),
            question("alternatives", Gold("mill", (across,), piece=1), Gold("mill", (inside,), piece=1)),
            question("both", Gold("mill", (across,)), Gold("mill", (inside,))),
            question("outside", Gold("mill", (before,))),
            question("elsewhere", Gold("dam", (inside,))),
            question("document only", Gold("mill")),
            question("mixed", Gold("mill"), Gold("mill", (inside,))),
        ]
        found = passage_judgements(asked, snapshot)
    one, two, three = (passage_id("mill", passage.index) for passage in (first, second, last))
    nowhere = found["elsewhere"][0]
    assert found == {
        "across": [{one, two}],
        "alternatives": [{one, two, three}],
        "both": [{one, two}, {three}],
        "outside": found["outside"],
        "elsewhere": [nowhere],
        "mixed": [{three}],
    }
    ids = {passage_id("mill", number) for number in range(100)}
    assert not nowhere & {passage_id("dam", number) for number in range(100)}
    assert two not in found["outside"][0]
    assert len(found["outside"]) == 1
    assert score_run({"q": [nowhere]}, {"q": sorted(ids)})["q"]["R@100"] == 0


def test_two_pieces_worked_by_hand() -> None:
    """Two relevant documents at ranks 2 and 4: a gain of 1 each, discounted by log2(rank + 1)."""
    row = score_run({"q": [frozenset("a"), frozenset("b")]}, {"q": ["x", "a", "y", "b"]}, (1, 2, 4))["q"]
    ideal = 1 / math.log2(2) + 1 / math.log2(3)
    expected = {
        "R@1": 0, "R@2": 1 / 2, "R@4": 1,
        "nDCG@1": 0,
        "nDCG@2": (1 / math.log2(3)) / ideal,
        "nDCG@4": (1 / math.log2(3) + 1 / math.log2(5)) / ideal,
        "Success@1": 0, "Success@2": 1, "Success@4": 1,
        "RR": 1 / 2,
        "AP@4": (1 / 2 + 2 / 4) / 2,  # Precision at the ranks of the two, over the two there are.
        "pieces@1": 0, "pieces@2": 1 / 2, "pieces@4": 1,
        "all_gold@1": 0, "all_gold@2": 0, "all_gold@4": 1,
    }  # fmt: skip
    assert row == pytest.approx(expected)


def test_one_of_several_alternatives_is_a_whole_piece_and_part_of_recall() -> None:
    row = score_run({"q": [frozenset("ab"), frozenset("c")]}, {"q": ["b", "c"]}, (1, 2))["q"]
    assert row["R@1"] == pytest.approx(1 / 3)
    assert row["R@2"] == pytest.approx(2 / 3)
    assert (row["pieces@1"], row["all_gold@1"], row["pieces@2"], row["all_gold@2"]) == (0.5, 0, 1, 1)


def test_what_a_run_lacks_scores_nothing_and_what_nobody_judged_is_not_measured() -> None:
    judged = {"q1": [frozenset("a")], "q2": [frozenset("b")], "q3": [frozenset("c")]}
    rows = score_run(judged, {"q1": ["a"], "q3": [], "stranger": ["a"]}, (1, 10))
    assert list(rows) == ["q1", "q2", "q3"]
    assert set(rows["q1"].values()) == {1.0}
    for missed in ("q2", "q3"):
        assert rows[missed].keys() == rows["q1"].keys()
        assert set(rows[missed].values()) == {0.0}
    assert mean(rows.values())["R@1"] == pytest.approx(1 / 3)
    assert score_run({}, {"q1": ["a"]}) == {}


def test_the_order_of_the_ranks_is_kept_whatever_the_ids_are() -> None:
    """trec_eval orders equal scores by id; ours are never equal."""
    for order in (["a", "b", "c"], ["c", "b", "a"]):
        row = score_run({"q": [frozenset([order[2]])]}, {"q": order}, (1, 5))["q"]
        assert row["RR"] == pytest.approx(1 / 3)


IDS = st.lists(st.integers(0, 30).map(str), unique=True, max_size=25)
PIECES = st.lists(st.frozensets(st.integers(0, 30).map(str), min_size=1, max_size=3), min_size=1, max_size=4)
CUTS = (1, 3, 5, 10)


@settings(max_examples=60, deadline=None)
@given(IDS, PIECES, st.randoms(use_true_random=False))
def test_what_holds_of_every_ranking(ranking: list[str], pieces: list[frozenset[str]], rng) -> None:
    row = score_run({"q": pieces}, {"q": ranking}, CUTS)["q"]
    assert all(0 <= value <= 1 + 1e-9 for value in row.values())
    for name in ("R", "Success", "pieces", "all_gold"):
        values = [row[f"{name}@{k}"] for k in CUTS]
        assert values == sorted(values)
    for k in CUTS:
        assert row[f"all_gold@{k}"] <= row[f"pieces@{k}"] <= row[f"Success@{k}"]
    beyond = ranking[CUTS[-1] :]
    rng.shuffle(beyond)
    assert score_run({"q": pieces}, {"q": ranking[: CUTS[-1]] + beyond}, CUTS)["q"] == row


@settings(max_examples=40, deadline=None)
@given(IDS, PIECES)
def test_agreement_with_definitions(ranking: list[str], pieces: list[frozenset[str]]) -> None:
    relevant = frozenset().union(*pieces)
    row = score_run({"q": pieces}, {"q": ranking}, CUTS)["q"]
    for k in CUTS:
        gains = [float(found in relevant) for found in ranking[:k]]
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))
        assert row[f"R@{k}"] == pytest.approx(sum(gains) / len(relevant))
        dcg = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))
        assert row[f"nDCG@{k}"] == pytest.approx(dcg / ideal)


def test_groups_are_means_over_the_questions_of_a_kind() -> None:
    asked = [
        question("a", type_="bridge", hops=2),
        question("b", type_="comparison", hops=10),
        question("c", type_="bridge", hops=10),
        question("not measured", type_="bridge"),
    ]
    rows = {"a": {"R@1": 1.0}, "b": {"R@1": 0.0}, "c": {"R@1": 0.5, "passage_R@1": 0.25}}
    assert group_means(asked, rows, "type") == {
        "bridge": {"n": 2, "R@1": 0.75, "passage_R@1": 0.25},
        "comparison": {"n": 1, "R@1": 0.0},
    }
    by_hops = group_means(asked, rows, "hops")
    assert list(by_hops) == ["2", "10"]
    assert by_hops["10"] == {"n": 2, "R@1": 0.25, "passage_R@1": 0.25}
    assert mean([]) == {}
