"""Choose the loader for a file: by its suffix, else by its first bytes."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from odqa.data.loaders.files import looks_binary
from odqa.errors import LoadError
from odqa.registry import names, resolve

_HEAD_BYTES = 1 << 16
_PDF = "print or export it to PDF, or save it as text"
_CSV = "save each sheet as CSV"
_PANDOC = "convert it to Markdown, for example with `pandoc -t markdown`"
_UNREAD = {
    **dict.fromkeys((".doc", ".docx", ".docm", ".odt", ".rtf", ".epub", ".fb2"), _PANDOC),
    **dict.fromkeys((".tex", ".rst", ".adoc", ".org", ".textile", ".wiki"), _PANDOC),
    **dict.fromkeys((".ppt", ".pptx", ".pptm", ".odp", ".pages", ".key", ".wpd", ".djvu", ".ps", ".xps"), _PDF),
    **dict.fromkeys((".mobi", ".azw", ".azw3"), "convert it to EPUB, then to Markdown"),
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".ods", ".numbers", ".parquet"), _CSV),
    **dict.fromkeys((".eml", ".msg", ".mbox", ".mht", ".mhtml"), "save the message as text or HTML"),
}
"""Suffixes of documents that no built-in loader reads, and what to do with them."""
_MARKUP = frozenset({".tex", ".rst", ".adoc", ".org", ".textile", ".wiki"})
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)


def by_suffix(path: Path) -> str | None:
    """Return the name of the loader for a file of this name, or None.

    An installed loader is asked for by the suffix itself: the entry point `epub` in the group `odqa.loaders`
    reads `.epub` files.
    """
    suffix = path.suffix.lower()
    return _suffixes().get(suffix) or (suffix[1:] if suffix and suffix[1:] in names("loaders") else None)


def by_content(path: Path) -> str:
    """Return the name of the loader for a file whose name does not tell, from what it begins with.

    Raises:
        LoadError: it cannot be opened, or holds nothing that a loader reads.
    """
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", "check the path and its permissions") from error
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if _HTML.match(head):
        return "html"
    if suffix in _UNREAD and suffix not in _MARKUP:
        raise unread(path)
    if looks_binary(head):
        raise LoadError(f"{path}: the file is binary, and no loader reads it", "convert it to text, HTML or PDF")
    if head.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
        return "transcript"
    return "jsonl" if _is_record(head) else "text"


def unread(path: Path) -> LoadError:
    """Return the error that says what to do with a document that no loader reads."""
    suffix = path.suffix.lower()
    return LoadError(f"{path}: there is no loader for {suffix or 'this'} files", _UNREAD.get(suffix, _PDF))


def known_suffixes() -> str:
    """Return the suffixes of the built-in loaders, for messages."""
    return " ".join(_suffixes())


def is_unread_document(path: Path) -> bool:
    """Tell whether a file is a document, going by its name, that no loader reads."""
    return path.suffix.lower() in _UNREAD and by_suffix(path) is None


@cache
def _suffixes() -> dict[str, str]:
    return {suffix: name for name in names("loaders", installed=False) for suffix in _suffixes_of(name)}


def _suffixes_of(name: str) -> tuple[str, ...]:
    suffixes: tuple[str, ...] = getattr(resolve("loaders", name), "suffixes", ())
    return suffixes


def _is_record(head: bytes) -> bool:
    line = head.partition(b"\n")[0].strip()
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
