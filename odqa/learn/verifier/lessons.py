"""What the small model of a verifier learns: pairs drawn from data sets once, and kept until it has learned them.

The claims of the first data set that labels some are kept from the model, as they calibrate. A training that is taken
up learns the pairs that it was begun with, and does not have to draw them again, which takes minutes.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.learn.checkpoint import FOLDER
from odqa.learn.verifier.examples import Pair, built, labelled
from odqa.learn.verifier.train import fingerprint
from odqa.schema import Progress

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.protocols import ProgressCallback

_FORMAT = 1
_PAIRS = "pairs.json"
_HELD_OUT = 0.1
_SHARES: Mapping[str, float] = {
    "true": 0.4, "claim": 0.25, "elsewhere": 0.13, "addition": 0.12, "name": 0.1, "negation": 0.08, "number": 0.07,
}  # fmt: skip
"""Most that each kind of pair may make up, beside the number wanted."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Pairs that a model learns from, and pairs of other groups that tell what it has learned.

    Attributes:
        learned: to learn from.
        held_out: not to learn from.
        examples: how many of those learned come from each data set.
    """

    learned: Sequence[Pair]
    held_out: Sequence[Pair]
    examples: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Return what tells these pairs from others."""
        return fingerprint(self.learned, self.held_out)


def kept_lessons(
    folder: Path,
    datasets: Sequence[Dataset],
    *,
    pairs: int,
    documents: int | None,
    seed: int,
    progress: ProgressCallback | None = None,
) -> Lessons:
    """Return the pairs that the training in a folder was begun with; else draw them, and keep them beside checkpoints.

    Args:
        folder: of the training.
        datasets: as for `draw`, like all that follows.
        pairs: at most.
        documents: of each data set, at most.
        seed: of everything drawn.
        progress: told how far it is.

    Raises:
        UsageError: the data sets give none, or the folder cannot be written.
        LoadError: the training was begun with other pairs.
    """
    place = folder / FOLDER
    sources = [[dataset.name, dataset.split, *map(str, dataset.files)] for dataset in datasets]
    key = {"format": _FORMAT, "datasets": sources, "pairs": pairs, "documents": documents, "seed": seed}
    known = _read(place / _PAIRS)
    if known is not None and known[0] == key:
        return known[1]
    if known is not None and any(place.glob("step-*")):
        changed = ", ".join(name for name, value in key.items() if known[0].get(name) != value)
        raise LoadError(
            f"{place} is of a training that was begun with other pairs: {changed} differ",
            f"go on with what it was begun with, delete {place}, or choose another folder",
        )
    lessons = draw(datasets, pairs=pairs, documents=documents, seed=seed, progress=progress)
    body = {"key": key, **asdict(lessons)}
    try:
        place.mkdir(parents=True, exist_ok=True)
        fs.write_atomic(place / _PAIRS, (json.dumps(body) + "\n").encode())
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", "choose a folder that can be written") from error
    return lessons


def _read(file: Path) -> tuple[Mapping[str, Any], Lessons] | None:
    """Return what pairs were drawn by, and the pairs; None where there are none, or the file is damaged."""
    try:
        body = json.loads(file.read_bytes())
        learned, held_out = ([Pair(**pair) for pair in body[part]] for part in ("learned", "held_out"))
        return dict(body["key"]), Lessons(learned, held_out, tuple(map(int, body["examples"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def draw(
    datasets: Sequence[Dataset],
    *,
    pairs: int = 6000,
    documents: int | None = None,
    seed: int = 13,
    progress: ProgressCallback | None = None,
) -> Lessons:
    """Draw pairs from what data sets have to say, but for the claims that calibrate.

    Args:
        datasets: with claims, summaries or reference answers.
        pairs: so many at most, kinds in fixed shares.
        documents: documents of each data set at most; None takes all.
        seed: of everything drawn.
        progress: told how far it is.

    Raises:
        UsageError: they give none.
    """
    rng = random.Random(seed)
    kept = calibrating(datasets)
    found: list[tuple[int, Pair]] = []
    for number, dataset in enumerate(datasets):
        if progress is not None:
            progress(Progress("pairs", number, len(datasets), "data sets"))
        found += ((number, pair) for pair in built(dataset, rng, documents))
        if dataset is not kept:
            found += ((number, pair) for pair in labelled(dataset))
    chosen = list(_mixed(found, pairs, rng))
    groups = sorted({pair.group for _, pair in chosen})
    # Of few groups one, so that there is something to judge by.
    held = set(rng.sample(groups, max(min(1, len(groups) - 1), int(_HELD_OUT * len(groups)))))
    learned = [(number, pair) for number, pair in chosen if pair.group not in held]
    if not learned:
        raise UsageError(
            "these data sets give no pairs to learn from beside the claims that calibrate",
            "add one with summaries or long answers and their documents, or train with --alignment-only",
        )
    counts = Counter(number for number, _ in learned)
    return Lessons(
        [pair for _, pair in learned],
        [pair for _, pair in chosen if pair.group in held],
        tuple(counts[number] for number in range(len(datasets))),
    )


def _mixed(found: Sequence[tuple[int, Pair]], most: int, rng: random.Random) -> Iterator[tuple[int, Pair]]:
    """Draw pairs so that no kind crowds out the others."""
    kinds: dict[str, list[tuple[int, Pair]]] = {}
    for number, pair in found:
        kinds.setdefault(pair.kind, []).append((number, pair))
    for kind, members in sorted(kinds.items()):
        yield from rng.sample(members, min(len(members), round(_SHARES.get(kind, 0.1) * most)))


def calibrating(datasets: Sequence[Dataset]) -> Dataset | None:
    """Return the first data set that labels claims, which are kept from the model; None if none does."""
    return next((dataset for dataset in datasets if next(iter(dataset.claims()), None) is not None), None)
