"""Read documents from files, folders, glob patterns and standard input; bad files are listed, the rest go on."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from odqa.data.loaders.sniff import by_content, by_suffix, is_unread_document, known_suffixes, unread
from odqa.data.loaders.text import parse_text
from odqa.data.sandbox import Sandbox
from odqa.errors import LimitError, LoadError, OdqaError
from odqa.registry import resolve
from odqa.schema import Document, Failure

STDIN = "-"
_LISTED = 5
_USUAL_BYTES = 4 << 20

Source = str | Path | Document


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost.

    Attributes:
        max_bytes: size of the file.
        max_characters: length of a document's canonical text.
        timeout_s: seconds that parsing may take, for loaders that run in the sandbox; a file of more than 4 MiB
            gets proportionally more.
        memory_bytes: memory that parsing may take, for loaders that run in the sandbox.
    """

    max_bytes: int = 256 << 20
    max_characters: int = 64 << 20
    timeout_s: float = 60.0
    memory_bytes: int = 1 << 30


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that would be loaded: where it is, its bytes, and the name of its loader."""

    path: Path
    size: int
    loader: str


def load_documents(
    sources: Iterable[Source] | Source,
    *,
    on_failure: Callable[[Failure], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Document]:
    """Yield the documents of `sources`, in their order; those of a folder are sorted by path.

    A source is a file, a folder (with all folders in it, but for hidden ones and indexes), a glob pattern, `-`
    for text on standard input, or a `Document`, which is passed through. A file that is reached twice is read
    once. In folders, files that are no documents are passed over; a file that is named is always read, whatever
    its suffix.

    Args:
        sources: one source or many.
        on_failure: called with each source that could not be read, while the others go on. Without it, they are
            raised together at the end.
        limits: what one file may cost.

    Raises:
        LoadError: a source does not exist (raised at once); or, without `on_failure`, some could not be read.
    """
    listed = _listed(sources)
    if isinstance(listed, Sequence):
        for source in listed:
            _check_exists(source)
    return _load(listed, on_failure, limits)


def list_sources(sources: Iterable[Source] | Source) -> list[SourceFile]:
    """Return the files that `load_documents` would read, with their sizes, so that progress has a total.

    Documents and standard input are no files and are left out, and so is what could not be read.

    Raises:
        LoadError: a source does not exist.
    """
    files: dict[Path, SourceFile] = {}
    for source in _listed(sources):
        if isinstance(source, Document) or source == STDIN:
            continue
        for found in _find(source):
            if isinstance(found, SourceFile):
                files.setdefault(found.path, found)
    return list(files.values())


def _listed(sources: Iterable[Source] | Source) -> Iterable[Source]:
    return [sources] if isinstance(sources, str | Path | Document) else sources


def _load(
    sources: Iterable[Source], on_failure: Callable[[Failure], None] | None, limits: Limits
) -> Iterator[Document]:
    failures: list[Failure] = []
    report = on_failure or failures.append
    seen: set[Path | str] = set()
    with Sandbox(memory_bytes=limits.memory_bytes, timeout_s=limits.timeout_s) as sandbox:
        for source in sources:
            if isinstance(source, Document):
                yield source
                continue
            for found in _find(source):
                if isinstance(found, Failure):
                    report(found)
                elif found.path not in seen:
                    seen.add(found.path)
                    yield from _load_file(found, limits, sandbox, report)
    if failures:
        named = "; ".join(f"{failure.source}: {failure.reason}" for failure in failures[:_LISTED])
        more = f"; and {len(failures) - _LISTED} more" if len(failures) > _LISTED else ""
        count = f"{len(failures)} source{'s' if len(failures) > 1 else ''}"
        raise LoadError(f"{count} could not be read: {named}{more}", "the others were read")


def _load_file(
    file: SourceFile, limits: Limits, sandbox: Sandbox, report: Callable[[Failure], None]
) -> Iterator[Document]:
    name = str(file.path)
    try:
        with closing(_read(file, limits, sandbox)) as documents:
            for document in documents:
                if len(document.text) > limits.max_characters:
                    size = f"{len(document.text):,} characters, more than the limit of {limits.max_characters:,}"
                    raise LimitError(f"{document.id}: the document has {size}", "split it, or raise the limit")
                yield document
    except OdqaError as error:
        report(_failure(name, error))
    except (MemoryError, RecursionError) as error:
        report(Failure(name, f"parsing it takes too much memory ({type(error).__name__}) (split the file)"))


def _read(file: SourceFile, limits: Limits, sandbox: Sandbox) -> Generator[Document, None, None]:
    if file.size > limits.max_bytes:
        size = f"{file.size:,} bytes, more than the limit of {limits.max_bytes:,}"
        raise LimitError(f"{file.path}: the file has {size}", "split it, or raise the limit")
    if str(file.path) == STDIN:
        yield _read_stdin(limits)
        return
    loader = resolve("loaders", file.loader)
    if getattr(loader, "sandboxed", False):
        seconds = limits.timeout_s * max(1.0, file.size / _USUAL_BYTES)
        yield from sandbox.load(file.loader, file.path, timeout_s=seconds)
    else:
        yield from loader().load(file.path)


def _read_stdin(limits: Limits) -> Document:
    data = sys.stdin.buffer.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        remedy = "split it, or raise the limit"
        raise LimitError(f"standard input has more than the limit of {limits.max_bytes:,} bytes", remedy)
    if not data.strip():
        raise LoadError("standard input is empty", "pipe a text into it")
    return parse_text(data, "stdin")


def _failure(source: str, error: OdqaError) -> Failure:
    return Failure(source, str(error).removeprefix(f"{' '.join(source.split())}: "))


def _check_exists(source: Source) -> None:
    """Raise at once for a source that is nothing: a typing error should not wait for the rest to be read."""
    if not isinstance(source, Document) and source != STDIN and not os.path.exists(_expanded(source)):
        next(iter(_glob(source)))


def _expanded(source: str | Path) -> str:
    return os.path.abspath(os.path.expanduser(source))


def _find(source: str | Path) -> Iterator[SourceFile | Failure]:
    """Yield the files of a source that is no document, and the failures among them."""
    if source == STDIN:
        yield SourceFile(Path(STDIN), 0, "text")
        return
    path = Path(_expanded(source))
    if path.is_dir():
        if path.suffix == ".odqa":
            raise LoadError(f"{path}: this folder is an index, not documents", "name the folder of the documents")
        is_empty = True
        for found in _walk(path):
            is_empty = False
            yield found
        if is_empty:
            yield Failure(str(path), f"the folder holds no document (known are {known_suffixes()})")
    elif os.path.exists(path):
        yield from _describe(path, is_named=True)
    else:
        for match in _glob(source):
            yield from _walk(match) if match.is_dir() else _describe(match, is_named=False)


def _glob(source: str | Path) -> list[Path]:
    pattern = _expanded(source)
    shown = str(source) if len(str(source)) <= 200 else f"{str(source)[:200]}…"
    if str(source).startswith(("http://", "https://")):
        raise LoadError(f"{shown}: documents are read from disk, not from the web", "download it first")
    if not glob.has_magic(pattern):
        raise LoadError(f"{shown}: there is no such file or folder", "check the path")
    try:
        matches = sorted(glob.glob(pattern, recursive=True))
    except (OSError, ValueError) as error:
        raise LoadError(f"{shown}: the pattern cannot be used ({error})", "check the pattern") from error
    if not matches:
        raise LoadError(f"{shown}: no file matches the pattern", "check the path and quote the pattern")
    return [Path(match) for match in matches if not match.rstrip(os.sep).endswith(".odqa")]


def _walk(folder: Path) -> Iterator[SourceFile | Failure]:
    """Yield the documents in a folder and below it, sorted; links are followed, but no folder is read twice."""
    failures: list[Failure] = []

    def refuse(error: OSError) -> None:
        failures.append(Failure(str(error.filename), f"{error.strerror} (check the folder's permissions)"))

    visited: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        yield from failures
        failures.clear()
        try:
            status = os.stat(place)
        except OSError:
            folders.clear()
            continue
        # Some file systems number no folders; a link that loops ends there when the path grows too long.
        if (key := (status.st_dev, status.st_ino)) in visited and status.st_ino:
            folders.clear()
            continue
        visited.add(key)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(".odqa"))
        for name in sorted(files):
            if not name.startswith("."):
                yield from _describe(Path(place, name), is_named=False)
    yield from failures


def _describe(path: Path, *, is_named: bool) -> Iterator[SourceFile | Failure]:
    """Yield the file with its loader; a failure if it is a document that cannot be read; nothing if it is none."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            if is_named:
                raise LoadError(f"{path}: this is no regular file", "pipe its content into `-`")
            return
        loader = by_suffix(path)
        if loader is None and (is_named or not path.suffix):
            loader = by_content(path)
        elif loader is None and is_unread_document(path):
            raise unread(path)
    except OSError as error:
        yield Failure(str(path), f"{error.strerror or error} (check the path and its permissions)")
    except OdqaError as error:
        # In a folder a file without suffix may be anything; only what looks like text is a document.
        if is_named or path.suffix:
            yield _failure(str(path), error)
    else:
        if loader is not None:
            yield SourceFile(path, status.st_size, loader)
