"""PDF files: paragraphs, headings and tables rebuilt from the text layer, with page numbers."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.files import build_titled, identify, read_bytes, readable_title
from odqa.data.loaders.pdf_blocks import add_pages
from odqa.data.loaders.pdf_lines import Fragment, Line, Page
from odqa.errors import LoadError
from odqa.schema import Document

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

_LIGATURES = {ord(c): unicodedata.normalize("NFKC", c) for c in "ﬀﬁﬂﬃﬄﬅﬆ"} | {0xA0: " ", 0x2010: "-", 0x2011: "-"}
_FILE_NAME = re.compile(r"(?:untitled.*|.*\.(?:docx?|tex|dvi|indd|qxd|pdf|ps|odt|rtf))", re.IGNORECASE)
_OCR = "if it was scanned, run OCR first, for example `ocrmypdf in.pdf out.pdf`"
_DECRYPT = "save it without a password, for example with `qpdf --decrypt in.pdf out.pdf`"


class PdfLoader:
    """Reads PDF files that have a text layer."""

    suffixes = (".pdf",)
    sandboxed = True

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        A page that cannot be read is left out and named in `metadata["unreadable_pages"]`.

        Raises:
            LoadError: the file is damaged or encrypted, or has no text layer.
        """
        reader = _open(path)
        builder = DocumentBuilder(identify(path), media_type="application/pdf")
        _read_information(reader, builder)
        pages: list[Page] = []
        unreadable: list[int] = []
        for number, page in enumerate(_pages(reader, path), 1):
            try:
                pages.append(_read_page(page, number))
            except MemoryError:
                raise
            except Exception:  # pypdf says that a broken file can raise anything; other pages may be whole.
                unreadable.append(number)
        if not any(page.lines for page in pages):
            if unreadable:
                raise LoadError(f"{path}: the PDF is damaged, none of its pages can be read", "get a fresh copy")
            raise LoadError(f"{path}: the PDF has no text layer", _OCR)
        if _is_gibberish(pages):
            raise LoadError(f"{path}: the PDF's text layer maps to no characters", _OCR)
        builder.metadata["pages"] = len(pages) + len(unreadable)
        if unreadable:
            builder.metadata["unreadable_pages"] = list(unreadable)
        title = add_pages(builder, pages)
        builder.title = builder.title or title
        if builder.is_empty:
            raise LoadError(f"{path}: the PDF has no text but page numbers", _OCR)
        yield build_titled(builder, readable_title(path))


def _open(path: Path) -> PdfReader:
    import io
    import logging

    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    # pypdf logs every oddity that it works around; what matters reaches the user as an error or as metadata.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    data = read_bytes(path)
    if b"%PDF-" not in data[:1024]:
        raise LoadError(f"{path}: the file is no PDF", "give it its right suffix")
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError as error:
        raise LoadError(f"{path}: the PDF is encrypted", f"{_DECRYPT}, or `pip install cryptography`") from error
    except MemoryError:
        raise
    except Exception as error:
        raise LoadError(f"{path}: the PDF is damaged or truncated ({_said(error)})", "get a fresh copy") from error
    if locked:
        raise LoadError(f"{path}: the PDF is protected by a password", _DECRYPT)
    return reader


def _pages(reader: PdfReader, path: Path) -> Iterator[PageObject]:
    try:
        yield from reader.pages
    except MemoryError:
        raise
    except Exception as error:
        raise LoadError(f"{path}: the PDF is damaged or truncated ({_said(error)})", "get a fresh copy") from error


def _said(error: Exception) -> str:
    return clean(str(error))[:120] or type(error).__name__


def _read_information(reader: PdfReader, builder: DocumentBuilder) -> None:
    try:
        information = reader.metadata
        title = clean(str(information.title or "")) if information else ""
        author = clean(str(information.author or "")) if information else ""
        created = information.creation_date if information else None
    except MemoryError:
        raise
    except Exception:  # As above: a damaged information dictionary is no reason to refuse the text.
        return
    title = title.removeprefix("Microsoft Word - ").strip()
    builder.title = "" if _FILE_NAME.fullmatch(title) or not any(map(str.isalpha, title)) else title[:300]
    if author:
        builder.metadata["author"] = author[:300]
    if created is not None:
        builder.metadata["date"] = created.isoformat()


def _read_page(page: PageObject, number: int) -> Page:
    collector = _Collector(number)
    page.extract_text(visitor_text=collector.visit)
    return Page(number, float(page.mediabox.height), tuple(collector.lines()))


class _Collector:
    """Gathers what pypdf's text visitor reports into lines."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._lines: list[list[Fragment]] = [[]]

    def visit(self, text: str, matrix: list[float], text_matrix: list[float], font: Any, size: float) -> None:
        a, b, _, d, e, f = text_matrix
        x = e * matrix[0] + f * matrix[2] + matrix[4]
        y = e * matrix[1] + f * matrix[3] + matrix[5]
        scale = math.sqrt(abs(a * d - b * text_matrix[2]) * abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))
        name = str(font.get("/BaseFont", "")) if font else ""
        points = round(float(size) * scale, 1)
        for number, part in enumerate(text.split("\n")):
            if number:
                self._lines.append([])
            part = part.translate(_LIGATURES)
            if part.strip() and math.isfinite(x) and math.isfinite(y) and math.isfinite(points):
                is_upright = abs(a * matrix[0] + b * matrix[2]) >= abs(a * matrix[1] + b * matrix[3])
                self._lines[-1].append(Fragment(part, x, y, points, name, is_upright))
            elif part and self._lines[-1]:
                self._lines[-1][-1] = self._lines[-1][-1].followed_by(part)

    def lines(self) -> Iterator[Line]:
        upright = sum(len(f.text) for line in self._lines for f in line if f.is_upright)
        total = sum(len(f.text) for line in self._lines for f in line)
        for fragments in self._lines:
            # A stamp along the margin runs across the lines; on a page turned as a whole everything does.
            kept = tuple(f for f in fragments if f.is_upright or upright < 0.8 * total)
            if kept and clean("".join(fragment.text for fragment in kept)):
                yield Line(self._page, kept)


def _is_gibberish(pages: list[Page]) -> bool:
    sample = "".join(line.text for page in pages[:20] for line in page.lines)[:20_000]
    shown = [character for character in sample if not character.isspace()]
    # Private use, unassigned, controls and the replacement character: a font without a map to Unicode.
    bad = sum(character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn", "Cc") for character in shown)
    return bad > 0.4 * len(shown)
