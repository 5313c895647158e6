"""The manifest: the committed list of segments, deletions and settings. The index is its manifest.

A commit writes `manifest.json` anew and renames it over the old one, so that at every moment the folder holds one
complete generation. One process writes at a time (a file lock); readers need no lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from odqa import fs
from odqa.errors import IndexCorrupt, IndexLocked, IndexMismatch, IndexMissing
from odqa.index.segment import SegmentRef, ref_to_dict

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """One committed state of an index.

    Attributes:
        generation: counts commits.
        segments: live segments, oldest first.
        deletions: rows of `documents` that are deleted, by segment id, ascending.
        settings: what the index is made with.
        encoder: fingerprint, name and dimension of the encoder.
    """

    generation: int
    segments: tuple[SegmentRef, ...]
    deletions: Mapping[str, tuple[int, ...]]
    settings: Mapping[str, Any]
    encoder: Mapping[str, Any]
    format: int = field(default=FORMAT)

    def to_bytes(self) -> bytes:
        """Return the bytes of `manifest.json`; the last member is the checksum of the rest."""
        body = {
            "format": self.format,
            "generation": self.generation,
            "encoder": dict(self.encoder),
            "settings": dict(self.settings),
            "segments": [ref_to_dict(ref) for ref in self.segments],
            "deletions": {name: list(rows) for name, rows in self.deletions.items() if rows},
        }
        body["checksum"] = _checksum(body)
        return json.dumps(body, indent=1).encode()

    @property
    def stamp(self) -> str:
        """Name of this generation, unlike that of any other state of any index."""
        return f"{self.generation}-{hashlib.sha256(self.to_bytes()).hexdigest()[:12]}"

    @property
    def documents(self) -> int:
        """Number of live documents."""
        return sum(ref.documents for ref in self.segments) - sum(len(rows) for rows in self.deletions.values())

    def next(self, **changes: Any) -> Manifest:
        """Return the next generation with some members changed."""
        return replace(self, generation=self.generation + 1, **changes)


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def read_manifest(index: Path) -> Manifest:
    """Read the committed state of the index at `index`.

    Raises:
        IndexMissing: there is none (yet).
        IndexMismatch: it is of another format version.
        IndexCorrupt: the manifest's bytes are not those that were committed.
    """
    path = index / "manifest.json"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if index.is_dir() and (index / "segments").is_dir():
            raise IndexMissing(
                f"{index}: no index yet: its first build did not finish", "run the same `odqa index build` again"
            ) from None
        raise IndexMissing(
            f"{index}: there is no index here", f"make one with `odqa index build DOCS -o {index}`"
        ) from None
    except NotADirectoryError:
        raise IndexMissing(f"{index}: this is a file, not an index", "name the .odqa folder") from None
    except OSError as error:
        raise IndexMissing(f"{path}: {error.strerror or error}", "check the path and its permissions") from error
    return _parse(path, data)


def _parse(path: Path, data: bytes) -> Manifest:
    remedy = "restore it from a backup, or delete the index folder and build again"
    try:
        body = json.loads(data)
        version = body["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(f"{path}: not a manifest", remedy) from error
    if version != FORMAT:
        raise IndexMismatch(
            f"{path}: format {version}, and this version of odqa reads format {FORMAT}",
            "build the index again, or use the version of odqa that made it",
        )
    if body.pop("checksum", None) != _checksum(body):
        raise IndexCorrupt(f"{path}: its bytes are not those that were committed", remedy)
    try:
        return Manifest(
            generation=int(body["generation"]),
            segments=tuple(SegmentRef(**ref) for ref in body["segments"]),
            deletions={name: tuple(rows) for name, rows in body["deletions"].items()},
            settings=body["settings"],
            encoder=body["encoder"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise IndexCorrupt(f"{path}: {error}", remedy) from error


def commit(index: Path, manifest: Manifest) -> None:
    """Make `manifest` the state of the index, atomically and durably."""
    fs.write_atomic(index / "manifest.json", manifest.to_bytes())


@contextlib.contextmanager
def writer_lock(index: Path, timeout: float = 0.0) -> Iterator[None]:
    """Hold the right to write to the index; the system frees it if the process dies.

    Args:
        index: the index folder; made if absent.
        timeout: seconds to wait for another writer.

    Raises:
        IndexLocked: another process holds it.
        IndexMissing: the folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    try:
        index.mkdir(parents=True, exist_ok=True)
        lock = FileLock(index / "lock")
        lock.acquire(timeout=timeout)
    except Timeout:
        raise IndexLocked(f"{index}: another process is writing to this index", "wait for it to finish") from None
    except OSError as error:
        raise IndexMissing(f"{index}: {error.strerror or error}", "choose a folder you can write to") from error
    try:
        yield
    finally:
        lock.release()


def collect_garbage(index: Path, manifest: Manifest) -> None:
    """Remove what no generation from this one on can need; call it with the writer lock held.

    Readers map every file of their generation when they open it, so unlinking takes nothing from them; where a
    system refuses to unlink a mapped file, it stays until the next collection.
    """
    segments = index / "segments"
    live = {ref.id for ref in manifest.segments}
    for folder in segments.iterdir() if segments.is_dir() else ():
        if folder.name not in live:
            fs.remove_tree(folder)
    for left in index.glob(".manifest.json.*.tmp"):
        left.unlink(missing_ok=True)
