"""Evidence that disagrees is found, and evidence that only looks alike is not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.hashing import HashingEncoder
from odqa.retriever.conflicts import find_conflicts
from odqa.retriever.versions import document_date
from odqa.schema import Document, Evidence
from odqa.schema.evidence import Conflict, ConflictKind


def document(name: str, title: str, *paragraphs: str, **metadata: str) -> Document:
    builder = DocumentBuilder(name, title=title, source=name)
    for paragraph in paragraphs:
        builder.paragraph(paragraph)
    return builder.build(metadata)


def evidence(*documents: Document) -> list[Evidence]:
    found = []
    for each in documents:
        parsed = parse(each, HashingEncoder().count_tokens)
        found += [Evidence(each, parsed.sections[p.section], p, 1.0) for p in parsed.passages]
    return found


def conflicts(*documents: Document) -> list[Conflict]:
    return list(dict.fromkeys(c for item in find_conflicts(evidence(*documents)) for c in item.conflicts))


def pair(first: str, second: str, title: str = "Linden Bridge") -> list[Conflict]:
    return conflicts(document("a.txt", title, first), document("b.txt", title, second))


def test_two_figures_for_one_quantity() -> None:
    newspaper = document(
        "news-2020-03-01.txt", "News", "The repair of the Linden Bridge cost 2.6 million euros in all."
    )
    report = document("report.txt", "Report", "The repair of the Linden Bridge cost 2.4 million euros.", date="2020-06")
    (found,) = conflicts(newspaper, report)
    assert found.kind is ConflictKind.FIGURE
    assert [(side.date, side.value) for side in found.sides] == [
        ("2020-06", "2.4 million euros"),
        ("2020-03-01", "2.6 million euros"),
    ]
    for side, source in zip(found.sides, (report, newspaper), strict=True):
        assert side.span.of(source.text) == source.text
    assert found.subject == "repair Linden Bridge cost"


def test_every_piece_that_is_a_side_is_marked_and_no_other() -> None:
    some = evidence(
        document("a.txt", "News", "The repair of the Linden Bridge cost 2.6 million euros."),
        document("b.txt", "Report", "The repair of the Linden Bridge cost 2.4 million euros."),
        document("c.txt", "Diary", "It rained on the Linden Bridge."),
    )
    assert [bool(item.conflicts) for item in find_conflicts(some)] == [True, True, False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Rounding, and the same number in other words.
        ("The repair of the Linden Bridge cost 2.4 million euros.", "The repair of the Linden Bridge cost €2,410,000."),
        ("Linden Bridge carries 12,000 people.", "The Linden Bridge carries 12,049 people."),
        # Another year, another subject, another quantity.
        ("In 2019 the Linden Bridge earned 400,000 euros.", "In 2020 the Linden Bridge earned 450,000 euros."),
        (
            "The repair of the Linden Bridge cost 2.4 million euros.",
            "The repair of the Oak Bridge cost 3 million euros.",
        ),
        (
            "The planned cost of Linden Bridge was 2 million euros.",
            "The actual cost of Linden Bridge was 3 million euros.",
        ),
        ("The first pier of Linden Bridge is 9 metres.", "The second pier of Linden Bridge is 7 metres."),
        ("The width of Linden Bridge is 9 metres.", "The width of Linden Bridge is 30 feet."),
        # Bounds and ranges.
        ("The Linden Bridge carries at least 900 people.", "The Linden Bridge carries 1,200 people."),
        # What happens more than once.
        ("The Linden Bridge was inspected on 4 March 2019.", "The Linden Bridge was inspected on 9 May 2019."),
        # A year, and a day in it.
        ("The Linden Bridge was opened in 2020.", "The Linden Bridge was opened on 9 February 2020."),
    ],
)
def test_what_only_looks_like_a_conflict(first: str, second: str) -> None:
    assert pair(first, second) == []


def test_the_company_is_whoever_the_document_is_about() -> None:
    told = "The company distributed dividends of {} million euros to its shareholders."
    apart = document("a.txt", "Alder Mills", told.format(4)), document("b.txt", "Corran Shipping", told.format(9))
    assert conflicts(*apart) == []
    together = document("a.txt", "Alder Mills", told.format(4)), document("b.txt", "Alder Mills", told.format(9))
    assert [found.kind for found in conflicts(*together)] == [ConflictKind.FIGURE]


def test_two_dates_for_what_happens_once() -> None:
    (found,) = pair(
        "The Linden Bridge was opened on 9 February 2020 by the mayor.",
        "The Linden Bridge was opened on 11 February 2020 by the mayor.",
    )
    assert found.kind is ConflictKind.DATE
    assert {side.value for side in found.sides} == {"9 February 2020", "11 February 2020"}


def test_rows_of_a_table_are_alike_by_design() -> None:
    builder = DocumentBuilder("costs.csv", title="Costs")
    builder.table(
        [["Bridge", "Cost"], ["Linden Bridge repair", "2 million euros"], ["Linden Bridge repair", "3 million euros"]],
        header_rows=1,
    )
    assert conflicts(builder.build()) == []


BODY = "Every pier is inspected twice a year by an engineer of the town, who writes down what he sees and signs it. {}"


def test_a_later_version_comes_first() -> None:
    some = [
        document("rules-v1.md", "Inspection rules v1.2", BODY.format("Divers are not needed.")),
        document("rules-v2.md", "Inspection rules v1.10", BODY.format("Divers are needed in winter.")),
    ]
    (found,) = conflicts(*some)
    assert found.kind is ConflictKind.VERSION
    assert [side.value for side in found.sides] == ["Inspection rules v1.10", "Inspection rules v1.2"]
    assert found.subject == "inspection rules"


def test_versions_by_date_and_by_draft() -> None:
    (found,) = conflicts(
        document("a.md", "Inspection rules (draft)", BODY.format("Old."), date="2018-01-02"),
        document("b.md", "Inspection rules, revised 2019", BODY.format("New.")),
    )
    assert [side.date for side in found.sides] == ["2019", "2018-01-02"]


def test_documents_of_one_series_are_no_versions() -> None:
    assert conflicts(
        document("a.md", "Annual report 2018", "The mill burned down and nobody was hurt, but the wool was lost."),
        document("b.md", "Annual report 2019", "A new mill of brick was begun in spring and roofed before the frost."),
    ) == []  # fmt: skip


def test_the_same_document_twice_is_a_copy_and_no_conflict() -> None:
    assert conflicts(document("a.md", "Rules 2018", BODY), document("b.md", "Rules 2018", BODY)) == []


@pytest.mark.parametrize(
    ("name", "title", "metadata", "date"),
    [
        ("notes.txt", "Notes", {"Published": "4 March 2019"}, "2019-03-04"),
        ("minutes-2021-05.txt", "Minutes", {}, "2021-05"),
        ("notes.txt", "Accounts of 1994", {}, "1994"),
        ("notes.txt", "Notes", {"date": "soon"}, ""),
    ],
)
def test_when_a_document_was_written(name: str, title: str, metadata: dict[str, str], date: str) -> None:
    assert document_date(document(name, title, "Text.", **metadata)) == date


SENTENCES = [
    "The repair of the Linden Bridge cost 2.4 million euros.",
    "The repair of the Linden Bridge cost 2.6 million euros.",
    "The Linden Bridge was opened on 9 February 2020.",
    "The Linden Bridge was opened on 1 May 2021.",
    "It rained.",
]


@given(st.permutations(range(len(SENTENCES))))
def test_the_order_of_the_evidence_changes_nothing_but_the_order(order: Sequence[int]) -> None:
    some = [document(f"{n}.txt", f"Paper {n}", text) for n, text in enumerate(SENTENCES)]
    found = conflicts(*(some[n] for n in order))
    sides = {(c.kind, frozenset(side.document_id for side in c.sides)) for c in found}
    assert sides == {
        (ConflictKind.FIGURE, frozenset({"0.txt", "1.txt"})),
        (ConflictKind.DATE, frozenset({"2.txt", "3.txt"})),
    }


def test_nothing_disagrees_with_nothing() -> None:
    assert find_conflicts([]) == []
