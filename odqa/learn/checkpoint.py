"""Checkpoints of a training: folders that are whole or not there, in files of a size one chooses.

```
checkpoint/
├── step-00001200/            everything that the run carries from one step to the next
│   ├── state-00001.safetensors    weights and both moments of AdamW, no file larger than max_shard_size
│   └── checkpoint.json            identity of the run, progress, and the files with their sha256
└── best-00000900/            the weights that were judged best, which versions refer to
```

A folder is written under another name, made durable and then renamed, so that a crash leaves the older ones in use. A
version that was damaged later is passed over if an older one is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.learn.shards import INDEX, read_shards, write_shards

if TYPE_CHECKING:
    import torch

FOLDER = "checkpoint"
_FORMAT = 1


def remove(folder: Path) -> None:
    """Remove the checkpoints in a training's folder, as there is nothing left to be taken up."""
    fs.remove_tree(folder / FOLDER)


@dataclass(frozen=True, slots=True)
class Version:
    """One whole checkpoint.

    Attributes:
        folder: where it is.
        step: steps taken.
        progress: what the loop noted.
        tensors: names with type and shape.
    """

    folder: Path
    step: int
    progress: Mapping[str, Any]
    tensors: Mapping[str, tuple[str, list[int]]]

    def fill(self, targets: Mapping[str, torch.Tensor]) -> None:
        """Copy tensors from the files, one file at a time.

        Args:
            targets: by name, of the type and shape that `tensors` tells.

        Raises:
            LoadError: a tensor is missing, or has another shape.
        """
        read_shards(self.folder, targets)


@dataclass(slots=True)
class Checkpoints:
    """The checkpoints of one run.

    Attributes:
        folder: of the training; they are in `checkpoint` below it.
        identity: what the run depends on, a mapping for each part, of JSON's types; a checkpoint of another is refused.
        keep: versions kept.
        max_shard_size: bytes of a file, at most.
        at: step of the version that is known to hold what the run holds, -1 for none.
    """

    folder: Path
    identity: Mapping[str, Mapping[str, Any]]
    keep: int = 2
    max_shard_size: int = 1 << 30
    at: int = field(default=-1, init=False)

    @property
    def _root(self) -> Path:
        return self.folder / FOLDER

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in the same folder.

        Raises:
            UsageError: another one is, or the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._root / "lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.folder}: another training runs in this folder", "choose another folder") from None
        except OSError as error:
            raise UsageError(f"{self.folder}: {error.strerror or error}", "choose a folder you can write to") from error
        try:
            for left in self._root.glob(".*.tmp"):
                fs.remove_tree(left)
            yield
        finally:
            lock.release()

    def newest(self) -> tuple[Version | None, tuple[str, ...]]:
        """Return the newest whole version, and what is wrong with newer ones.

        Raises:
            LoadError: there are versions, but none is whole, or the newest whole one is of another run.
        """
        notes: list[str] = []
        found = sorted(_steps(self._root, "step"), reverse=True)
        for step in found:
            folder = self._root / _name("step", step)
            try:
                body = _checked(folder)
                progress = dict(body["progress"])
                if best := int(progress["best"]):
                    _checked(self._root / _name("best", best))
                tensors = {
                    str(name): (str(kind), [int(n) for n in shape]) for name, (kind, shape) in body["tensors"].items()
                }
                self._recognise(folder, body["identity"])
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                notes.append(f"{folder} cannot be used: {error}")
                continue
            self.at = step
            return Version(folder, step, progress, tensors), tuple(notes)
        if found:
            raise LoadError(notes[0], f"delete {self._root} to begin anew")
        return None, ()

    def _recognise(self, folder: Path, other: Mapping[str, Any]) -> None:
        mine = json.loads(json.dumps(self.identity))
        for part in sorted(mine.keys() | dict(other).keys()):
            here, there = dict(mine.get(part, {})), dict(other.get(part, {}))
            changed = [
                f"{key} was {there.get(key)!r} and is {here.get(key)!r}"
                for key in sorted(here.keys() | there.keys())
                if here.get(key) != there.get(key)
            ]
            if changed:
                more = f", and {len(changed) - 2} more" if len(changed) > 2 else ""
                raise LoadError(
                    f"{folder} is the checkpoint of another run: {part}: {', '.join(changed[:2])}{more}",
                    f"go on with what it was begun with, delete {self._root}, or choose another folder",
                )

    def write(self, step: int, progress: Mapping[str, Any], tensors: Iterable[tuple[str, torch.Tensor]]) -> Path:
        """Write a version, and remove those that it makes needless.

        Where the version of the step is there already only its progress is written: tensors depend on the step alone.

        Args:
            step: steps taken.
            progress: of JSON's types, with `best`: the step of the best weights, 0 for none.
            tensors: everything to carry on.

        Returns:
            The folder of the version.

        Raises:
            UsageError: it cannot be written.
        """
        target = self._root / _name("step", step)
        with self._writing():
            if self.at == step:
                body = json.loads((target / INDEX).read_bytes()) | {"progress": progress}
                fs.write_atomic(target / INDEX, _dumped(body))
            else:
                self._write_folder(target, tensors, {"progress": progress})
            self.at = step
            self._collect()
        return target

    def write_best(self, step: int, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Write the best weights; older ones go when no version needs them any more.

        Raises:
            UsageError: they cannot be written.
        """
        target = self._root / _name("best", step)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if _checked(target)["identity"] == json.loads(json.dumps(self.identity)):
                return  # A run that was interrupted between judging and noting it has come here again.
        with self._writing():
            self._write_folder(target, tensors, {})

    def read_best(self, step: int, targets: Mapping[str, torch.Tensor]) -> None:
        """Copy the best weights from disk.

        Raises:
            LoadError: they were damaged meanwhile.
        """
        folder = self._root / _name("best", step)
        try:
            _checked(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LoadError(f"{folder} cannot be used: {error}", f"delete {self._root} to begin anew") from error
        read_shards(folder, targets)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        from safetensors import SafetensorError

        try:
            yield
        except (OSError, SafetensorError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{self._root}: a checkpoint cannot be written: {why}",
                "see that the folder can be written, then go on from the one before",
            ) from error

    def _write_folder(
        self, target: Path, tensors: Iterable[tuple[str, torch.Tensor]], notes: Mapping[str, Any]
    ) -> None:
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        fs.remove_tree(temporary)
        temporary.mkdir(parents=True)
        try:
            files, table = write_shards(temporary, tensors, self.max_shard_size)
            body = {"format": _FORMAT, "identity": self.identity, **notes, "files": files, "tensors": table}
            with fs.create(temporary / INDEX) as opened:
                opened.write(_dumped(body))
            fs.sync_folder(temporary)
            if target.exists():  # One that was found damaged.
                fs.remove_tree(target)
            fs.replace(temporary, target)
        except BaseException:
            fs.remove_tree(temporary)
            raise

    def _collect(self) -> None:
        """Remove versions beyond those to keep, and best weights that none of the kept ones refers to."""
        steps = sorted(_steps(self._root, "step"), reverse=True)
        kept = [step for step in steps if step <= self.at][: self.keep]
        for step in set(steps) - set(kept):
            fs.remove_tree(self._root / _name("step", step))
        needed = set()
        for step in kept:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                needed.add(json.loads((self._root / _name("step", step) / INDEX).read_bytes())["progress"]["best"])
        for step in set(_steps(self._root, "best")) - needed:
            fs.remove_tree(self._root / _name("best", step))


def _name(kind: str, step: int) -> str:
    return f"{kind}-{step:08d}"


def _steps(root: Path, kind: str) -> Iterator[int]:
    for folder in root.glob(f"{kind}-*"):
        if found := re.fullmatch(rf"{kind}-(\d{{8,18}})", folder.name):
            yield int(found[1])


def _dumped(body: Mapping[str, Any]) -> bytes:
    return (json.dumps(body, indent=1) + "\n").encode()


def _checked(folder: Path) -> dict[str, Any]:
    """Return what the index of a folder says, having checked every file against it."""
    body: dict[str, Any] = json.loads((folder / INDEX).read_bytes())
    if body["format"] != _FORMAT:
        raise ValueError(f"its format {body['format']} is not {_FORMAT}")
    for entry in body["files"]:
        name = str(entry["file"])
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no name of a file")
        if (folder / name).stat().st_size != entry["bytes"] or fs.sha256(folder / name) != entry["sha256"]:
            raise ValueError(f"{name} differs from its checksum")
    return body
