"""FeTaQA (Nan et al., 2022): questions about a Wikipedia table, each with the cells that answer it and a sentence.

One document for each distinct table: page, section and cells. Several questions about one table share its document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import (
    DistinctNames,
    Record,
    find_file,
    find_splits,
    first_record,
    open_splits,
    read_items,
    read_unique,
)
from odqa.data.datasets.ottqa import cell_spans
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.schema import Document, Span

STEMS = {split: (f"fetaQA-v1_{split}", split) for split in ("train", "dev", "test")}


def matches(folder: Path) -> bool:
    """Tell whether a folder holds FeTaQA: its records have highlighted cells."""
    stems = [stem for names in STEMS.values() for stem in names]
    return {"table_array", "highlighted_cell_ids"} <= first_record(find_file(folder, *stems)).keys()


def load(folder: Path, split: str | None, *, name: str = "fetaqa") -> Dataset:
    """Open FeTaQA in `folder`.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    paths = find_splits(folder, name, STEMS)

    def documents() -> Iterator[Document]:
        names = DistinctNames()
        for path in paths.values():
            for found in read_items(path, lambda record: table_document(record, names.add(*_key(record)))):
                if found:
                    yield found

    @cache
    def names() -> DistinctNames:
        known = DistinctNames()
        for path in paths.values():
            for key in read_items(path, _key):
                known.add(*key)
        return known

    def questions(path: Path) -> Iterator[Question]:
        return read_unique(path, partial(_question, names()), key=lambda question: question.id)

    return open_splits(name, paths, split, documents=documents, questions=questions, answers=AnswerLength.LONG)


def table_document(record: Record, id_: str | None) -> Document | None:
    """Return a record's table as a document: page, section, table with one header row; None without an id."""
    if id_ is None:
        return None
    page = record["table_page_title"]
    builder = DocumentBuilder(id_, title=page, source=record.get("page_wikipedia_url") or "")
    builder.heading(page)
    builder.heading(record.get("table_section_title") or "", level=2)
    builder.table(record["table_array"])
    return builder.build()


def _key(record: Record) -> tuple[str, str]:
    """Return what a table is called, and what tells it from others that are called so."""
    page, section = clean(record["table_page_title"]), clean(record.get("table_section_title") or "")
    return f"fetaqa/{page}/{section}" if section else f"fetaqa/{page}", json.dumps(record["table_array"])


def _question(names: DistinctNames, record: Record) -> Question:
    rows = record["table_array"]
    document = table_document(record, names.get(*_key(record)))
    cells = cell_spans(document, rows) if document else ()
    spans: dict[Span, None] = {}
    mapped = 0
    # Row 0 is the header, and some questions are about it.
    for row, column in record["highlighted_cell_ids"]:
        if 0 <= row < len(cells) and 0 <= column < len(cells[row]) and (span := cells[row][column]).start < span.end:
            spans[span] = None
            mapped += 1
    answer = record.get("answer")
    return Question(
        id=str(record["feta_id"]),
        text=clean(record["question"]),
        type="table",
        hops=1,
        gold=(Gold(document.id, tuple(sorted(spans))),) if document else (),
        references=(clean(answer),) if answer else (),
        marked=len(record["highlighted_cell_ids"]),
        mapped=mapped,
    )
