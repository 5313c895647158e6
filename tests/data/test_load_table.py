"""Delimited tables as they come out of spreadsheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.loaders.table import TableLoader, count_header_rows
from odqa.errors import LimitError, LoadError
from odqa.schema import Document


def load(tmp_path: Path, content: str | bytes, name: str = "costs_1991-1997.csv") -> Document:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (document,) = TableLoader().load(path)
    return document


def cells(document: Document) -> list[list[str]]:
    (table,) = document.blocks
    return [[cell.of(document.text) for cell in row] for row in table.rows]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("year,item,cost\n1991,Rock,310\n1992,Sand,12\n", "a.csv"),
        ("year;item;cost\n1991;Rock;310\n1992;Sand;12\n", "a.csv"),
        ("year\titem\tcost\n1991\tRock\t310\n1992\tSand\t12\n", "a.tsv"),
        ("year|item|cost\r\n1991|Rock|310\r\n1992|Sand|12\r\n", "a.csv"),
        ("sep=;\nyear;item;cost\n1991;Rock;310\n1992;Sand;12\n", "a.csv"),
        ("\ufeffyear,item,cost\r1991,Rock,310\r1992,Sand,12\r", "a.csv"),
        ('"year","item","cost"\n"1991","Rock","310"\n\n"1992","Sand","12"\n', "a.csv"),
    ],
    ids=["comma", "semicolon", "tab", "bar", "excel", "bom-and-old-mac", "quoted"],
)
def test_dialects(tmp_path: Path, content: str, name: str) -> None:
    document = load(tmp_path, content, name)
    assert cells(document) == [["year", "item", "cost"], ["1991", "Rock", "310"], ["1992", "Sand", "12"]]
    assert document.blocks[0].header_rows == 1


def test_commas_inside_text_do_not_make_a_comma_file(tmp_path: Path) -> None:
    document = load(tmp_path, "name;note\nAnna;tall, dark, kind\nBob;short, fair\n")
    assert cells(document)[1] == ["Anna", "tall, dark, kind"]


def test_line_breaks_in_cells_become_blanks_and_quotes_are_undone(tmp_path: Path) -> None:
    document = load(tmp_path, 'name,note\nAnna,"first line\nsecond ""line"""\nBob,\n')
    assert cells(document) == [["name", "note"], ["Anna", 'first line second "line"'], ["Bob", ""]]


def test_ragged_rows_survive(tmp_path: Path) -> None:
    document = load(tmp_path, "a,b,c\n1,2\n1,2,3,4\n")
    assert [len(row) for row in cells(document)] == [3, 2, 4]


def test_a_quote_never_closed_does_not_swallow_the_table(tmp_path: Path) -> None:
    rows = "".join(f"{n},row {n}\n" for n in range(400))
    document = load(tmp_path, f'n,text\n1,"six feet 2" tall\n{rows}')
    assert len(cells(document)) == 402


def test_title_and_metadata(tmp_path: Path) -> None:
    document = load(tmp_path, "nom,prénom,né à\nYule,Élise,Besançon\nFarr,Zoé,Orléans\n".encode("cp1252"))
    assert document.title == "Costs 1991-1997"
    assert document.metadata == {"encoding": "cp1252"}
    assert cells(document)[1] == ["Yule", "Élise", "Besançon"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["name", "age"], ["Anna", "12"]], 1),
        ([["No", "name"], ["1", "Anna"]], 1),
        ([["item", "1991", "1992"], ["rock", "3", "4"]], 1),
        ([["Anna", "12"], ["Bob", "14"]], 0),
        ([["1991", "3"], ["1992", "4"]], 0),
        ([["x", "x"], ["y", "y"]], 0),
        ([["only", "one row"]], 0),
    ],
    ids=["names", "number-sign", "years", "data", "numbers", "repeated", "single"],
)
def test_header_detection(rows: list[list[str]], expected: int) -> None:
    assert count_header_rows(rows) == expected


def test_too_many_rows_or_cells_is_a_limit_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 50)
    for loader in (TableLoader(max_rows=50), TableLoader(max_cells=100)):
        with pytest.raises(LimitError, match="split the file"):
            list(loader.load(path))
    assert list(TableLoader(max_rows=51, max_cells=102).load(path))


@pytest.mark.parametrize("content", [b"", b",,,\n,,\n", b"\x00\x01\x02" * 50], ids=["empty", "no-cells", "binary"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LoadError):
        load(tmp_path, content)
