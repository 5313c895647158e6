"""OTT-QA (Chen et al., 2021): questions over Wikipedia tables and the passages that their cells link to.

One document for each table, with the page's introduction and the section's text around it, and one for each linked
passage, each named by its address on Wikipedia, so that a cell's link is the id of the document it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, read_records
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.schema import BlockKind, Document, Span

SPLITS = ("dev",)
WIKIPEDIA = "https://en.wikipedia.org"

Cells = tuple[tuple[Span, ...], ...]


def load(folder: Path, split: str | None) -> Dataset:
    """Open the tables and linked passages of OTT-QA in `folder/ottqa`.

    Raises:
        UsageError: there is no such split.
    """
    return _load(folder / "ottqa", split, "ottqa")


def load_tables(folder: Path, split: str | None) -> Dataset:
    """Open the tables of OTT-QA alone: the task is to find the table that a question is about.

    Raises:
        UsageError: there is no such split.
    """
    return _load(folder / "ottqa", split, "ottqa-tables")


def _load(folder: Path, split: str | None, name: str) -> Dataset:
    (chosen,) = choose_splits(name, SPLITS, split)
    tables, passages = folder / "tables.jsonl.xz", folder / "passages.jsonl.xz"
    linked = name == "ottqa"

    def documents() -> Iterator[Document]:
        yield from read_records(tables, table_document)
        if linked:
            yield from read_records(passages, passage_document)

    @cache
    def cells() -> dict[str, Cells]:
        return dict(read_records(tables, _cells))

    def questions() -> Iterator[Question]:
        known = cells()
        found = read_records(folder / f"questions_{chosen}.jsonl.xz", lambda record: _question(record, known, linked))
        yield from found

    files = (tables, passages) if linked else (tables,)
    return Dataset(name, documents, questions, split=split or "", answers=AnswerLength.SHORT, files=files)


def table_document(record: Record) -> Document:
    """Return a table of the published format as a document: introduction, section, table with links."""
    page = record["title"]
    builder = DocumentBuilder(f"ottqa/{record['table_id']}", title=page, source=record.get("url", ""))
    builder.heading(page)
    builder.paragraph(record.get("intro", ""))
    builder.heading(record.get("section_title", "").replace(" -- ", " › "), level=2)
    builder.paragraph(record.get("section_text", ""))
    header, rows = record["header"], record["data"]
    links = [
        (number, column, target)
        for number, row in enumerate([header, *rows])
        for column, (_, targets) in enumerate(row)
        for target in map(address, targets[:1])
    ]
    builder.table([[cell for cell, _ in row] for row in [header, *rows]], links=links)
    return builder.build({"table_id": record["table_id"]})


def passage_document(record: Record) -> Document:
    """Return the beginning of a linked Wikipedia page as a document."""
    link = record["id"]
    builder = DocumentBuilder(address(link), title=page_title(link), source=WIKIPEDIA + link)
    builder.paragraph(record["text"])
    return builder.build()


def address(link: str) -> str:
    """Return the id of the document that a link of the published format (`/wiki/Doha`) leads to."""
    return f"ottqa{link}"


def page_title(link: str) -> str:
    """Return the title of the page at `/wiki/Page_title`."""
    return clean(link.removeprefix("/wiki/").replace("_", " "))


def _cells(record: Record) -> tuple[str, Cells]:
    """Return a table's id and the span of each of its cells, by row of the data; empty for a row without text."""
    document = table_document(record)
    block = next((block for block in document.blocks if block.kind is BlockKind.TABLE), None)
    spans = iter(block.rows if block else ())
    rows = [record["header"], *record["data"]]
    placed = tuple(next(spans) if any(clean(cell) for cell, _ in row) else () for row in rows)
    return record["table_id"], placed[1:]


def _question(record: Record, cells: dict[str, Cells], linked: bool) -> Question:
    table_id = record["table_id"]
    nodes = [(int(row), int(column), link, kind) for _, (row, column), link, kind in record["answer-node"]]
    spans: dict[Span, None] = {}
    mapped = 0
    for row, column, _, _ in nodes:
        rows = cells.get(table_id, ())
        if row < len(rows) and column < len(rows[row]):
            spans[rows[row][column]] = None
            mapped += 1
    gold = [Gold(f"ottqa/{table_id}", tuple(sorted(spans)))]
    in_table = any(kind == "table" for *_, kind in nodes)
    in_passage = dict.fromkeys(link for *_, link, kind in nodes if kind == "passage" and link)
    if linked and not in_table:
        gold += [Gold(address(link), piece=1) for link in in_passage]
    return Question(
        id=record["question_id"],
        text=clean(record["question"]),
        type="both" if in_table and in_passage else ("table" if in_table else "passage"),
        hops=1 if in_table else 2,
        gold=tuple(gold),
        references=(clean(record["answer-text"]),),
        marked=len(nodes),
        mapped=mapped,
    )
