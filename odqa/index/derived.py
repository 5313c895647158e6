"""What is derived from a generation and can be deleted at any time: the lexical index and the FAISS index.

They live in `cache/<stamp>/`, where the stamp names the generation they were made from. A writer makes them at the
end of its work; a reader that finds none makes them itself, in a temporary folder if it may not write there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.errors import IndexCorrupt, OdqaError
from odqa.index import dense
from odqa.index.codes import choose_code, half_precision
from odqa.index.collection.storage import NAME as COLLECTION
from odqa.index.dense import DenseIndex
from odqa.index.files import HashMemory
from odqa.index.lexical import LexicalIndex, write_lexical
from odqa.index.rank_lexical import RankLexicalIndex
from odqa.index.snapshot import Snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.settings import Settings

VERSION = 2
_REMEDY = "delete the cache folder; it is made anew"
# A small lexical index is made anew rather than patched when documents were removed, since tantivy goes on counting
# removed documents in its statistics; a large one only once enough of it has changed to pay for the work.
_EXACT_TEXT_BYTES = 16 << 20
_STALE_SHARE = 0.1


@dataclass(slots=True)
class Derived:
    """The searchable forms of one snapshot."""

    lexical: LexicalIndex | RankLexicalIndex
    dense: DenseIndex
    temporary: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove what had to be made in a temporary folder."""
        if self.temporary is not None:
            self.temporary.cleanup()


def open_derived(snapshot: Snapshot, settings: Settings, device: str = "cpu") -> Derived:
    """Open what is derived from a snapshot, making it first where it is missing or unusable."""
    derived = _open_or_make(snapshot, settings.language, device)
    if settings.bm25 == "rank-bm25":
        derived.lexical = RankLexicalIndex(snapshot, settings.language)
    return derived


def _open_or_make(snapshot: Snapshot, language: str, device: str) -> Derived:
    folder = snapshot.index / "cache" / snapshot.manifest.stamp
    try:
        return _open(folder, snapshot, language, device, None)
    except (OSError, ValueError, KeyError, OdqaError):
        pass  # Derived files are a cache: whatever is wrong with them, making them anew is the remedy.
    try:
        prepare(snapshot, language)
        return _open(folder, snapshot, language, device, None)
    except OSError:
        temporary = tempfile.TemporaryDirectory(prefix="odqa-")
        made = Path(temporary.name) / "cache"
        _write(made, snapshot, language, None)
        return _open(made, snapshot, language, device, temporary)


def prepare(snapshot: Snapshot, language: str, progress: Callable[[str], None] | None = None) -> None:
    """Make what is derived from a snapshot, reusing the newest older cache where that is sound.

    Raises:
        OSError: the cache folder cannot be written.
    """
    cache = snapshot.index / "cache"
    target = cache / snapshot.manifest.stamp
    if (target / "stamp.json").exists() and _usable(target, snapshot, language):
        return
    cache.mkdir(exist_ok=True)
    temporary = cache / f".tmp-{os.getpid()}-{snapshot.manifest.stamp}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(temporary, snapshot, language, _newest(cache))
        shutil.rmtree(target, ignore_errors=True)
        fs.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def collect_caches(snapshot: Snapshot) -> None:
    """Remove the caches of other generations; call it with the writer lock held."""
    cache = snapshot.index / "cache"
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.name != snapshot.manifest.stamp:
            fs.remove_tree(folder)


def _usable(folder: Path, snapshot: Snapshot, language: str) -> bool:
    try:
        _open(folder, snapshot, language, "cpu", None)
    except (OSError, ValueError, KeyError, OdqaError):
        return False
    return True


def _open(
    folder: Path, snapshot: Snapshot, language: str, device: str, temporary: tempfile.TemporaryDirectory[str] | None
) -> Derived:
    stamp = json.loads((folder / "stamp.json").read_text("utf-8"))
    if stamp["version"] != VERSION or stamp["language"] != language:
        raise ValueError("made by another version, or for another language")
    lexical = LexicalIndex(folder / "lexical", snapshot, language)
    choice = _choice(snapshot, device)
    if choice.stored:
        if stamp["choice"] != choice.factory:
            raise ValueError("made for another kind of FAISS index")
        index = _load(folder, stamp)
    else:
        index = _dense(snapshot, choice, None)
    return Derived(lexical, DenseIndex(index, choice, _live_entries(snapshot), device), temporary)


def _load(folder: Path, stamp: dict[str, Any]) -> Any:
    memory = HashMemory()
    memory.check(folder / "entries.faiss", stamp["faiss"], remedy=_REMEDY)
    memory.save()
    return dense.load(folder / "entries.faiss")


def _choice(snapshot: Snapshot, device: str) -> dense.DenseChoice:
    """Return how the entries are searched: coded as the index's pooling says, on CUDA in half precision."""
    entries, dimension = int(snapshot.first_entry[-1]), snapshot.dimension
    if not entries:
        return dense.choose(0, dimension, half_precision(dimension))
    if device != "cpu":
        return dense.DenseChoice("SQfp16", 0, f"{entries:,} entries: exact flat scan on {device}", stored=False)
    return dense.choose(entries, dimension, choose_code(snapshot.manifest.settings["pooling"], dimension))


def _live_entries(snapshot: Snapshot) -> NDArray[np.bool_]:
    return snapshot.live[snapshot.entry_document]


def _dense(snapshot: Snapshot, choice: dense.DenseChoice, trained: Any) -> Any:
    entries = int(snapshot.first_entry[-1])
    return dense.build_index(snapshot.entry_vectors, entries, snapshot.dimension, choice, trained)


def _newest(cache: Path) -> Path | None:
    stamps = [path.parent for path in cache.glob("[0-9]*/stamp.json")]
    return max(stamps, key=lambda folder: int(folder.name.partition("-")[0]), default=None)


def _write(folder: Path, snapshot: Snapshot, language: str, previous: Path | None) -> None:
    folder.mkdir(parents=True)
    old = _read_stamp(previous, language)
    write_lexical(folder / "lexical", snapshot, language, previous=_lexical_base(snapshot, previous, old))
    choice = _choice(snapshot, "cpu")
    segments = [ref.id for ref in snapshot.manifest.segments]
    stamp: dict[str, Any] = {"version": VERSION, "language": language, "segments": segments, "choice": choice.factory}
    if choice.stored:
        trained = None
        grown = (
            old is not None and old["choice"] == choice.factory and segments[: len(old["segments"])] == old["segments"]
        )
        if previous is not None and old is not None and grown:
            with suppress(IndexCorrupt):
                trained = _load(previous, old)
        dense.save(_dense(snapshot, choice, trained), folder / "entries.faiss")
        stamp["faiss"] = fs.sha256(folder / "entries.faiss")
    if previous is not None:
        # The collection level is brought up to date from what it was, once somebody asks for it.
        with suppress(OSError):
            shutil.copyfile(previous / COLLECTION, folder / COLLECTION)
    uids = np.sort(snapshot.uids[snapshot.live])
    (folder / "uids.u64").write_bytes(uids.astype("<u8").tobytes())
    fs.write_atomic(folder / "stamp.json", json.dumps(stamp).encode())


def _read_stamp(previous: Path | None, language: str) -> dict[str, Any] | None:
    if previous is None:
        return None
    try:
        stamp: dict[str, Any] = json.loads((previous / "stamp.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if stamp.get("version") == VERSION and stamp.get("language") == language else None


def _lexical_base(
    snapshot: Snapshot, previous: Path | None, old: dict[str, Any] | None
) -> tuple[Path, frozenset[int]] | None:
    """Return the older lexical index to start from, if starting from it gives the scores of a rebuild."""
    if previous is None or old is None:
        return None
    try:
        known = np.frombuffer((previous / "uids.u64").read_bytes(), "<u8")
    except (OSError, ValueError):
        return None
    done = frozenset(int(uid) for uid in known)
    gone = len(done - snapshot.by_uid.keys())
    text_bytes = sum(ref.text_bytes for ref in snapshot.manifest.segments)
    if gone and (text_bytes < _EXACT_TEXT_BYTES or gone > _STALE_SHARE * len(done)):
        return None
    return previous / "lexical", done
