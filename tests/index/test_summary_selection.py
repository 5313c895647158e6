"""The sentences that together say most: within a budget, in reading order, weighed by the kind of document."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.summary.analysis import Analysis
from odqa.index.summary.budgeted import summarize_to
from odqa.index.summary.found import Found
from odqa.index.summary.rewards import PAPER, PROSE, TALK, rewards
from odqa.index.summary.scope import Scope
from odqa.index.summary.selection import Candidates, greedy
from odqa.schema import Document, ParsedDocument


def split(document: Document) -> ParsedDocument:
    return parse(document, lambda texts: [len(text.split()) for text in texts])


def paper(*sections: tuple[str, str]) -> ParsedDocument:
    builder = DocumentBuilder("p", title="Measuring silt")
    for heading, text in sections:
        builder.heading(heading)
        builder.paragraph(text)
    return split(builder.build())


ABSTRACT = "Silt moves with every tide that comes in. Its depth is hard to measure from a boat."
PAPER_TEXT = paper(
    ("Abstract", ABSTRACT),
    ("1 Introduction", "Harbours fill with silt. We propose a method that measures silt with sound from the quay."),
    ("2 Related work", "Others have measured silt by hand (Brown, 1990) with poles and lines for many long years."),
    ("3 Results", "The method was tried in nine harbours of the coast. We found that silt is nine metres deep there."),
    ("4 Conclusion", "Sound measures silt better than poles do. The method should be tried on rivers as well."),
)
WORDS = st.sampled_from("silt pier tide boat log quay storm The We found mud deep and moves council".split())
TEXTS = st.lists(st.lists(WORDS, min_size=3, max_size=14).map(" ".join), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(5, 60))
def test_a_summary_keeps_to_its_budget_and_to_reading_order(texts: list[str], words: int) -> None:
    builder = DocumentBuilder("d")
    for text in texts:
        builder.paragraph(f"{text}.")
    parsed = split(builder.build())
    summary = summarize_to(parsed, words)
    spans = [statement.spans[0] for statement in summary]
    assert spans == sorted(set(spans))
    assert all(
        " ".join(span.of(parsed.document.text).split()) == s.text for span, s in zip(spans, summary, strict=True)
    )
    total = sum(len(statement.text.split()) for statement in summary)
    assert total <= words or len(summary) == 1
    assert summary
    assert summarize_to(parsed, words) == summary


def test_an_abstract_comes_first_and_what_is_left_is_filled() -> None:
    abstract = [s.strip() for s in ABSTRACT.split(". ")]
    short = " ".join(s.text for s in summarize_to(PAPER_TEXT, 17))
    assert short == ABSTRACT
    longer = [s.text for s in summarize_to(PAPER_TEXT, 40)]
    assert len(longer) > len(abstract)
    assert longer[:2] == [f"{abstract[0]}.", abstract[1]]


def test_what_is_ruled_out_is_not_chosen() -> None:
    section = next(s for s in PAPER_TEXT.sections if s.title == "Abstract")
    summary = summarize_to(PAPER_TEXT, 40, without=[section.span])
    assert summary
    assert not any(section.span.overlaps(statement.spans[0]) for statement in summary)
    assert any("We propose" in statement.text for statement in summary)


def test_no_document_and_no_words() -> None:
    assert summarize_to(split(DocumentBuilder("e").build()), 100) == ()
    assert len(summarize_to(PAPER_TEXT, 1)) == 1


def test_papers_prize_what_they_announce_and_where_they_conclude() -> None:
    analysis = Analysis(PAPER_TEXT)
    assert analysis.kind == "paper"
    scope, found = Scope(analysis), Found(analysis)
    quoted = [analysis.quote(span) for span in analysis.sentences]
    cued = np.array([text.startswith(("We propose", "We found")) for text in quoted])
    plain = rewards(scope, found, PROSE)
    assert np.all((rewards(scope, found, PAPER) > 0) == (plain > 0))
    with_cues = rewards(scope, found, PAPER)
    weights = type(PAPER)(**{name: getattr(PAPER, name) for name in PAPER.__slots__} | {"cues": {}})
    without_cues = rewards(scope, found, weights)
    assert np.all(with_cues[cued] > without_cues[cued])
    assert np.array_equal(with_cues[~cued], without_cues[~cued])


def test_vectors_speak_for_central_passages() -> None:
    parsed = parse(PAPER_TEXT.document, lambda texts: [60 for _ in texts])
    vectors = np.tile(np.eye(4, dtype=np.float32)[0], (len(parsed.passages), 1))
    assert summarize_to(parsed, 30, vectors) == summarize_to(parsed, 30)
    vectors[-1] = np.eye(4, dtype=np.float32)[1]
    scope = Scope(Analysis(parsed), None, np.array([1.0] * (len(vectors) - 1) + [0.0]))
    assert scope.nearness.min() == 0.0
    assert scope.nearness.max() == 1.0


def test_talk_may_choose_what_points_back() -> None:
    builder = DocumentBuilder("m", title="Meeting")
    for number in range(6):
        builder.turn(f"They will send the plans of the remote control with button {number} to the factory.", "A")
        builder.turn("Hm.", "B")
    summary = summarize_to(split(builder.build()), 40)
    assert len(summary) >= 2
    assert all(statement.text.startswith("They will send") for statement in summary)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 30))
def test_greedy_is_never_far_from_the_best_choice(seed: int, count: int, budget: int) -> None:
    """The bound of Lin & Bilmes (2010), 1 - 1/sqrt(e) of the optimum, holds for cost scaling 1."""
    rng = np.random.default_rng(seed)
    values = rng.random((count, 5))
    candidates = Candidates(
        rows=np.repeat(np.arange(count), 5),
        terms=np.tile(np.arange(5), count),
        values=values.ravel(),
        rewards=rng.random(count) + 0.1,
        costs=rng.integers(1, 12, count).astype(float),
        term_weights=rng.random(5),
    )
    weights = type(TALK)(**{name: getattr(TALK, name) for name in TALK.__slots__} | {"cost": 1.0})

    def objective(chosen: tuple[int, ...]) -> float:
        index = list(chosen)
        covered = (values[index] * candidates.rewards[index, None]).sum(axis=0)
        own = weights.base * candidates.rewards[index].sum()
        return float((candidates.term_weights * covered**weights.saturation).sum() + own)

    affordable = [
        subset
        for size in range(1, count + 1)
        for subset in itertools.combinations(range(count), size)
        if candidates.costs[list(subset)].sum() <= budget
    ]
    chosen = greedy(candidates, budget, count, weights)
    if not affordable:
        assert len(chosen) == 1
        return
    picked = tuple(row for row, _ in chosen)
    assert candidates.costs[list(picked)].sum() <= budget
    assert sum(gain for _, gain in chosen) == pytest.approx(objective(picked))
    assert objective(picked) >= (1 - np.exp(-0.5)) * max(map(objective, affordable)) - 1e-9
