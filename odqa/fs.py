"""All durable writes of odqa: write, fsync, rename, fsync the folder.

Everything that must survive a power cut goes through this module and nowhere else, so that a test can make the
n-th operation fail (`fault`) and see what is left on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

fault: Callable[[str, Path], None] | None = None
"""Called before each operation with its name and path; a test sets it to raise, or to kill the process."""

_CHUNK = 1 << 20


def _before(operation: str, path: Path) -> None:
    if fault is not None:
        fault(operation, path)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    _before("sync_folder", folder)
    if os.name == "nt":  # Windows offers no handle on a folder, and orders metadata itself.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def create(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file for writing; its bytes are durable when the block ends without an error."""
    _before("create", path)
    with path.open("wb") as file:
        yield file
        file.flush()
        _before("sync_file", path)
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Make durable the bytes of a file that another library wrote."""
    _before("sync_file", path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target` atomically, and make the new name durable."""
    _before("replace", target)
    os.replace(source, target)
    sync_folder(target.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader sees either the old bytes or the new ones, whatever happens."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with create(temporary) as file:
            file.write(data)
        replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; a folder that is gone already is no error."""
    _before("remove_tree", path)
    shutil.rmtree(path, ignore_errors=True)


def sha256(path: Path) -> str:
    """Hash a file's bytes (hex)."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
