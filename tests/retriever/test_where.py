"""Conditions on documents take in what they say, read nothing but columns, and point at their own mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.errors import UsageError
from odqa.index.snapshot import Snapshot
from odqa.retriever.fields import date_in_name, parse_date
from odqa.retriever.where import matching, parse_where
from odqa.schema import Document
from odqa.settings import Settings

SETTINGS = Settings(encoder="hashing", pooling=4, segment_passages=3)

LIBRARY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.md": ("Annual pay", "text/markdown", {"Author": "Ada Lovelace", "date": "2020-05-31", "tags": ["Budget", "x"]}),
    "b.html": ("The annual", "text/html", {"author": ["Ada Lovelace", "M. S."], "published": "2020-06-15T09:00Z"}),
    "2019/c-2019-03-02.pdf": ("Pier", "application/pdf", {"pages": 12, "tags": "budget, harbour", "author": ""}),
    "d.txt": ("Silt", "text/plain", {"date": "2020", "pages": "7", "draft": True, "type": "memo"}),
    "e.txt": ("Report of 2031", "text/plain", {"Meeting Date": "3 April 2018", "type": "report", "pages": 3.5}),
    "f.txt": ("Nothing known", "text/plain", {}),
}  # fmt: skip


def document(name: str) -> Document:
    title, media_type, metadata = LIBRARY[name]
    builder = DocumentBuilder(name, title=title, media_type=media_type)
    builder.metadata.update(metadata)
    builder.paragraph(f"It was written in 1999 that {title} is of no use before 2005.")
    return builder.build()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    index = tmp_path_factory.mktemp("where") / "t.odqa"
    with Engine.build([document(name) for name in LIBRARY], index, settings=SETTINGS) as engine:
        assert len(engine.snapshot.segments) > 1
        yield engine.snapshot


def found(snapshot: Snapshot, where: str) -> str:
    """The first letters of the names of the documents, sorted."""
    return "".join(sorted(Path(snapshot.ids[number]).name[0] for number in matching(snapshot, parse_where(where))))


@pytest.mark.parametrize(
    ("where", "documents"),
    [
        # Texts, lists, and names of fields, without regard to case.
        ('author = "ada lovelace"', "ab"),
        ("AUTHOR = 'Ada  Lovelace'", "ab"),
        ('author != "Ada Lovelace"', ""),
        ('author != "M. S."', "a"),
        ('"meeting date" > 2017', "e"),
        ("meeting-date = 2018-04", "e"),
        ('title ~ "annual"', "ab"),
        ("title !~ annual", "cdef"),
        ('source ~ "2019/"', "c"),
        ("id = F.TXT", "f"),
        ("tags has budget", "ac"),
        ("tags has budget and not tags has x", "c"),
        ("tags not has x", "c"),
        # Types: what the metadata calls it, the media type, and its second half.
        ("type in (report, memo)", "de"),
        ("type = markdown or type = application/pdf", "ac"),
        ("type not in (report, plain)", "abc"),
        # Numbers, also as text.
        ("pages >= 7", "cd"),
        ("pages = 7.0", "d"),
        ("pages < 7", "e"),
        ("draft = true", "d"),
        # Dates: metadata, else the file's name; never the text. A year means all its days.
        ("year = 2020", "abd"),
        ("year >= 2019", "abcd"),
        ("date < 2020-06", "ac"),
        ("date <= 2020-06", "abc"),
        ("date >= 2020", "abd"),
        ("date > 2020-05-31", "b"),
        ("date = 2020-06", "b"),
        ("date in (2019, 2020-06-15)", "bc"),
        ("date != 2020-06", "acd"),
        ('date = "31 May 2020"', "a"),
        ("date ~ c-2019", "c"),
        ("year < 2000", ""),
        # What is missing passes no comparison, only `not` before one.
        ("date is missing", "ef"),
        ("date is not missing", "abcd"),
        ("author is missing", "cdef"),
        ("not year >= 2020", "cef"),
        # and before or; parentheses; nesting.
        ('type = memo or type = report and title ~ "2031"', "de"),
        ('(type = memo or type = report) and title ~ "2031"', "e"),
        ("not (type = memo or type = report) and not date is missing", "abc"),
        ("NOT NOT type = memo", "d"),
        ("metadata.type = plain", ""),
        ("metadata.type = memo", "d"),
        ("pages≥7", "cd"),
    ],
)
def test_conditions_take_in_what_they_say(snapshot: Snapshot, where: str, documents: str) -> None:
    assert found(snapshot, where) == documents


@pytest.mark.parametrize(
    ("where", "column", "words"),
    [
        ("", 1, "expected a field"),
        ("year >=", 8, "expected a value"),
        ("year >= and x = 1", 9, "expected a value"),
        ("year 2019", 6, "comparison"),
        ("author = Ada Lovelace", 14, "quotes"),
        ('title = "annual', 9, "not closed"),
        ("(year = 2019", 13, "column 1 is not closed"),
        ("year = 2019)", 12, "expected `and` or `or`"),
        ("type in report", 9, "list after `in`"),
        ("type in (report memo)", 17, "expected `,`"),
        ("type is here", 9, "missing"),
        ("year = 2019 and", 16, "expected a field"),
        ("= 3", 1, "expected a field"),
        ("  date = soon", 3, "no date"),
        ("year > soon", 1, "no year"),
        ("author = x and autor = y", 16, "did you mean author"),
        ("zzz = y", 1, "fields here: id, title, source, type, date, year, "),
        ("(" * 5000, 51, "nested too deeply"),
        ("not " * 5000, 201, "nested too deeply"),
    ],
)
def test_mistakes_are_one_line_that_says_where(snapshot: Snapshot, where: str, column: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        matching(snapshot, parse_where(where))
    message = str(caught.value)
    assert f"at column {column} " in message
    assert words in message
    assert "\n" not in message


@given(
    st.lists(
        st.sampled_from(
            ["year", "=", ">=", "(", ")", "and", "or", "not", "in", "has", "is", "missing", '"', "2020", ",", "é"]
        )
    )
)
def test_any_text_is_a_condition_or_a_usage_error(parts: list[str]) -> None:  # fmt: skip
    try:
        parse_where(" ".join(parts))
    except UsageError as error:
        assert "column" in str(error)  # noqa: PT017 - most texts are mistakes, and some are none.


def test_removed_documents_do_not_match(tmp_path: Path) -> None:
    with Engine.build([document(name) for name in LIBRARY], tmp_path / "t.odqa", settings=SETTINGS) as engine:
        engine.remove("a.md")
        assert found(engine.snapshot, "year = 2020") == "bd"
        assert found(engine.snapshot, "not year = 1900") == "bcdef"
        assert matching(engine.snapshot, parse_where("year = 1900")).dtype == np.int64


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020-02", "2020-02-01", "2020-02-29"),
        ("2020-12", "2020-12-01", "2020-12-31"),
        ("2021-05-04T23:59:59+02:00", "2021-05-04", "2021-05-04"),
        ("20210504", "2021-05-04", "2021-05-04"),
        (1999, "1999-01-01", "1999-12-31"),
        ("31.12.2020", "2020-12-31", "2020-12-31"),
        ("12/31/2020", "2020-12-31", "2020-12-31"),
        ("03/04/2020", "2020-03-04", "2020-04-03"),
        ("Mon, 05 Jan 2015 10:00:00 GMT", "2015-01-05", "2015-01-05"),
        ("June 1, 2020", "2020-06-01", "2020-06-01"),
        ("the 1990s", "1990-01-01", "1999-12-31"),
        ("9999", "9999-01-01", "9999-12-31"),
    ],
)
def test_dates_mean_all_their_days(text: str | int, first: str, last: str) -> None:
    days = parse_date(text)
    assert days is not None
    assert [np.datetime64("0001-01-01") + (day - 1) for day in (days[0], days[1] - 1)] == [
        np.datetime64(first),
        np.datetime64(last),
    ]


@pytest.mark.parametrize(
    "text", ["", "soon", "2020-13", "2020-02-30", "0000", "202005", True, 3.5, None, "1" * 5000, "٣"]
)
def test_what_is_no_date(text: object) -> None:
    assert parse_date(text) is None


def test_a_file_name_dates_a_document_only_where_it_is_one() -> None:
    for name in ("/x/2021-03-05 minutes.md", "minutes_20210305.pdf", "a/2021.03.05.txt", "2021_03_05.jsonl#7"):
        assert date_in_name(name) == parse_date("2021-03-05"), name
    assert date_in_name("report 2021.pdf") == parse_date(2021)
    assert date_in_name("2021-03.html") == parse_date("2021-03")
    first, last = parse_date(2019), parse_date(2020)
    assert first is not None and last is not None  # noqa: PT018 - for mypy
    assert date_in_name("budget 2019-2020.xlsx") == (first[0], last[1])
    for name in ("wiki/2008 Olympics", "a2021.pdf", "5a8b2021c.txt", "12021.pdf", "2021/minutes.md", "v20210305x.pdf"):
        assert date_in_name(name) is None, name
