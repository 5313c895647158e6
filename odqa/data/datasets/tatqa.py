"""TAT-QA (Zhu et al., 2021): questions about a table of a financial report and the paragraphs around it.

One document for each context: its paragraphs in order, then the table. Most questions presuppose their context ("What
was the change in other in 2019?"), so that finding it among all is harder than what the published figures measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, find_file, find_splits, first_record, open_splits, read_unique
from odqa.data.datasets.ottqa import Cells, cell_spans
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.errors import LoadError
from odqa.schema import BlockKind, Document, Span

STEMS = {
    "train": ("tatqa_dataset_train", "train"),
    "dev": ("tatqa_dataset_dev", "dev"),
    "test": ("tatqa_dataset_test_gold", "test"),
}

_TITLE_WORDS = 10
_SIGNS = re.compile(r"[\s$€£¥%(),.\-–—]|(?:US|A|C|NZ|HK|S)(?=\$)")  # What a figure may have besides its digits.
_NOTE = re.compile(r"\(\d\)$")  # `2019 (1)`
_YEARS = re.compile(r"(?:(?:19|20)\d\d){1,2}")
_ASIDE = re.compile(r"[\s$€£¥]|:$")  # What a cell may have besides the answer, and the answer besides the cell.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds TAT-QA: its records have a table and paragraphs."""
    stems = [stem for names in STEMS.values() for stem in names]
    return {"table", "paragraphs", "questions"} <= first_record(find_file(folder, *stems)).keys()


def load(folder: Path, split: str | None, *, name: str = "tatqa") -> Dataset:
    """Open TAT-QA in `folder`.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    paths = find_splits(folder, name, STEMS)

    def documents() -> Iterator[Document]:
        seen: set[str] = set()
        for path in paths.values():
            yield from read_unique(path, context_document, key=lambda document: document.id, seen=seen)

    def questions(path: Path) -> Iterator[Question]:
        seen: set[str] = set()
        for found in read_unique(path, _questions, key=lambda asked: asked[0]):
            for question in found[1]:
                if question.id in seen:
                    raise LoadError(f"{path}: the question {question.id!r} of context {found[0]!r} is there already")
                seen.add(question.id)
                yield question

    return open_splits(name, paths, split, documents=documents, questions=questions, answers=AnswerLength.SHORT)


def context_document(record: Record) -> Document:
    """Return a context as a document: the paragraphs in order, then the table.

    The data names no title, so the first paragraph's first words, which often say what the table is of, are made one.
    """
    rows = record["table"]["table"]
    paragraphs = _paragraphs(record)
    words = clean(paragraphs[0]["text"]).split() if paragraphs else []
    title = " ".join(words[:_TITLE_WORDS]) + (" …" if len(words) > _TITLE_WORDS else "")
    builder = DocumentBuilder(_id(record), title=title or f"Table {record['table']['uid']}")
    for paragraph in paragraphs:
        builder.paragraph(paragraph["text"])
    builder.table(rows, header_rows=header_rows(rows))
    return builder.build()


def header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Return how many leading rows are the header: years, dates and units, rather than labels and figures.

    The first row belongs to it, and so does every row that follows if its first cell is empty, or if it fills another
    cell and holds no figure; years are none. A label in a row of its own begins the body. A table that is all words
    has one header row.
    """
    count = 1
    for row in rows[1:]:
        label, cells = clean(row[0]) if row else "", [clean(cell) for cell in row[1:]]
        if label and (not any(cells) or any(map(_is_figure, cells))):
            break
        count += 1
    return count if count < len(rows) else min(1, len(rows))


def _is_figure(cell: str) -> bool:
    digits = _SIGNS.sub("", _NOTE.sub("", cell))
    return digits.isdigit() and not _YEARS.fullmatch(digits)


def _id(record: Record) -> str:
    return f"tatqa/{record['table']['uid']}"


def _paragraphs(record: Record) -> list[Record]:
    return sorted(record["paragraphs"], key=lambda paragraph: int(paragraph["order"]))


def _questions(record: Record) -> tuple[str, list[Question]]:
    document = context_document(record)
    blocks = (block.span for block in document.blocks if block.kind is BlockKind.PARAGRAPH)
    paragraphs = {
        int(each["order"]): next(blocks) if clean(each["text"]) else Span(0, 0) for each in _paragraphs(record)
    }
    cells = cell_spans(document, record["table"]["table"])
    return document.id, [_question(document, paragraphs, cells, question) for question in record["questions"]]


def _question(document: Document, paragraphs: dict[int, Span], cells: Cells, record: Record) -> Question:
    kind, source = record["answer_type"], record["answer_from"]
    marked = mapped = 0
    spans: dict[Span, None] = {}
    for order in map(int, record.get("rel_paragraphs") or ()):
        marked += 1
        if (span := paragraphs.get(order)) and span.start < span.end:
            spans[span] = None
            mapped += 1
    named = [place["table"] for place in record.get("mappings") or () if "table" in place]
    for row, column in named:  # The test set says which cells, of sums too.
        marked += 1
        if 0 <= row < len(cells) and 0 <= column < len(cells[row]):
            spans[cells[row][column]] = None
            mapped += 1
    if kind in ("span", "multi-span") and source != "text" and not named:
        told = [_bare(span.of(document.text)) for span in spans]
        for answer in map(_bare, _texts(record["answer"])):
            found = [span for row in cells for span in row if _bare(span.of(document.text)) == answer]
            spans |= dict.fromkeys(found)
            marked += 1
            mapped += bool(found) or any(answer in text for text in told)
    return Question(
        id=record["uid"],
        text=clean(record["question"]),
        type=f"{kind}/{source}",
        hops=2 if source == "table-text" else 1,
        gold=(Gold(document.id, tuple(sorted(spans))),),
        references=_references(record),
        # Of a sum over a table, its context is all that is known.
        marked=marked or 1,
        mapped=mapped if marked else 1,
    )


def _references(record: Record) -> tuple[str, ...]:
    """Return the answer, and with it the word of its scale: `12.5` and `12.5 million`."""
    answer = ", ".join(_texts(record["answer"]))
    scale = record.get("scale") or ""
    return tuple(dict.fromkeys(text for text in (answer, f"{answer} {scale}".strip()) if answer))


def _texts(answer: Any) -> list[str]:
    parts = answer if isinstance(answer, list) else [answer]
    return [text for text in (clean(str(part)) for part in parts) if text]


def _bare(text: str) -> str:
    """Return a text as answers and cells are compared: the table has `$  1,452.4` where the answer is `1,452.4`."""
    return _ASIDE.sub("", text).casefold()
