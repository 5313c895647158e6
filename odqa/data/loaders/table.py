"""Delimited tables: one table block a file, with its header found."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.data.loaders.files import identify, read_text, readable_title
from odqa.errors import LimitError, LoadError
from odqa.schema import Document

_DELIMITERS = ",\t;|"
_SAMPLE_ROWS = 60
_SAMPLE_CHARACTERS = 1 << 16
_MAX_CELL_LINES = 200
"""A cell of more lines is not a cell: a quote was opened and never closed."""
_VALUE = re.compile(
    r"[-+±~<>≈(]?\s*[$€£¥]?\s*[-+]?\d[\d.,'\s]*(?:[eE][-+]?\d+)?\s*[%‰)]?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(?::\d{2})?|true|false|null|nan",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[5-9]|20|21)\d\d")


class TableLoader:
    """Reads comma-, tab-, semicolon- or bar-separated values.

    Args:
        max_rows: most rows of a file; every cell keeps its place in memory, so that this bounds memory.
        max_cells: most cells of a file.
    """

    suffixes = (".csv", ".tsv")

    def __init__(self, *, max_rows: int = 200_000, max_cells: int = 4_000_000) -> None:
        self._max_rows = max_rows
        self._max_cells = max_cells

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        Raises:
            LoadError: the file cannot be read, is empty, or is not text.
            LimitError: the table is larger than the limits.
        """
        decoded = read_text(path)
        tabs = path.suffix.lower() == ".tsv"
        media_type = "text/tab-separated-values" if tabs else "text/csv"
        builder = DocumentBuilder(identify(path), title=readable_title(path), media_type=media_type)
        text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").lstrip("\n")
        if re.match(r"sep=[^\n\"]\n", text[:6], re.IGNORECASE):  # Excel's way to name the delimiter
            delimiter, text = text[4], text[6:]
        else:
            delimiter = "\t" if tabs and "\t" in text[:_SAMPLE_CHARACTERS] else find_delimiter(text)
        rows = self._read(text, delimiter, path)
        builder.table(rows, count_header_rows(rows))
        if builder.is_empty:
            raise LoadError(f"{path}: the table has no cell with text", "leave it out, or check how it was saved")
        yield builder.build({} if decoded.encoding == "utf-8" else {"encoding": decoded.encoding})

    def _read(self, text: str, delimiter: str, path: Path) -> list[list[str]]:
        try:
            rows = self._bounded(csv.reader(io.StringIO(text), delimiter=delimiter), path)
            if all(cell.count("\n") <= _MAX_CELL_LINES for row in rows for cell in row):
                return rows
        except csv.Error:
            pass
        # A quote that is never closed swallows all that follows: take quotes for ordinary characters then.
        plain = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)
        try:
            return self._bounded(plain, path)
        except csv.Error as error:
            remedy = "check its quotes and delimiters, or save it again from a spreadsheet"
            raise LoadError(f"{path}: the table cannot be read: {error}", remedy) from error

    def _bounded(self, reader: Iterator[list[str]], path: Path) -> list[list[str]]:
        rows: list[list[str]] = []
        cells = 0
        for row in reader:
            if any(cell and not cell.isspace() for cell in row):
                rows.append(row)
                cells += len(row)
            if len(rows) > self._max_rows or cells > self._max_cells:
                limit = f"{self._max_rows:,} rows or {self._max_cells:,} cells"
                remedy = "split the file, or turn it into JSON Lines with one record a line"
                raise LimitError(f"{path}: the table has more than {limit}", remedy)
        return rows


def find_delimiter(text: str) -> str:
    """Return the delimiter that splits the first rows of `text` into the same number of cells most often.

    `csv.Sniffer` is not used: its regular expressions take time quadratic in the sample, and it takes letters
    for delimiters.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    whole = sample if len(text) <= len(sample) else sample.rpartition("\n")[0] or sample
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        if delimiter not in whole:
            continue
        try:
            rows = islice(csv.reader(io.StringIO(whole), delimiter=delimiter), _SAMPLE_ROWS)
            widths = [len(row) for row in rows if row]
        except csv.Error:
            continue
        width, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        # Two rows of three cells say more than two of two, but how regular the table is says most.
        score = count / len(widths) + min(width, 20) / 100 if width > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def count_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Return 1 where the first row names the columns, 0 where it is data like the others.

    A header has no values (numbers, dates, flags; years may head columns), no name twice, and a name for at
    least half the columns.
    """
    if len(rows) < 2:
        return 0
    head = [cell.strip() for cell in rows[0]]
    named = [cell for cell in head if cell]
    values = [cell for cell in named if _VALUE.fullmatch(cell[:64])]
    if len(named) * 2 < len(head) or len(set(named)) < len(named):
        return 0
    if not values:
        return 1
    years = sum(_YEAR.fullmatch(cell) is not None for cell in values)
    return int(years == len(values) and not _VALUE.fullmatch(head[0][:64]))
