"""JSON Lines: one record a line, one document a record."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.files import identify, read_text, readable_title
from odqa.data.loaders.text import add_plain_text
from odqa.errors import LimitError, LoadError
from odqa.schema import Document, MetadataValue

_TEXT_FIELDS = ("text", "content", "body")
_SECTION_TEXT_FIELDS = (*_TEXT_FIELDS, "sentences", "paragraphs")
_LISTED = 5
"""Bad lines, and reasons, that are named; further ones are counted."""


class JsonlLoader:
    """Reads JSON Lines.

    A record's text is in `text`, `content` or `body` (a string, or a list of paragraphs), in `abstract`, and in
    `sections` (each a string, or an object with `title` and `text`, `sentences` or `paragraphs`); `title`, `id`
    and `url` or `source` mean what they say, and every other scalar or list of scalars is metadata.
    """

    suffixes = (".jsonl", ".ndjson")

    def load(self, path: Path) -> Iterator[Document]:
        """Yield a document for each good record; its id is `path#<record id>`, or `path#<line number>`.

        Raises:
            LoadError: after the last good record, where lines could not be used: it names the first of them.
        """
        bad: dict[str, list[int]] = {}
        seen: set[str] = set()
        title = readable_title(path)
        for number, line in enumerate(_lines(path), 1):
            if not line or line.isspace():
                continue
            try:
                yield _read_record(line, number, path, title, seen)
            except (LoadError, LimitError) as error:
                # Reasons that quote the line differ for each: past a few, they are only counted.
                reason = error.message if error.message in bad or len(bad) < _LISTED else "cannot be used either"
                bad.setdefault(reason, []).append(number)
        if bad:
            reasons = "; ".join(f"{_name_lines(numbers)}: {reason}" for reason, numbers in bad.items())
            remedy = "correct these lines; the others were read" if seen else "check that it holds documents"
            raise LoadError(f"{path}: {reasons}", remedy)
        if not seen:
            raise LoadError(f"{path}: the file is empty", "leave it out, or check how it was saved")


def _name_lines(numbers: list[int]) -> str:
    named = ", ".join(map(str, numbers[:_LISTED]))
    more = f" and {len(numbers) - _LISTED:,} more" if len(numbers) > _LISTED else ""
    return f"line{'s' if len(numbers) > 1 else ''} {named}{more}"


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
                # A line that is not UTF-8 is a bad line like any other: its broken bytes become no valid JSON string.
                yield from (line.decode("utf-8", "surrogateescape") for line in file)
                return
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", "check the path and its permissions") from error
    yield from read_text(path).text.split("\n")


def _read_record(line: str, number: int, path: Path, title: str, seen: set[str]) -> Document:
    try:
        line.encode()
    except UnicodeEncodeError:
        raise LoadError("is not UTF-8") from None
    try:
        record = json.loads(line)
    except RecursionError:
        raise LoadError("is nested too deeply") from None
    except ValueError as error:
        raise LoadError(f"is not JSON ({error})") from error
    if not isinstance(record, dict):
        raise LoadError(f"is no JSON object but {type(record).__name__}")
    key = record.get("id")
    key = clean(str(key)) if isinstance(key, str | int) and not isinstance(key, bool) else ""
    if not key or key in seen:
        key = f"{key}@{number}" if key else str(number)
    builder = DocumentBuilder(f"{identify(path)}#{key}", media_type="application/jsonl")
    builder.source = next((url for name in ("url", "source") if (url := clean(_string(record.get(name))))), "")
    builder.title = clean(_string(record.get("title"))) or f"{title} {key}"
    _add_text(builder, record)
    if builder.is_empty:
        fields = ", ".join(_TEXT_FIELDS)
        raise LoadError(f"has no text in any of the fields {fields}, abstract, sections")
    seen.add(key)
    return builder.build(dict(_metadata(record, source=builder.source)))


def _add_text(builder: DocumentBuilder, record: Mapping[str, Any]) -> None:
    sections = record.get("sections")
    sections = sections if isinstance(sections, list) else []
    body = next((record[name] for name in _TEXT_FIELDS if _paragraphs(record.get(name))), None)
    if abstract := _paragraphs(record.get("abstract")):
        if sections or body is not None:
            builder.heading("Abstract")
        _add_paragraphs(builder, abstract)
    _add_paragraphs(builder, _paragraphs(body))
    for section in sections:
        if isinstance(section, Mapping):
            titles = (_string(section.get(name)) for name in ("title", "heading", "name"))
            builder.heading(next(filter(None, titles), ""))
            text = next((section[name] for name in _SECTION_TEXT_FIELDS if _paragraphs(section.get(name))), None)
            # Sentences of a section are one running text; a list of anything else is a list of paragraphs.
            joined = text is section.get("sentences") and isinstance(text, list)
            _add_paragraphs(builder, [" ".join(_paragraphs(text))] if joined else _paragraphs(text))
        else:
            _add_paragraphs(builder, _paragraphs(section))


def _add_paragraphs(builder: DocumentBuilder, paragraphs: list[str]) -> None:
    for paragraph in paragraphs:
        add_plain_text(builder, paragraph)


def _paragraphs(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and clean(text)]


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _metadata(record: Mapping[str, Any], source: str) -> Iterator[tuple[str, MetadataValue]]:
    own = {"id", "title", "sections", "abstract", *_TEXT_FIELDS}
    for name, value in record.items():
        if not clean(name) or name in own or (name in ("url", "source") and clean(_string(value)) == source):
            continue
        values = value if isinstance(value, list) else [value]
        if all(map(_is_scalar, values)):
            yield clean(name), [_cleaned(v) for v in values] if isinstance(value, list) else _cleaned(value)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _cleaned(value: Any) -> MetadataValue:
    if isinstance(value, str):
        return clean(value)
    # Whole numbers beyond 64 bits fit neither Arrow nor JSON readers in other languages.
    big = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if big else value
