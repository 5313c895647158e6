"""OTT-QA (Chen et al., 2021): questions over Wikipedia tables and the passages that their cells link to.

One document for each table, with the page's introduction and the section's text around it, and one for each linked
passage, each named by its address on Wikipedia, so that a cell's link is the id of the document it leads to.

Two layouts: `tables`, `passages` and `questions_dev`, one record a line; or the published crawl, `released_data` beside
objects of tables and passages by id or folders with a file for each table, which is HybridQA's layout too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import (
    ENDINGS,
    Record,
    choose_splits,
    converted,
    find_file,
    find_splits,
    open_splits,
    read_items,
    read_json,
    read_members,
    read_unique,
)
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.schema import BlockKind, Document, Span

SPLITS = ("dev",)
WIKIPEDIA = "https://en.wikipedia.org"
# The files with `answer-node`, which say where the answers are, come first.
PUBLISHED = {"train": ("train.traced", "train"), "dev": ("dev.traced", "dev")}
TABLES = ("traindev_tables", "all_plain_tables")  # Those with links first: both hold some tables.
PASSAGES = ("traindev_request", "all_passages")

Cells = tuple[tuple[Span, ...], ...]
T = TypeVar("T")


def matches(folder: Path) -> bool:
    """Tell whether a folder holds OTT-QA, by the names of its files."""
    if find_file(folder, "tables") and find_file(folder, "questions_dev"):
        return True
    return bool(_published(folder).tables) and has_questions(folder)


def load(folder: Path, split: str | None, *, name: str = "ottqa") -> Dataset:
    """Open OTT-QA in `folder`, in either layout; the tables alone where `name` ends in "-tables".

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    linked = not name.endswith("-tables")
    if find_file(folder, "tables"):
        return _load(folder, split, name, linked=linked)
    return load_crawl(folder, split, name, _published(folder), linked=linked)


def _load(folder: Path, split: str | None, name: str, *, linked: bool) -> Dataset:
    (chosen,) = choose_splits(name, SPLITS, split)
    tables, passages, asked = (
        find_file(folder, stem) or folder / f"{stem}.jsonl.xz" for stem in ("tables", "passages", f"questions_{chosen}")
    )

    def documents() -> Iterator[Document]:
        yield from read_unique(tables, table_document, key=lambda document: document.id)
        if linked:
            yield from read_unique(passages, passage_document, key=lambda document: document.id)

    @cache
    def cells() -> dict[str, Cells]:
        return dict(read_items(tables, _cells))

    def questions() -> Iterator[Question]:
        known = cells()
        yield from read_unique(asked, lambda record: _question(record, known, linked), key=lambda each: each.id)

    files = (tables, passages) if linked else (tables,)
    return Dataset(name, documents, questions, split=split or "", answers=AnswerLength.SHORT, files=files)


@dataclass(frozen=True, slots=True)
class Crawl:
    """The tables and passages as published: files that are objects by id, or folders with a file for each table.

    Attributes:
        prefix: what the ids of the documents begin with.
        tables: of `{table id: table}`, or folders of `<table id>.json`.
        passages: of `{link: text}`, or folders of such files.
    """

    prefix: str
    tables: tuple[Path, ...]
    passages: tuple[Path, ...]

    def files(self, *, linked: bool) -> list[Path]:
        """Return every file of the tables and, if `linked`, of the passages."""
        paths = (*self.tables, *self.passages) if linked else self.tables
        return [file for path in paths for file in _files(path)]

    def documents(self, *, linked: bool) -> Iterator[Document]:
        """Yield the tables and, if `linked`, the passages; what is there twice, once."""
        yield from self.read_tables(lambda record: table_document(record, self.prefix))
        seen: set[str] = set()
        for file in (file for path in self.passages if linked for file in _files(path)):
            for link, text in read_members(file):
                if link not in seen:
                    seen.add(link or "")
                    record = {"id": link, "text": text}
                    yield converted(file, f"passage {link!r}", lambda each: passage_document(each, self.prefix), record)

    def read_tables(self, convert: Callable[[Record], T], wanted: Collection[str] | None = None) -> Iterator[T]:
        """Yield `convert(table)` for each table, or for those whose ids are wanted."""
        seen: set[str] = set()
        for path in self.tables:
            for file, name, table in _each_table(path, wanted):
                if name not in seen:
                    seen.add(name)
                    record = converted(file, f"table {name!r}", partial(_with_links, name), table)
                    yield converted(file, f"table {name!r}", convert, record)


def _each_table(path: Path, wanted: Collection[str] | None) -> Iterator[tuple[Path, str, Record]]:
    """Yield the tables of a file or folder with their ids; where some are wanted, no other file is opened for them."""
    if not path.is_dir():
        named = ((path, str(key), table) for key, table in read_members(path))
        yield from (each for each in named if wanted is None or each[1] in wanted)
        return
    for file in _files(path):
        name = file.name.removesuffix(".xz").removesuffix(".json")
        if wanted is None or name in wanted:
            yield file, name, read_json(file)


def has_questions(folder: Path) -> bool:
    """Tell whether published questions are in `folder` or its `released_data`."""
    return any(find_file(_released(folder), *stems) for stems in PUBLISHED.values())


def load_crawl(folder: Path, split: str | None, name: str, crawl: Crawl, *, linked: bool = True) -> Dataset:
    """Open published questions about a crawl; the answers' cells are known where the files are the traced ones.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no questions.
    """

    def questions(path: Path) -> Iterator[Question]:
        wanted = set(read_items(path, lambda record: str(record["table_id"])))
        known = dict(crawl.read_tables(_cells, wanted))
        yield from read_unique(
            path, lambda record: _question(record, known, linked, crawl.prefix), key=lambda each: each.id
        )

    return open_splits(
        name,
        find_splits(_released(folder), name, PUBLISHED),
        split,
        documents=lambda: crawl.documents(linked=linked),
        questions=questions,
        answers=AnswerLength.SHORT,
        files=crawl.files(linked=linked),
    )


def _published(folder: Path) -> Crawl:
    places = (folder / "data", folder)

    def found(stems: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(
            path
            for stem in stems
            for place in places
            for path in (place / f"{stem}_tok", find_file(place, stem, f"{stem}_tok"))
            if path and (path.is_dir() or path.is_file())
        )

    return Crawl("ottqa", found(TABLES), found(PASSAGES))


def _released(folder: Path) -> Path:
    inside = folder / "released_data"
    return inside if inside.is_dir() else folder


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.name.endswith(ENDINGS) and not file.name.startswith("."))


def _with_links(name: str, table: Record) -> Record:
    """Return a table with its id and cells of text and links: in `all_plain_tables` they are text alone."""
    header, *data = (
        [cell if isinstance(cell, list) else [cell, []] for cell in row] for row in (table["header"], *table["data"])
    )
    return {**table, "table_id": name, "header": header, "data": data}


def table_document(record: Record, prefix: str = "ottqa") -> Document:
    """Return a table of the published format as a document: introduction, section, table with links."""
    page = record["title"]
    builder = DocumentBuilder(f"{prefix}/{record['table_id']}", title=page, source=record.get("url", ""))
    builder.heading(page)
    builder.paragraph(record.get("intro", ""))
    builder.heading(record.get("section_title", "").replace(" -- ", " › "), level=2)
    builder.paragraph(record.get("section_text", ""))
    header, rows = record["header"], record["data"]
    links = [
        (number, column, target)
        for number, row in enumerate([header, *rows])
        for column, (_, targets) in enumerate(row)
        for target in (address(link, prefix) for link in targets[:1])
    ]
    builder.table([[cell for cell, _ in row] for row in [header, *rows]], links=links)
    return builder.build({"table_id": record["table_id"]})


def passage_document(record: Record, prefix: str = "ottqa") -> Document:
    """Return the beginning of a linked Wikipedia page as a document."""
    link = record["id"]
    builder = DocumentBuilder(address(link, prefix), title=page_title(link), source=WIKIPEDIA + link)
    builder.paragraph(record["text"])
    return builder.build()


def address(link: str, prefix: str = "ottqa") -> str:
    """Return the id of the document that a link of the published format (`/wiki/Doha`) leads to."""
    return f"{prefix}{link}"


def page_title(link: str) -> str:
    """Return the title of the page at `/wiki/Page_title`."""
    return clean(link.removeprefix("/wiki/").replace("_", " "))


def cell_spans(document: Document, rows: Sequence[Sequence[str]]) -> Cells:
    """Return the characters of each cell of a document's only table; empty for a row without text.

    Args:
        document: made by `DocumentBuilder.table`, which leaves out rows without text.
        rows: what it was made of.
    """
    block = next((block for block in document.blocks if block.kind is BlockKind.TABLE), None)
    spans = iter(block.rows if block else ())
    return tuple(next(spans) if any(map(clean, row)) else () for row in rows)


def _cells(record: Record) -> tuple[str, Cells]:
    """Return a table's id and the span of each of its cells, by row of the data."""
    rows = [[cell for cell, _ in row] for row in (record["header"], *record["data"])]
    return record["table_id"], cell_spans(table_document(record), rows)[1:]


def _question(record: Record, cells: dict[str, Cells], linked: bool, prefix: str = "ottqa") -> Question:
    table_id = str(record["table_id"])
    traced = record.get("answer-node")
    nodes = [(int(row), int(column), link, kind) for _, (row, column), link, kind in traced or ()]
    spans: dict[Span, None] = {}
    mapped = 0
    rows = cells.get(table_id, ())
    for row, column, _, _ in nodes:
        if 0 <= row < len(rows) and 0 <= column < len(rows[row]):
            spans[rows[row][column]] = None
            mapped += 1
    gold = [Gold(f"{prefix}/{table_id}", tuple(sorted(spans)))]
    in_table = any(kind == "table" for *_, kind in nodes)
    in_passage = dict.fromkeys(link for *_, link, kind in nodes if kind == "passage" and link)
    if linked and not in_table:
        gold += [Gold(address(link, prefix), piece=1) for link in in_passage]
    answer = record.get("answer-text")
    return Question(
        id=record["question_id"],
        text=clean(record["question"]),
        type=_type(in_table, bool(in_passage), traced is not None),
        hops=1 if in_table else 2,
        gold=tuple(gold),
        references=(clean(answer),) if answer else (),
        # Without traces the table is all that is known.
        marked=len(nodes) or 1,
        mapped=mapped if nodes else int(table_id in cells),
    )


def _type(in_table: bool, in_passage: bool, traced: bool) -> str:
    if in_table:
        return "both" if in_passage else "table"
    if in_passage:
        return "passage"
    return "calculation" if traced else "unlabelled"
