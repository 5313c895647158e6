"""Are a model's files those that were written? Every byte is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa import fs
from odqa.models.about import FILE, FileEntry
from odqa.models.store import LocalModel, files_below

README = "README.md"
ASIDE = frozenset({"checkpoint", "run"})
"""Folders of a training beside its model: where it can be taken up, and how it went."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of comparing a folder with its card.

    Attributes:
        checked: files whose bytes were compared.
        problems: a sentence for each file that is missing or not as it was.
        unknown: files that the card does not name; no problem, but nobody vouches for them.
    """

    checked: int
    problems: tuple[str, ...]
    unknown: tuple[str, ...]


def checksums(folder: Path) -> dict[str, FileEntry]:
    """Return size and SHA-256 of every file of a model, but its two cards, hidden files and what a training keeps."""
    return {path: FileEntry((folder / path).stat().st_size, fs.sha256(folder / path)) for path in model_files(folder)}


def model_files(folder: Path) -> list[str]:
    """Return the paths of the files that make up a model, relative to its folder, with `/`, in order."""
    return [
        "/".join(parts)
        for path in files_below(folder)
        if (parts := path.relative_to(folder).parts)
        and parts not in {(FILE,), (README,)}
        and parts[0] not in ASIDE
        and not any(part.startswith(".") for part in parts)
    ]


def verify_model(model: LocalModel) -> Verification:
    """Compare the files of a model with its card."""
    if model.fault:
        return Verification(0, (model.fault,), ())
    problems = [p for path, entry in model.about.files.items() if (p := _problem(model.folder, path, entry))]
    unknown = (
        () if model.bundled else tuple(path for path in model_files(model.folder) if path not in model.about.files)
    )
    return Verification(len(model.about.files), tuple(problems), unknown)


def _problem(folder: Path, path: str, entry: FileEntry) -> str:
    """Return what is wrong with a file; "" if nothing is."""
    try:
        file = folder / path
        if (size := file.stat().st_size) != entry.size:
            return f"{path}: {size:,} bytes, not {entry.size:,}"
        return "" if fs.sha256(file) == entry.sha256 else f"{path}: other bytes than those that were written"
    except FileNotFoundError:
        return f"{path}: missing"
    except OSError as error:
        return f"{path}: {error.strerror or error}"
