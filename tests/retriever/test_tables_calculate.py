"""Table operations on hand-worked tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.retriever.tables import calculate, recompute, views
from odqa.schema import Calculation, Document

REPORT = [
    ["(in millions)", "2019", "2018", "2017"],
    ["Revenue", "$4,500", "$4,000", "$3,200"],
    ["Cost of sales (2)", "(1,250.5)", "(1,100.0)", "(900)"],
    ["Licence income", "–", "12", "n/a"],
    ["Total", "3,249.5", "2,912", "2,300"],
    ["Gross margin", "27.8%", "27.5%", "28.1%"],
]
RACE = [
    ["Rank", "Athlete", "Country", "Time", "Points"],
    ["1", "Ada Quill", "Norland", "1:59.80", "12"],
    ["T-2", "Bo Finch", "Sudmark", "2:01.15", "9"],
    ["T-2", "Cy Marsh", "Norland", "2:01.15", "9"],
    ["4", "Di Holm", "Sudmark", "2:04.00", "5"],
    ["–", "Ed Pike", "Norland", "DNF", "–"],
    ["", "Total", "", "", "35"],
]
BRIDGES = [
    ["Bridge", "Town", "Length (m)", "Opened"],
    ["Old Span", "Arden", "120", "1874"],
    ["Iron Arch", "Brook", "310", "1902"],
    ["Long Deck", "Arden", "1,150", "1968"],
    ["Harbour Link", "Cove", "975", "2004"],
]
TWO_LEVELS = [
    ["", "Domestic", "", "International", ""],
    ["£m", "2019", "2018", "2019", "2018"],
    ["Passengers", "40", "32", "15", "20"],
    ["Freight", "8", "10", "6", "3"],
]
GROUPS = [
    ["", "2019", "2018"],
    ["Current assets", "", ""],
    ["Receivables", "50", "40"],
    ["Other", "7", "9"],
    ["", "57", "49"],
    ["Non-current assets", "", ""],
    ["Receivables", "5", "6"],
    ["Other", "2", "1"],
    ["", "7", "7"],
]


def document(rows: Sequence[Sequence[str]], header_rows: int = 1, caption: str = "") -> Document:
    builder = DocumentBuilder("report", title="Yearbook")
    builder.paragraph("Figures of the year.")
    builder.caption(caption)
    builder.table(rows, header_rows=header_rows)
    return builder.build()


def asked(question: str, rows: Sequence[Sequence[str]], header_rows: int = 1, caption: str = "") -> Calculation | None:
    source = document(rows, header_rows, caption)
    found = [each for view in views(source) for each in calculate(question, view)]
    assert all(recompute(each, source) for each in found)
    return max(found, key=lambda each: each.confidence, default=None)


def value(question: str, rows: Sequence[Sequence[str]], header_rows: int = 1, caption: str = "") -> object:
    found = asked(question, rows, header_rows, caption)
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("question", "operation", "result", "unit"),
    [
        ("What is the change in revenue from 2018 to 2019?", "difference", 500.0, "$ million"),
        ("What was the percentage change in revenue between 2018 and 2019?", "change", 12.5, "%"),
        ("What was the percentage decrease in cost of sales in 2019?", "change", 100 * 150.5 / 1100, "%"),
        ("What is the average revenue from 2017 to 2019?", "mean", 3900.0, "$ million"),
        ("What was the total cost of sales for 2018 and 2019?", "sum", -2350.5, "$ million"),
        ("What was the change in gross margin between 2018 and 2019?", "difference", 0.3, "percentage points"),
        ("In which year was revenue the lowest?", "minimum", "2017", "$ million"),
        ("How many years did revenue exceed $3,500 million?", "count", 2.0, ""),
        ("How many years did revenue exceed $3.9 billion?", "count", 2.0, ""),
        ("In which years was revenue more than 3,500?", "filter", "2018; 2019", ""),
        ("Was revenue higher in 2018 or 2019?", "compare", "2019", ""),
        ("What was revenue in 2018?", "lookup", 4000.0, "$ million"),
    ],
)
def test_operations_over_years(question: str, operation: str, result: object, unit: str) -> None:
    found = asked(question, REPORT)
    assert found is not None
    assert (found.operation, found.unit) == (operation, unit)
    assert found.value == (pytest.approx(result) if isinstance(result, float) else result)


def test_the_sentence_shows_the_cells_as_they_are_written_and_the_computation() -> None:
    source = document(REPORT)
    (found,) = calculate("What was the percentage change in revenue from 2018 to 2019?", next(views(source)))
    assert found.statement == "The change in Revenue from 2018 to 2019 is 12.5 % ($4,500 against $4,000)."
    assert [span.of(source.text) for span in found.cells] == ["$4,500", "$4,000"]


@pytest.mark.parametrize(
    ("question", "operation", "result"),
    [
        ("Who had the fastest time?", "minimum", "Ada Quill"),
        ("Which athlete scored the most points?", "maximum", "Ada Quill"),
        ("Which country had the most points?", "maximum", "Norland"),
        ("Who had the fewest points?", "minimum", "Di Holm"),
        ("How many athletes have more than 8 points?", "count", 3.0),
        ("How many athletes are from Norland?", "count", 3.0),
        ("What is the average of the points?", "mean", 8.75),
        ("Did Ada Quill have more points than Di Holm?", "compare", "Ada Quill"),
        ("How many more points did Ada Quill have than Di Holm?", "difference", 7.0),
        ("What are the total points of the athletes from Norland?", "sum", 21.0),
    ],
)
def test_operations_over_rows(question: str, operation: str, result: object) -> None:
    found = asked(question, RACE, caption="Final of the 800 metres")
    assert found is not None
    assert (found.operation, found.value) == (operation, result)


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("Which is the longest bridge?", "Long Deck"),
        ("What is the shortest bridge?", "Old Span"),
        ("What is the second longest bridge?", "Harbour Link"),
        ("Which bridge in Arden is the shortest?", "Old Span"),
        ("Which is the oldest bridge?", "Old Span"),
        ("Which bridge was opened the latest?", "Harbour Link"),
        ("Which bridges are longer than 300 m?", "Iron Arch; Long Deck; Harbour Link"),
        ("Which bridges were opened before 1900?", "Old Span"),
        ("How many bridges were opened after 1902?", 2.0),
        ("How many bridges are there in Arden?", 2.0),
        ("What is the total length of the bridges?", 2555.0),
        ("What is the average length of the bridges in Arden?", 635.0),
        ("How much longer is Long Deck than Iron Arch?", 840.0),
        ("When was Iron Arch opened?", 1902.0),
    ],
)
def test_adjectives_name_the_column_that_they_measure_by(question: str, result: object) -> None:
    assert value(question, BRIDGES) == result


def test_a_tie_names_both() -> None:
    found = asked("Who was second fastest?", RACE)
    assert found is not None
    assert found.value == "Bo Finch and Cy Marsh"
    assert "a tie of 2" in found.statement


def test_rows_of_totals_are_not_added_to_what_they_sum_up() -> None:
    assert value("What is the total of points?", RACE) == 35.0
    without = [row for row in RACE if row[1] != "Total"]
    assert value("What is the total of points?", without) == 35.0
    assert value("Which athlete has the most points?", RACE) == "Ada Quill"


@pytest.mark.parametrize(
    "question",
    [
        "What was the change in licence income from 2018 to 2019?",
        "What is the average licence income for 2017 and 2018?",
        "Was licence income higher in 2018 or 2019?",
    ],
)
def test_missing_values_are_no_zeros(question: str) -> None:
    assert asked(question, REPORT) is None


def test_headers_over_several_columns_tell_them_apart() -> None:
    assert value("What is the change in domestic passengers from 2018 to 2019?", TWO_LEVELS, 2) == 8.0
    assert value("What is the change in international passengers from 2018 to 2019?", TWO_LEVELS, 2) == -5.0
    found = asked("What is the difference between domestic and international freight in 2019?", TWO_LEVELS, 2)
    assert found is not None
    assert (found.value, found.unit) == (2.0, "£ million")


def test_group_labels_tell_rows_of_the_same_name_apart() -> None:
    assert value("What was the change in non-current receivables from 2018 to 2019?", GROUPS) == -1.0
    assert value("What was the change in total non-current assets from 2018 to 2019?", GROUPS) == 0.0


def test_where_two_rows_fit_equally_nothing_is_shown() -> None:
    assert asked("What was the change in other from 2018 to 2019?", GROUPS) is None


def test_years_in_rows_are_series_too() -> None:
    rows = [["Year", "Visitors", "Shows"], ["2017", "900", "12"], ["2018", "1,100", "10"], ["2019", "1,000", "14"]]
    assert value("What was the change in visitors from 2017 to 2019?", rows) == 100.0
    assert value("In which year were visitors the highest?", rows) == "2018"
    assert value("What is the average of visitors from 2017 to 2019?", rows) == 1000.0


def test_fiscal_years_of_two_years_are_one_period() -> None:
    rows = [["€ million", "2017/2018", "2018/2019"], ["Interest income", "136", "119"]]
    found = asked("What was the change in interest income in 2018/2019 from 2017/2018?", rows)
    assert found is not None
    assert (found.value, found.unit) == (-17.0, "€ million")


def test_ratios_divide_what_is_named_first_unless_the_whole_is() -> None:
    rows = [["In 2019", "Tonnes"], ["Domestic waste", "30"], ["Waste of all kinds", "120"]]
    assert value("What is domestic waste as a percentage of waste of all kinds?", rows) == 25.0
    assert value("What percentage of waste of all kinds is domestic waste?", rows) == 25.0
    assert value("What is the ratio of waste of all kinds to domestic waste?", rows) == 4.0


def test_a_table_without_header_is_read_by_its_labels() -> None:
    rows = [["Harbour dues", "120"], ["Ferry fares", "80"], ["Crane hire", "40"]]
    assert value("What is the difference between harbour dues and crane hire?", rows, 0) == 80.0


def test_a_header_half_way_begins_another_table() -> None:
    rows = [
        ["Currency", "FY 2019", "FY 2018"],
        ["Dollar", "70.07", "64.49"],
        ["Growth", "2019 (%)", "2018 (%)"],
        ["Business", "11.4", "6.7"],
    ]
    found = asked("What was the change in business growth from 2018 to 2019?", rows)
    assert found is not None
    assert (found.value, found.unit) == (4.7, "percentage points")


def test_units_that_differ_are_not_reckoned_together() -> None:
    rows = [["", "2019", "2018"], ["Water use", "12 km", "10 kg"]]
    assert asked("What was the change in water use from 2018 to 2019?", rows) is None


def test_words_of_a_label_are_no_operation() -> None:
    rows = [["", "2019", "2018"], ["Net decrease in cash", "(40)", "(7)"], ["Average fare", "3.0", "2.5"]]
    found = asked("What was the net decrease in cash in 2019?", rows)
    assert found is None or found.operation == "lookup"
    assert value("What was the change in the average fare from 2018 to 2019?", rows) == 0.5


@pytest.mark.parametrize(
    "question",
    [
        "What is the change in the population of Paris from 2018 to 2019?",
        "What was the change in revenue from 2011 to 2012?",
        "Who is the captain of the longest ship that Ada Quill built?",
        "How many employees of the railway live in the largest city?",
        "What is the average difference between revenue and cost of sales from 2017 to 2019?",
        "What is the meaning of life?",
        "",
        "?",
        "change " * 400,
    ],
)
def test_questions_that_a_table_does_not_answer_get_nothing(question: str) -> None:
    assert [asked(question, rows) for rows in (REPORT, RACE, BRIDGES)] == [None, None, None]


@pytest.mark.parametrize(
    "rows",
    [
        [["only"]],
        [["a", "b"], ["c"]],
        [["2019"], ["2018", "1", "2", "3"]],
        [["", "2019"], ["", ""], ["Revenue", ""]],
        [["Revenue", "Revenue"], ["Revenue", "Revenue"], ["Revenue", "1"]],
    ],
)
def test_malformed_tables_are_no_trouble(rows: list[list[str]]) -> None:
    for header_rows in range(len(rows) + 1):
        for question in ("What is the change in revenue from 2018 to 2019?", "Which has the most revenue?"):
            assert asked(question, rows, header_rows) is None


def tampered(source: Document, calculation: Calculation) -> list[Document]:
    """Return the document with one digit of one cited cell changed, for every such digit."""
    places = [
        at
        for span in calculation.cells
        for at in range(*span)
        if source.text[at].isascii() and source.text[at].isdigit()
    ]
    changed = [str((int(source.text[at]) + 1) % 10) for at in places]
    return [
        replace(source, text=source.text[:at] + digit + source.text[at + 1 :])
        for at, digit in zip(places, changed, strict=True)
    ]


@pytest.mark.parametrize(
    ("rows", "question"),
    [
        (REPORT, "What is the change in revenue from 2018 to 2019?"),
        (REPORT, "What was the percentage change in revenue between 2018 and 2019?"),
        (REPORT, "What is the average revenue from 2017 to 2019?"),
        (REPORT, "In which year was revenue the lowest?"),
        (REPORT, "How many years did revenue exceed $3,500 million?"),
        (REPORT, "In which years was revenue more than 3,500?"),
        (REPORT, "Was revenue higher in 2018 or 2019?"),
        (REPORT, "What was revenue in 2018?"),
        (RACE, "Who had the fastest time?"),
        (RACE, "Who had the fewest points?"),
        (RACE, "How many athletes have more than 8 points?"),
        (BRIDGES, "What is the total length of the bridges?"),
        (BRIDGES, "What is the second longest bridge?"),
        (BRIDGES, "How many bridges were opened after 1902?"),
    ],
)
def test_a_changed_digit_is_noticed(rows: list[list[str]], question: str) -> None:
    source = document(rows)
    found = [each for view in views(source) for each in calculate(question, view)]
    assert found
    for calculation in found:
        others = tampered(source, calculation)
        assert others
        assert not any(recompute(calculation, other) for other in others)


def test_what_does_not_follow_is_refused() -> None:
    source = document(REPORT)
    (found,) = calculate("What is the change in revenue from 2018 to 2019?", next(views(source)))
    assert not recompute(replace(found, value=501.0), source)
    assert not recompute(replace(found, cells=found.cells[::-1]), source)
    assert not recompute(replace(found, cells=()), source)
    assert not recompute(replace(found, operation="divination"), source)
    assert not recompute(replace(found, statement=found.statement.replace("$500", "$400")), source)


WORDS = ["Revenue", "Other", "Total", "Cost of sales", "2019", "2018", "FY 2019", "", "–", "n/a", "(5)", "$1,200"]
WORDS += [
    "3.5%",
    "1:02.5",
    "T-2",
    "7",
    "12",
    "1999",
    "4 May 1999",
    "in millions",
    "Norland",
    "(1)",
    "%",
    "12 km",
    "²",
    "٣",
]
QUESTIONS = [
    "What is the change in revenue from 2018 to 2019?",
    "What is the percentage change in other from 2018 to 2019?",
    "Which has the most revenue?",
    "How many have a revenue of more than 3?",
    "What is the average revenue for both years?",
    "What is cost of sales as a percentage of revenue in 2019?",
    "In which year was the total highest?",
    "What is the total of revenue?",
    "What is the difference between revenue and other?",
    "Is revenue higher than other?",
    "How many are from Norland?",
]


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), min_size=1, max_size=7),
    header_rows=st.integers(0, 3),
    question=st.one_of(st.sampled_from(QUESTIONS), st.text(max_size=60)),
)
def test_any_table_and_question_give_only_what_follows(rows: list[list[str]], header_rows: int, question: str) -> None:
    source = document(rows, header_rows)
    for view in views(source):
        for calculation in calculate(question, view, min_confidence=0.0, limit=20):
            assert 0.0 <= calculation.confidence <= 1.0 + 1e-9
            assert recompute(calculation, source), calculation


def test_a_row_that_holds_the_sums_is_a_total_whatever_it_is_called() -> None:
    rows = [
        ["Phase", "Budget", "Actual"],
        ["Harbour wall", "100", "120"],
        ["Pier", "250", "310"],
        ["Lighthouse", "75", "70"],
        ["Whole scheme", "425", "500"],
    ]
    builder = DocumentBuilder("scheme", title="The scheme")
    builder.table(rows)
    (view,) = views(builder.build())
    assert [row.total for row in view.rows] == [False, False, False, True]
    (mean, *_) = calculate("What is the average actual of the phases?", view)
    assert mean.value == pytest.approx(500 / 3)
    (total, *_) = calculate("What was the total budget of all phases?", view)
    assert total.value == 425


def test_rows_that_happen_to_add_up_are_no_total() -> None:
    builder = DocumentBuilder("teams", title="Teams")
    builder.table([["Team", "Wins"], ["Carrow", "1"], ["Dunmere", "2"], ["Hollin", "4"], ["Jarrow", "7"]])
    (view,) = views(builder.build())
    assert not any(row.total for row in view.rows)
