"""Typed cells: what a cell holds, in what unit, and what its column is of."""

from __future__ import annotations

from itertools import pairwise

import pytest

from odqa.retriever.tables.cells import CellKind, Unit, column_kind, find_unit, read_cell
from odqa.retriever.tables.question import read_question
from odqa.schema import Span


def kind_and_value(text: str) -> tuple[CellKind, float | None]:
    cell = read_cell(text, Span(0, len(text)))
    return cell.kind, cell.value


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,204.5", 1204.5, Unit()),
        ("$(89.7)", -89.7, Unit("$")),
        ("$ (109.3 )", -109.3, Unit("$")),
        ("(8)%", -8.0, Unit("%")),
        ("−136", -136.0, Unit()),
        ("–3.5", -3.5, Unit()),
        ("27.8 %", 27.8, Unit("%")),
        ("€10.5 million", 10.5, Unit("€", "million")),
        ("US$3 bn", 3.0, Unit("US$", "billion")),
        ("1.85 m (6 ft 1 in)", 1.85, Unit("m")),
        ("120 km/h", 120.0, Unit("km/h")),
        ("223.8 (1)", 223.8, Unit()),
        ("4,352[a]", 4352.0, Unit()),
        ("12*", 12.0, Unit()),
    ],
)
def test_a_number_is_read_with_its_sign_and_unit(text: str, value: float, unit: Unit) -> None:
    cell = read_cell(text, Span(0, len(text)))
    assert (cell.kind, cell.value, cell.unit) == (CellKind.NUMBER, value, unit)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1874", CellKind.YEAR, 1874.0),
        ("1:59.80", CellKind.DURATION, 119.8),
        ("1:02:03", CellKind.DURATION, 3723.0),
        ("T-3", CellKind.RANK, 3.0),
        ("1st", CellKind.RANK, 1.0),
        ("67–71", CellKind.TEXT, None),
        ("Ada Quill", CellKind.TEXT, None),
        ("3 of 4", CellKind.TEXT, None),
    ],
)
def test_other_kinds_are_told_from_numbers(text: str, kind: CellKind, value: float | None) -> None:
    assert kind_and_value(text) == (kind, value)


@pytest.mark.parametrize("text", ["", "–", "—", "-", "n/a", "N/A", "$—", "- - %", "nil", "DNF"])
def test_missing_values_are_no_numbers(text: str) -> None:
    assert kind_and_value(text) == (CellKind.MISSING, None)


def test_dates_are_ordered_by_time() -> None:
    texts = ["3 March 1966", "4 May 1966", "December 1, 1966", "2 January 1967"]
    values = [read_cell(text, Span(0, len(text))).value for text in texts]
    assert [kind_and_value(text)[0] for text in texts] == [CellKind.DATE] * 4
    assert all(earlier < later for earlier, later in pairwise(values) if earlier and later)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("(In thousands)", Unit("", "thousand")),
        ("US$’000", Unit("US$", "thousand")),
        ("£m", Unit("£", "million")),
        ("(Dollars in millions)", Unit("$", "million")),
        ("Length (km)", Unit("km")),
        ("Share (%)", Unit("%")),
        ("Margin", Unit()),
        ("RMB’Million", Unit("RMB", "million")),
    ],
)
def test_headers_and_captions_name_units(text: str, unit: Unit) -> None:
    assert find_unit(text) == unit


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1:59.80", "59.91", "2:04.00"], CellKind.DURATION),
        (["1", "T-2", "T-2", "4"], CellKind.RANK),
        (["1874", "1902", "2004"], CellKind.YEAR),
        (["1,874", "1902", "315"], CellKind.NUMBER),
        (["12", "–", "n/a"], CellKind.NUMBER),
        (["Arden", "Brook", "3"], CellKind.TEXT),
        (["–", ""], CellKind.MISSING),
    ],
)
def test_a_column_is_of_the_kind_of_most_of_its_filled_cells(texts: list[str], kind: CellKind) -> None:
    assert column_kind([read_cell(text, Span(0, len(text))) for text in texts]) is kind


@pytest.mark.parametrize(
    ("question", "operation"),
    [
        ("What was the percentage change in revenue from 2018 to 2019?", "change"),
        ("What is the increase / (decrease) in revenue from 2018 to 2019?", "difference"),
        ("What is revenue as a percentage of sales?", "ratio"),
        ("How many years did revenue exceed $3 million?", "count"),
        ("Which bridge is the second longest?", "maximum"),
        ("Who had the fewest points?", "minimum"),
        ("Was revenue higher in 2018 or 2019?", "compare"),
        ("Which bridges are longer than 300 m?", "filter"),
        ("What was the total revenue in 2018 and 2019?", "sum"),
        ("What was revenue in 2018?", "lookup"),
        # A share that the table holds is no ratio to be worked out.
        ("What was the change in the percentage of sales from Asia between 2018 and 2019?", "difference"),
        # `respectively` asks for each, not for their sum.
        ("What was the total revenue in 2018 and 2019 respectively?", "lookup"),
    ],
)
def test_a_question_is_read_for_its_operation(question: str, operation: str) -> None:
    assert read_question(question)[0].operation == operation


@pytest.mark.parametrize(
    "question",
    ["Why did revenue decrease in 2019?", "What was the increase in costs due to?", "How is revenue measured?"],
)
def test_a_question_for_an_explanation_asks_for_no_operation(question: str) -> None:
    assert read_question(question) == []


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which had more than 3,000 votes?", "of more than 3,000"),
        ("Which had at least 20%?", "of at least 20%"),
        ("Which had no more than $5 million?", "of at most $5 million"),
        ("Which was opened before 1900?", "before 1900"),
        ("Which was opened since 1900?", "since 1900"),
    ],
)
def test_thresholds_keep_their_side(question: str, said: str) -> None:
    threshold = read_question(question)[0].threshold
    assert threshold is not None
    assert str(threshold) == said
