"""What holds for the links of any text: spans spell names, the longest win, rows survive being cut and joined."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import data_folder, load_dataset
from odqa.errors import LoadError
from odqa.index.links.addresses import KEYS, document_keys, target_keys
from odqa.index.links.graph import LinkGraph
from odqa.index.links.mentions import longest
from odqa.index.links.names import name_runs, names_of
from odqa.index.links.rows import LinkRows, check_rows, cut, empty, join
from odqa.index.links.storage import read_rows
from odqa.index.links.words import BREAK, LONGEST, Lexicon, find_keys, grams, normal, run_keys
from odqa.index.snapshot import Snapshot
from odqa.schema import Document, LinkKind
from tests.linked import everywhere, links_of, page

TITLES = [
    "The Old Mill", "Farholt", "New Farholt", "New Farholt Bridge", "J. R. Hollin", "Mercury (planet)", "Love",
    "Expense policy", "Carrow, Dunmere", "Zoë Müller", "U.S. Route 6", "Night", "Ivelton & Sons", "1996 Games",
]  # fmt: skip
WORDS = [
    "the",
    "of",
    "in",
    "New",
    "Old",
    "Night",
    "love",
    "Love",
    "bridge",
    "route",
    "6",
    "Müller",
    "Zoe",
    "and",
    "Sons",
]
GAPS = [" ", ", ", ". ", "'s ", "-", "\n\n", " (", ") ", "; ", " – "]


def spelled(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which they are compared, by a way of its own."""
    return tuple(normal(word) for word in "".join(c if c.isalnum() else " " for c in text).split())


def check_titles(snapshot: Snapshot, graph: LinkGraph) -> int:
    """Every mention of a title spells a name of the document that it leads to."""
    edges = graph.out(everywhere(snapshot), {LinkKind.TITLE})
    owner = np.searchsorted(snapshot.first_passage, edges.source, side="right") - 1
    for source, target, start, end, weight, passage in zip(
        owner.tolist(), edges.document.tolist(), edges.start, edges.end, edges.weight, edges.source, strict=True
    ):
        document, named = snapshot.document(source), snapshot.document(target)
        names = {spelled(name) for name, _ in names_of(named.title, named.metadata, named.text[:400])}
        assert spelled(document.text[start:end]) in names
        inside = snapshot.parsed(source).passages[int(passage) - int(snapshot.first_passage[source])].span
        assert inside.start <= start < end <= inside.end
        assert source != target
        assert 0 < weight <= 1
    return len(edges)


@st.composite
def texts(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.tuples(st.sampled_from(TITLES + WORDS), st.sampled_from(GAPS)), min_size=1, max_size=30))
    return "".join(word + gap for word, gap in pieces)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts(), min_size=1, max_size=len(TITLES)))
def test_spans_of_titles_spell_names_of_their_targets(tmp_path: Path, written: list[str]) -> None:
    documents = [
        page(title, title, *(written[number].split("\n\n") if number < len(written) else ()))
        for number, title in enumerate(TITLES)
    ]
    check_titles(*links_of(tmp_path / str(abs(hash(tuple(written)))), *documents))


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("hotpot300", 40), ("musique100", 40)])
def test_spans_of_titles_spell_names_in_real_text(tmp_path: Path, name: str, least: int) -> None:
    try:
        documents = list(islice(load_dataset(name, data=data_folder(), split="dev").documents(), 400))
    except LoadError as error:
        pytest.skip(str(error))
    assert check_titles(*links_of(tmp_path, *documents)) >= least


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60) | texts())
def test_words_stand_where_they_are_said_to(text: str) -> None:
    words = Lexicon().words(["Qx", text, "", text])
    assert words.first[0] == 0
    assert words.first[-1] == len(words.name) == len(words.flags)
    again = words.first[3] - words.first[2]
    assert again == 0
    spans = zip(words.start.tolist(), words.end.tolist(), strict=True)
    own = list(spans)[int(words.first[1]) : int(words.first[2])]
    assert all(text[start:end] and not text[start:end].isspace() for start, end in own)
    assert all(a[1] <= b[0] for a, b in pairwise(own))
    second = slice(int(words.first[3]), int(words.first[4]))
    assert words.name[second].tolist() == words.name[int(words.first[1]) : int(words.first[2])].tolist()
    assert all(
        words.flags[first] & BREAK
        for first, last in zip(words.first[:-1], words.first[1:], strict=True)
        if first < last
    )


@settings(max_examples=40, deadline=None)
@given(texts())
def test_runs_of_words_have_the_names_that_are_computed_one_by_one(text: str) -> None:
    words = Lexicon().words([text])
    for size, at, keys in grams(words.name, words.flags):
        assert keys.tolist() == run_keys(words.name, words.flags, at, np.full(len(at), size)).tolist()
        for first in at.tolist():
            assert not (words.flags[first + 1 : first + size] & BREAK).any()


@settings(max_examples=40, deadline=None)
@given(texts())
def test_names_begin_and_end_with_words_that_names_are_made_of(text: str) -> None:
    words = Lexicon().words([text])
    first, count = name_runs(words.flags)
    assert len({*zip(first.tolist(), count.tolist(), strict=True)}) == len(first)
    for low, size in zip(first.tolist(), count.tolist(), strict=True):
        name = text[words.start[low] : words.end[low + size - 1]]
        assert 1 <= size <= LONGEST
        assert any(c.isupper() for c in name)
        assert not {name.split()[0], name.split()[-1]} & {"the", "of", "in", "The", "and"}
        assert "\n" not in name
        assert ";" not in name


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, LONGEST)), unique=True, max_size=25))
def test_the_longest_runs_win(candidates: list[tuple[int, int]]) -> None:
    taken: set[int] = set()
    expected = set()
    for at, size in sorted(candidates, key=lambda c: (-c[1], c[0])):
        if not taken & set(range(at, at + size)):
            taken |= set(range(at, at + size))
            expected.add((at, size))
    places = np.array(candidates, np.int64).reshape(-1, 2)
    keep = longest(30, places[:, 0], places[:, 1])
    assert {(int(at), int(size)) for at, size in places[keep]} == expected


@given(st.lists(st.integers(0, 50), unique=True).map(sorted), st.lists(st.integers(0, 60)))
def test_keys_are_found_where_they_are(known: list[int], wanted: list[int]) -> None:
    rows, place = find_keys(np.array(known, np.uint64), np.array(wanted, np.uint64))
    assert [(wanted[row], known[at]) for row, at in zip(rows, place, strict=True)] == [
        (w, w) for w in wanted if w in known
    ]


def equal(one: LinkRows, other: LinkRows) -> bool:
    pairs = zip(one.arrays().values(), other.arrays().values(), strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def linking(number: int) -> Document:
    builder = DocumentBuilder(f"{number}.md", title=TITLES[number])
    for other in range(number):
        builder.paragraph(f"It is by {TITLES[other]} and here.", [(0, 2, f"{other}.md")])
    return builder.build()


def test_rows_survive_being_cut_and_joined(tmp_path: Path) -> None:
    snapshot, _ = links_of(tmp_path, *map(linking, range(len(TITLES))))
    (path,) = (snapshot.index / "links").iterdir()
    whole = read_rows(path)
    check_rows(empty())
    assert equal(join([]), empty())
    for middle in range(len(TITLES) + 1):
        parts = [cut(whole, 0, middle), cut(whole, middle, len(TITLES))]
        assert equal(join(parts), whole)
        small = [join([part]) for part in parts]  # Each with a vocabulary of its own.
        for part in small:
            check_rows(part)
        assert equal(join(small), whole)


@pytest.mark.parametrize(
    ("target", "source", "address"),
    [
        ("b.md", "/d/a.md", "/d/b.md"),
        ("../b.md", "/d/e/a.md", "/d/b.md"),
        ("b.md", "https://x.org/d/a.html", "https://x.org/d/b.md"),
        ("/b", "https://x.org/d/a.html", "http://www.x.org/b/"),
        ("b%20c.md", "/d/a.md", "/d/b c.md"),
        ("Doha_(town)", "wiki/A", "wiki/Doha (town)"),
        ("https://X.org/b/index.html", "/d/a.md", "https://x.org/b"),
        ("https://x.org/b?page=2", "/d/a.md", "https://x.org/b?page=2"),
        ("records.jsonl#7", "/d/a.md", "/d/records.jsonl#7"),
        ("b\\c.md", "C:\\d\\a.md", "C:\\d\\b\\c.md"),
        ("http://[", "/d/a.md", "http://["),
    ],
)
def test_targets_and_addresses_meet(target: str, source: str, address: str) -> None:
    assert document_keys("id", address, {}) & set(target_keys(target, source, "a"))


@pytest.mark.parametrize(("target", "address"), [("https://x.org/b?page=2", "https://x.org/b"), ("b.md", "/e/b.md")])
def test_targets_and_other_addresses_do_not_meet(target: str, address: str) -> None:
    assert not document_keys("id", address, {}) & set(target_keys(target, "/d/a.md", "/d/a.md"))


@given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_target_is_too_strange(target: str, source: str, id_: str) -> None:
    assert len(target_keys(target, source, id_)) == KEYS
    assert all(0 <= key < 1 << 64 for key in target_keys(target, source, id_))
