"""Copies are folded into their original with all sources; whatever says something else, however little, is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.retriever.copies import LONG, SHINGLE, _resemblances, collapse
from odqa.schema import CutReason, Document, Evidence, Passage, PassageKind, Section, Span

LONG_TEXT = (
    "The second pier of the harbour at Carrow was opened in spring by the council after the ground had been drained, "
    "and ships of 300 tons have used it since then for timber, coal and grain from the whole of the northern coast. "
    "Engineers from three towns had looked at its piles and found them sound; nobody has repaired them, and the light "
    "at its end can be seen far out at sea. A road leads from there to the market, where fish is sold in the morning "
    "and rope in the afternoon, and along that road stand the houses of pilots, a school and two inns for sailors."
)


def evidence(
    text: str,
    name: str = "a.txt",
    *,
    title: str = "Carrow",
    context: str | None = None,
    kind: PassageKind = PassageKind.TEXT,
    before: str = "",
    score: float = 1.0,
) -> Evidence:
    document = Document(name, title, before + text, (), source=f"/library/{name}")
    span = Span(len(before), len(before) + len(text))
    section = Section(0, "Works", ("Works",), span)
    passage = Passage(name, 0, 0, span, (span,), kind, title if context is None else context)
    return Evidence(document, section, passage, score, {"dense": score})


def kept(*items: Evidence) -> list[str]:
    return [item.document.id for item in collapse(items)[0]]


def test_the_best_one_stays_and_names_the_others() -> None:
    first = evidence(LONG_TEXT, "b.txt", before="Much else. ", score=0.9)
    other = evidence("A pier is not a mole.", "c.txt", score=0.8)
    copy = evidence(
        LONG_TEXT.replace("council", "coun-\ncil").replace("’", "'"), "a.txt", title="Carrow again", score=0.7
    )
    again = evidence(LONG_TEXT.upper(), "d.txt", score=0.6)
    left, cuts = collapse([first, other, copy, again])
    assert [item.document.id for item in left] == ["b.txt", "c.txt"]
    assert [(c.document_id, c.title, c.source, c.span) for c in left[0].copies] == [
        ("a.txt", "Carrow again", "/library/a.txt", copy.passage.span),
        ("d.txt", "Carrow", "/library/d.txt", again.passage.span),
    ]
    assert left[0].copies[1].similarity == 1.0 > left[0].copies[0].similarity >= 0.8
    assert replace(left[0], copies=()) == first
    assert left[1] is other
    assert [(cut.document_id, cut.reason, cut.score) for cut in cuts] == [
        ("a.txt", CutReason.COPY, 0.7),
        ("d.txt", CutReason.COPY, 0.6),
    ]
    assert cuts[0].label == "Carrow again › Works"
    assert cuts[0].detail == "copy of Carrow › Works"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("300 tons", "200 tons"),
        ("300 tons", "−300 tons"),
        ("Carrow", "Hollin"),
        ("in spring", "in autumn"),
        ("spring", "spring 1904"),
        ("was opened", "was not opened"),
        ("have used", "haven't used"),
        ("ships", "no ships"),
        ("after the ground", "before the ground"),
        ("opened", "closed"),
        ("northern", "southern"),
        ("coal and grain", "coal and sugar"),
        ("by the council", "by the council and Ada Lovelace"),
    ],
)
def test_a_difference_that_matters_keeps_both(old: str, new: str) -> None:
    assert LONG_TEXT.count(old) == 1
    changed = LONG_TEXT.replace(old, new)
    assert _resemblances([text.split() for text in (LONG_TEXT, changed)])[0, 1] > 0.8
    assert kept(evidence(LONG_TEXT, "a.txt"), evidence(changed, "b.txt")) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("timber,", "timber"), ("the timber", "timber"), ("drained,", "drained –"), ("whole of the", "whole of")],
)
def test_a_difference_that_does_not_matter_keeps_one(old: str, new: str) -> None:
    changed = LONG_TEXT.replace(old, new)
    assert kept(evidence(LONG_TEXT, "a.txt"), evidence(changed, "b.txt")) == ["a.txt"]


def test_what_only_the_best_one_says_is_not_lost_and_what_only_another_says_is_kept() -> None:
    more = f"{LONG_TEXT} It cost 12,000 pounds."
    assert kept(evidence(more, "a.txt"), evidence(LONG_TEXT, "b.txt")) == ["a.txt"]
    assert kept(evidence(LONG_TEXT, "a.txt"), evidence(more, "b.txt")) == ["a.txt", "b.txt"]
    refused = f"{LONG_TEXT} The council never paid."
    assert kept(evidence(refused, "a.txt"), evidence(LONG_TEXT, "b.txt")) == ["a.txt", "b.txt"]


def test_short_passages_and_rows_depend_on_where_they_stand() -> None:
    short = "It has 500 members."
    assert kept(evidence(short, "a.txt", title="Choir"), evidence(short, "b.txt", title="Club", before="Well. ")) == [
        "a.txt",
        "b.txt",
    ]
    assert kept(evidence(short, "a.txt"), evidence(short, "b.txt", before="Well. ")) == ["a.txt"]
    row = evidence(LONG_TEXT, "a.txt", context="Piers of 1904", kind=PassageKind.ROW)
    assert kept(row, evidence(LONG_TEXT, "b.txt", context="Moles", kind=PassageKind.ROW, before="x ")) == [
        "a.txt",
        "b.txt",
    ]
    assert kept(row, evidence(LONG_TEXT, "b.txt", context="piers of 1904", kind=PassageKind.ROW, before="x ")) == [
        "a.txt"
    ]


def test_the_same_file_twice_is_a_copy_whatever_it_is_called() -> None:
    assert kept(evidence("Yes.", "a.txt", title="Report 1"), evidence("Yes.", "b.txt", title="Report 2")) == ["a.txt"]


def test_the_same_words_about_another_year_are_not() -> None:
    one, other = (evidence(LONG_TEXT, f"{n}.txt", title=f"Report of {n}", before=f"{n} ") for n in (2019, 2020))
    assert kept(one, other) == ["2019.txt", "2020.txt"]


def test_copies_of_copies_are_all_named() -> None:
    inner = collapse([evidence(LONG_TEXT, "b.txt"), evidence(LONG_TEXT, "c.txt", before="x ")])[0][0]
    (left,), _ = collapse([evidence(LONG_TEXT, "a.txt", before="y "), inner])
    assert [copy.document_id for copy in left.copies] == ["b.txt", "c.txt"]


def test_nothing_and_nothing_but_marks() -> None:
    assert collapse([]) == ([], [])
    assert kept(evidence("…", "a.txt", title="A"), evidence("—", "b.txt", title="B", before="x ")) == ["a.txt", "b.txt"]


words = st.lists(st.sampled_from(["pier", "mole", "silt", "ship", "a"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, min_size=1, max_size=6))
def test_resemblance_is_the_jaccard_similarity_of_shingles(texts: list[list[str]]) -> None:
    def shingles(text: list[str]) -> set[tuple[str, ...]]:
        if len(text) < LONG:
            return {("short", *text)}
        return {tuple(text[i : i + SHINGLE]) for i in range(len(text) - SHINGLE + 1)}

    sets = [shingles(text) for text in texts]
    expected = [[len(one & other) / len(one | other) for other in sets] for one in sets]
    pairs = np.triu_indices(len(texts), 1)
    np.testing.assert_allclose(_resemblances(texts)[pairs], np.array(expected)[pairs])
