"""Plain text: paragraphs, lists and headings as people type them, and typed-up interviews."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.data.loaders.dialogue import Chunk, Dialogue, find_dialogue, join_lines
from odqa.data.loaders.files import Decoded, build_titled, decode, identify, read_text, readable_title
from odqa.data.loaders.table import count_header_rows
from odqa.errors import LimitError, LoadError
from odqa.schema import Document

_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
_TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}[A-Za-z]")
_RULE = re.compile(r"\s*(?:(?:[-=_~#] ?){3,}|(?:\*\s*){3,}|(?:\.\s+){3,})\s*")
_UNDERLINE = re.compile(r"(?:={3,}|-{3,}|~{3,})")
_ITEM = re.compile(r"\s*(?:(?P<bullet>[-*•‣▪–·])|(?P<number>\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]))\s+(?P<text>\S.*)")
_FIELD = re.compile(r"\s*[A-Z][\w .'’/()-]{0,30}:\s+\S")
_COLUMNS = re.compile(r"\S\s{3,}\S|\|[^|]*\|")
_COLUMN_GAP = re.compile(r"\s{3,}|\s*\|\s*")
_CHAPTER = re.compile(
    r"(?P<word>part|book|volume|act|chapter|section|appendix|scene|article|canto)\s+"
    r"(?:\d{1,3}|[ivxlc]{1,7}|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten)"
    r"(?:[.:—–-]\s*|\s+|$)(?:[A-Z\"“'‘].{0,90})?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?P<number>\d{1,2}\.(?=\s)|\d{1,2}(?:\.\d{1,2}){1,4}\.?|[IVX]{1,5}\.(?=\s))\s+(?P<title>[^\W\d_].*)"
)
_LOG_LINE = re.compile(
    r"\s*[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2}\s+\d{1,2}\s\d\d:\d\d|\d{9,}|DEBUG|INFO|WARN|ERROR)"
)
_NO_TITLE = re.compile(r"\s*(?:by\s.*|the end|finis|end)\W*", re.IGNORECASE)
_OUTER_WORDS = frozenset({"part", "book", "volume", "act"})
_MAX_HEADING = 100
_UNWRAPPED = 160
"""A line longer than this was not wrapped by hand, so that each line is a paragraph."""
_CODE_LINES = 50
_MAX_CHUNKS = 1_000_000
"""Each takes about half a kilobyte of memory, however short it is."""

Lines = list[str]


class TextLoader:
    """Reads plain text."""

    suffixes = (".txt", ".text", ".log")

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        Raises:
            LoadError: the file cannot be read, is empty, or is not text.
        LimitError: it has more than a million paragraphs.
        """
        yield text_document(read_text(path), identify(path), readable_title(path))


def parse_text(data: bytes, id: str) -> Document:
    """Make a document of the bytes of a text that comes from no file, such as standard input.

    Raises:
        LoadError: there is no text in them.
    """
    return text_document(decode(data, id), id)


def text_document(decoded: Decoded, id: str, title: str = "") -> Document:
    """Make a document of decoded text; `title` stands in where it has no heading."""
    builder = DocumentBuilder(id)
    add_plain_text(builder, decoded.text)
    if builder.is_empty:
        raise LoadError(f"{id}: the file holds no text", "leave it out, or check how it was saved")
    if decoded.encoding != "utf-8":
        builder.metadata["encoding"] = decoded.encoding
    return build_titled(builder, title or id)


def add_plain_text(builder: DocumentBuilder, text: str) -> None:
    """Add the blocks of a plain text to a document.

    Paragraphs are separated by blank lines, hard-wrapped lines are joined. Where the text as a whole is a
    dialogue its speeches become turns. A form feed starts a new page, as in the output of pdftotext.

    Raises:
        LimitError: the text has more than a million paragraphs.
    """
    text = _TERMINAL_COLOUR.sub("", _LINE_END.sub("\n", text))
    pages = text.split("\f")
    chunks = list(islice(chain.from_iterable(map(_split, pages, count(1))), _MAX_CHUNKS + 1))
    if len(chunks) > _MAX_CHUNKS:
        raise LimitError(f"{builder.id}: the text has more than {_MAX_CHUNKS:,} paragraphs", "split the file")
    dialogue = find_dialogue(chunks)
    if dialogue is None and _is_log(chunks):
        for chunk in chunks:
            _add_code(builder, chunk.lines)
        return
    shouts = sum(_in_capitals(chunk.lines) for chunk in chunks) > 0.5 * len(chunks)
    writer = _Writer(builder, dialogue, shouts=shouts)
    depths = [0, *(_number_depth(chunk.lines) for chunk in chunks), 0]
    for position, chunk in enumerate(chunks, 1):
        if len(pages) > 1:
            builder.page(chunk.page)
        writer.add(chunk, in_numbered_run=depths[position] in (depths[position - 1], depths[position + 1]))
    writer.finish()


def heading_level(lines: Lines, *, is_first: bool) -> int:
    """Return the level of the heading that lines standing alone are by their wording; 0 where they are none.

    Args:
        lines: lines set off by blank lines.
        is_first: no heading has come before: capitals are a title then.
    """
    text = join_lines(lines[:4])
    if len(lines) > 3 or len(text) > _MAX_HEADING + 20 or "...." in text:
        return 0
    chapter = _CHAPTER.fullmatch(text)
    if chapter and len(lines) <= 2 and not text.endswith((",", ";")) and (text[-1] != "." or len(text) < 20):
        return 1 if chapter["word"].lower() in _OUTER_WORDS else 2
    if depth := _number_depth(lines):
        return min(depth + 1, 6)
    return (1 if is_first else 2) if _in_capitals(lines) else 0


class _Writer:
    """Recognises what each chunk of lines is, and adds it."""

    def __init__(self, builder: DocumentBuilder, dialogue: Dialogue | None, *, shouts: bool) -> None:
        self._builder = builder
        self._dialogue = dialogue
        self._shouts = shouts
        self._has_heading = False

    def add(self, chunk: Chunk, *, in_numbered_run: bool) -> None:
        lines = self._take_underlined(chunk.lines)
        if not lines:
            return
        level = 0 if in_numbered_run and _number_depth(lines) else heading_level(lines, is_first=not self._has_heading)
        if self._shouts and _in_capitals(lines):
            level = 0
        if level:
            self._end_turn()
            self._heading(join_lines(lines), level)
        elif self._dialogue is None or not self._dialogue.add(Chunk(lines, chunk.gap), self._builder):
            self._add_prose(lines)

    def finish(self) -> None:
        self._end_turn()

    def _end_turn(self) -> None:
        if self._dialogue is not None:
            self._dialogue.end_turn(self._builder)

    def _heading(self, text: str, level: int) -> None:
        self._builder.heading(text, level)
        self._has_heading = True

    def _take_underlined(self, chunk: Lines) -> Lines:
        """Add headings at the start of the chunk that are underlined; return the lines after them."""
        start = 0
        while True:
            while start < len(chunk) and _RULE.fullmatch(chunk[start]):
                start += 1
            if start + 1 >= len(chunk):
                return chunk[start:]
            title, rule = chunk[start].strip(), chunk[start + 1].strip()
            fits = 0.5 * len(title) <= len(rule) <= 2 * len(title) + 4
            is_heading = fits and len(title) <= _MAX_HEADING and _UNDERLINE.fullmatch(rule)
            if not is_heading or _COLUMNS.search(title):
                return chunk[start:]
            self._end_turn()
            self._heading(title, {"=": 1, "-": 2}.get(rule[0], 3))
            start += 2

    def _add_prose(self, chunk: Lines) -> None:
        if len(chunk) > 1 and all(map(_FIELD.match, chunk)):
            self._builder.list(chunk)
        elif sum(_ITEM.match(line) is not None for line in chunk) > 1 and _ITEM.match(chunk[0]):
            self._builder.list(list(_items(chunk)))
        elif len(chunk) > 1 and sum(_COLUMNS.search(line) is not None for line in chunk) >= 0.8 * len(chunk):
            _add_columns(self._builder, chunk)
        else:
            for paragraph in _paragraphs(chunk):
                self._builder.paragraph(join_lines(paragraph))


def _split(text: str, page: int) -> Iterator[Chunk]:
    lines: Lines = []
    gap = blanks = 0
    for line in text.split("\n"):
        if line and not line.isspace():
            if not lines:
                gap, blanks = blanks, 0
            lines.append(line.expandtabs().rstrip())
            continue
        blanks += 1
        if lines:
            yield Chunk(lines, gap, page)
            lines = []
    if lines:
        yield Chunk(lines, gap, page)


def _items(chunk: Lines) -> Iterator[str]:
    item: Lines = []
    for line in chunk:
        match = _ITEM.match(line)
        if match and item:
            yield join_lines(item)
            item = []
        # A bullet says nothing, but a number may be referred to.
        item.append(line if not match or match["number"] else match["text"])
    yield join_lines(item)


def _paragraphs(chunk: Lines) -> Iterator[Lines]:
    """Split lines at indented first lines, or at every line where lines were not wrapped by hand."""
    if any(len(line) > _UNWRAPPED for line in chunk):
        yield from ([line] for line in chunk)
        return
    indents = [len(line) - len(line.lstrip()) for line in chunk]
    outer = min(indents)
    # Books without blank lines indent the first line of each paragraph, and only that.
    indented = indents[0] >= outer + 2 and sum(indent > outer for indent in indents) <= len(chunk) / 2
    paragraph: Lines = []
    for line, indent in zip(chunk, indents, strict=True):
        if paragraph and indented and indent > outer:
            yield paragraph
            paragraph = []
        paragraph.append(line)
    yield paragraph


def _add_columns(builder: DocumentBuilder, chunk: Lines) -> None:
    """Add lines set in columns: as a table where every line has as many cells, else as they stand."""
    rows = [_COLUMN_GAP.split(line.strip().strip("|")) for line in chunk if not _RULE.fullmatch(line.replace("|", "-"))]
    if rows and len({len(row) for row in rows}) == 1:
        builder.table(rows, count_header_rows(rows))
    else:
        _add_code(builder, chunk)


def _in_capitals(chunk: Lines) -> bool:
    text = " ".join(chunk[:4])
    letters = sum(map(str.isalpha, text))
    capitals = (
        text.isupper() and letters >= 4 and not _NO_TITLE.fullmatch(text) and letters > 0.6 * len(text.replace(" ", ""))
    )
    return capitals and len(chunk) <= 3 and len(text) <= _MAX_HEADING + 20 and text.rstrip()[-1] not in ".,;"


def _number_depth(chunk: Lines) -> int:
    """Return how deep a lone line such as `1.2 Ground conditions` is numbered; 0 where it is no such line."""
    match = _NUMBERED.fullmatch(chunk[0].strip()) if len(chunk) == 1 else None
    if match is None or len(match["title"]) > 80 or match["title"][-1] in ".,;:" or "...." in match["title"]:
        return 0
    return len(match["number"].strip(".").split(".")) if match["title"][0].isupper() else 0


def _is_log(chunks: Sequence[Chunk]) -> bool:
    sample = [line for chunk in chunks[:200] for line in chunk.lines[:200]][:200]
    return len(sample) > 3 and sum(_LOG_LINE.match(line) is not None for line in sample) > 0.6 * len(sample)


def _add_code(builder: DocumentBuilder, chunk: Lines) -> None:
    for first in range(0, len(chunk), _CODE_LINES):
        builder.code("\n".join(chunk[first : first + _CODE_LINES]))
