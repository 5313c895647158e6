"""What every loader does with a file before it parses it: name it, read it, decode it."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.errors import LoadError
from odqa.schema import BlockKind, Document

_BOMS = (  # UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "an Office, EPUB or ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)
_CONTROLS = bytes(set(range(32)) - {8, 9, 10, 11, 12, 13, 26, 27}) + b"\x7f"
_SAMPLE = 1 << 16
_CONTROL_RATIO = 0.005
_REPLACED_RATIO = 0.01


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text of a file and the encoding it was in (a Python codec name)."""

    text: str
    encoding: str


def identify(path: Path) -> str:
    """Return the id of the document in `path`: the path as text that any encoder takes.

    A file name that is not valid UTF-8 reaches Python with lone surrogates, which no index could store.
    """
    return os.fsencode(path).decode("utf-8", "replace")


def readable_title(path: Path) -> str:
    """Make a title of a file's name: `annual-report_1994.csv` becomes `Annual report 1994`."""
    stem = re.sub(r"(?<=\d)[-_](?=\d)", "\x00", path.stem)  # 1994-03-17 stays a date
    words = re.sub(r"[-_+\s]+", " ", stem).replace("\x00", "-").strip()
    return words[:1].upper() + words[1:] if words else path.name


def build_titled(builder: DocumentBuilder, fallback: str) -> Document:
    """Build the document; `fallback` is its title where it neither has one nor a heading to take it from."""
    titled = bool(builder.title)
    document = builder.build()
    if titled or any(block.kind is BlockKind.HEADING for block in document.blocks):
        return document
    builder.title = fallback
    return builder.build()


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        LoadError: it cannot be opened, or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", "check the path and its permissions") from error
    if not data.strip():
        raise LoadError(f"{path}: the file is empty", "leave it out, or check how it was saved")
    return data


def read_text(path: Path, declared: str | None = None) -> Decoded:
    """Read and decode a text file; see `decode`.

    Raises:
        LoadError: it cannot be opened, is empty, or is not text.
    """
    return decode(read_bytes(path), str(path), declared)


def decode(data: bytes, name: str, declared: str | None = None) -> Decoded:
    """Decode bytes of unknown encoding.

    In order: a byte-order mark, UTF-16 betrayed by its zero bytes, UTF-8, UTF-8 with a few broken characters,
    the encoding that the document declares, and last a guess by Resiliparse's detector (uchardet). On 56
    samples in nine languages this is right on 48, charset-normalizer on 47 at ten times the time; what each
    misses decides: here old Macintosh and DOS code pages, there French in Windows-1252 and Latin-1.

    Args:
        data: the bytes.
        name: what to call them in errors.
        declared: the encoding named inside the document, where there is one.

    Raises:
        LoadError: the bytes are no text, or are in no encoding that can be recognised.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"), encoding, name)
    wide = _utf16_without_mark(data)
    if wide:
        return _checked(data.decode(wide, "replace"), wide, name)
    _refuse_binary(data, name)
    if b"\x1b$" in data[:_SAMPLE]:  # ISO-2022-JP switches alphabets by escape sequences, all of them ASCII.
        declared = declared or "iso2022_jp"
    else:
        try:
            return Decoded(data.decode("utf-8"), "utf-8")
        except UnicodeDecodeError:
            pass
    repaired = data.decode("utf-8", "replace")
    # A legacy encoding has hardly any byte pairs that UTF-8 allows; damaged UTF-8 has many for each bad one.
    valid = sum(1 for character in repaired if character > "\x7f" and character != "\ufffd")
    if valid > 10 * repaired.count("\ufffd"):
        return Decoded(repaired, "utf-8")
    for candidate in (declared, _detect(data), "utf-8", "cp1252"):
        try:
            if candidate:
                return _checked(data.decode(candidate), codecs.lookup(candidate).name, name)
        except (LookupError, UnicodeError, LoadError):
            continue
    raise LoadError(f"{name}: its text encoding cannot be recognised", "save it as UTF-8")


def looks_binary(data: bytes) -> bool:
    """Tell whether a file's first bytes are those of something other than text."""
    if any(data.startswith(mark) for mark, _ in _BOMS) or _utf16_without_mark(data):
        return False
    return _binary_ratio(data) > _CONTROL_RATIO or _known_as(data) != ""


def _known_as(data: bytes) -> str:
    return next((kind for magic, kind in _MAGIC if data.startswith(magic) and magic != b"MZ"), "")


def _binary_ratio(data: bytes) -> float:
    sample = data[:_SAMPLE]
    return (len(sample) - len(sample.translate(None, _CONTROLS))) / max(len(sample), 1)


def _refuse_binary(data: bytes, name: str) -> None:
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")
    if _binary_ratio(data) > _CONTROL_RATIO:
        looks = f" and looks like {kind}" if kind else ""
        raise LoadError(f"{name}: the file is binary, not text{looks}", "give it its right suffix, or convert it")


def _utf16_without_mark(data: bytes) -> str:
    sample = data[:4096]
    half = len(sample) // 2
    if half < 4:
        return ""
    even, odd = sample[0 : 2 * half : 2].count(0), sample[1 : 2 * half : 2].count(0)
    if odd > 0.6 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and odd == 0 else ""


def _checked(text: str, encoding: str, name: str) -> Decoded:
    bad = sum(text.count(character) for character in ("\ufffd", "\x00"))
    if bad > max(2, _REPLACED_RATIO * len(text)):
        raise LoadError(f"{name}: the file is not valid {encoding} text", "save it as UTF-8")
    if not text.strip():
        raise LoadError(f"{name}: the file is empty", "leave it out, or check how it was saved")
    return Decoded(text, encoding)


def _detect(data: bytes) -> str | None:
    from resiliparse.parse.encoding import detect_encoding

    encoding: str | None = detect_encoding(data, html5_compatible=False)
    # As in browsers: what is called Latin-1 is Windows-1252, which has quotation marks where Latin-1 has controls.
    return "cp1252" if encoding in ("iso8859-1", "iso-8859-1", "ascii") else encoding
