"""A run of a training as plain files, read back: what it was, and how it went.

`run.json` is written whole, again and again; `log.jsonl` and `samples.jsonl` only grow, a line for each event. A
process that was killed may leave half a line, which is passed over. A run that was taken up from a checkpoint tells the
steps after it once more: a line supersedes those of earlier sittings at its own step and later, and the last line of an
event at a step counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from odqa.errors import LoadError

RUN, LOG, SAMPLES = "run.json", "log.jsonl", "samples.jsonl"
EARLIER = "earlier"
FORMAT = 1
STEP, HELD_OUT, RESUMED, SAVED = "step", "held_out", "resumed", "saved"
STATUSES = ("running", "finished", "stopped", "failed")
_REMEDY = "give the folder of a run, or one that holds such folders"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log.

    Attributes:
        event: `step`, `held_out`, `resumed` or `saved`.
        step: steps taken.
        seconds: of computing so far, those before an interruption included.
        figures: by name; a figure that was not finite is NaN.
        best: of held-out figures: the best so far, by the figure that decides.
        sitting: number of the sitting, from 0.
    """

    event: str
    step: int
    seconds: float
    figures: Figures = field(default_factory=dict)
    best: bool = False
    sitting: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model wrote.

    Attributes:
        step: steps taken.
        text: what it wrote.
        wanted: what it should have written.
        asked: the question.
        sitting: number of the sitting, from 0.
    """

    step: int
    text: str
    wanted: str = ""
    asked: str = ""
    sitting: int = 0


T = TypeVar("T", Line, Sample)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run.

    Attributes:
        folder: where it lies.
        id: unique; trackers know it by this.
        name: for people.
        status: `running`, `finished`, `stopped` (it can be taken up) or `failed`.
        started: when it began, ISO 8601 in UTC.
        ended: when it last ended; "" while it runs.
        seconds: of computing in all.
        command: that started or last resumed it, without secrets.
        settings: of the training.
        data: what it learned from: fingerprints and sizes.
        versions: of odqa, Python and the libraries.
        commit: of the checkout that it ran from; "" where there was none.
        machine: that it ran on last.
        deciding: held-out figure that the best weights are chosen by.
        greater_is_better: whether a higher one is.
        stopped: why it ended, such as `patience`.
        error: what it failed with.
        figures: measured at its end.
        sittings: each time that it was started: when, from which step, what was not as the time before.
        notes: what a reader has to know.
        steps: lines of training.
        held_out: lines of held-out figures.
        unreadable: lines of the log that are none.
    """

    folder: Path
    id: str
    name: str
    status: str
    started: str
    ended: str
    seconds: float
    command: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str
    machine: Mapping[str, Any]
    deciding: str
    greater_is_better: bool
    stopped: str
    error: str
    figures: Figures
    sittings: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    steps: tuple[Line, ...]
    held_out: tuple[Line, ...]
    unreadable: int = 0

    @property
    def step(self) -> int:
        """Steps taken."""
        return max((lines[-1].step for lines in (self.steps, self.held_out) if lines), default=0)

    @property
    def best(self) -> Line | None:
        """The held-out figures of the best weights; None where nothing was held out."""
        if marked := [line for line in self.held_out if line.best]:
            return marked[-1]
        known = [line for line in self.held_out if math.isfinite(line.figures.get(self.deciding, math.nan))]
        if not known:
            return self.held_out[-1] if self.held_out else None
        sign = -1 if self.greater_is_better else 1
        return min(known, key=lambda line: sign * line.figures[self.deciding])

    def samples(self) -> Iterator[Sample]:
        """Yield what the model wrote, those of superseded steps left out, in the order of the steps."""
        yield from _current(_sample(record) for record, _ in _records(self.folder / SAMPLES) if _has_step(record))


def read_run(folder: Path) -> RunRecord:
    """Read a run.

    Raises:
        LoadError: there is none, or `run.json` is damaged.
    """
    record = read_json(folder)
    read = list(_records(folder / LOG))
    told = _current(line for item, _ in read if (line := _line(item)))
    lines = list({(line.event, line.step): line for line in told}.values())
    unreadable = sum(error for _, error in read)

    def texts(name: str) -> Mapping[str, Any]:
        return record[name] if isinstance(record.get(name), dict) else {}

    def text(name: str) -> str:
        return str(record.get(name) or "")

    return RunRecord(
        folder=folder,
        id=text("id"),
        name=text("name") or folder.resolve().name,
        status=text("status") if record.get("status") in STATUSES else "running",
        started=text("started"),
        ended=text("ended"),
        seconds=max([_number(record.get("seconds"), 0.0), *(line.seconds for line in lines[-1:])]),
        command=text("command"),
        settings=texts("settings"),
        data=texts("data"),
        versions={name: str(value) for name, value in texts("versions").items()},
        commit=text("commit"),
        machine=texts("machine"),
        deciding=text("deciding") or "loss",
        greater_is_better=record.get("greater_is_better") is True,
        stopped=text("stopped"),
        error=text("error"),
        figures=_figures(texts("figures")),
        sittings=tuple(item for item in record.get("sittings") or () if isinstance(item, dict)),
        notes=tuple(str(note) for note in record.get("notes") or ()),
        steps=tuple(line for line in lines if line.event == STEP),
        held_out=tuple(line for line in lines if line.event == HELD_OUT),
        unreadable=unreadable,
    )


def find_runs(places: Sequence[Path]) -> list[Path]:
    """Return the folders of runs in the order given; of a folder that holds several, by their names.

    Raises:
        LoadError: a place holds none.
    """
    found: dict[Path, None] = {}
    for place in places:
        folder = place.parent if place.name == RUN else place
        files = [folder / RUN] if (folder / RUN).is_file() else sorted(filter(_may_be_run, folder.rglob(RUN)))
        below = [file.parent for file in files if EARLIER not in file.relative_to(folder).parts]
        if not below:
            raise LoadError(f"{place}: there is no run of a training", _REMEDY)
        found |= dict.fromkeys(below)
    return list(found)


def read_json(folder: Path) -> dict[str, Any]:
    """Return what `run.json` of a run says, as it stands.

    Raises:
        LoadError: there is none, or it is damaged or of a later version.
    """
    path = folder / RUN
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", _REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{path}: not JSON: {error}", "take it from its backup, or remove the run") from error
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise LoadError(f"{path}: not a run of a training", _REMEDY)
    if record["format"] > FORMAT:
        raise LoadError(f"{path}: format {record['format']}; this odqa reads up to {FORMAT}", "update odqa")
    return record


def _may_be_run(path: Path) -> bool:
    """Tell whether a file that was come upon may be ours; other programs have a `run.json` too."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return True  # Whoever reads it says what is wrong.
    return isinstance(record, dict) and "sittings" in record


def _records(path: Path) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each line as an object; in the place of one that is none, an empty one and True."""
    try:
        with path.open("rb") as file:
            for raw in file:
                if not raw.strip():
                    continue
                try:
                    record = json.loads(raw)
                except (ValueError, RecursionError):
                    record = None
                is_object = isinstance(record, dict)
                yield (record if is_object else {}), not is_object
    except FileNotFoundError:
        return
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", _REMEDY) from error


def _current(items: Iterable[T]) -> list[T]:
    """Return what no later sitting has superseded: those lines that end before its own steps begin."""
    kept: list[T] = []
    for item in items:
        first = item.step + 1 if isinstance(item, Line) and item.event == RESUMED else item.step
        while kept and kept[-1].sitting < item.sitting and kept[-1].step >= first:
            kept.pop()
        kept.append(item)
    return kept


def _line(record: Mapping[str, Any]) -> Line | None:
    if not _has_step(record) or record.get("event") not in {STEP, HELD_OUT, RESUMED, SAVED}:
        return None
    figures = record.get("figures")
    return Line(
        str(record["event"]),
        record["step"],
        _number(record.get("seconds"), 0.0),
        _figures(figures if isinstance(figures, dict) else {}),
        record.get("best") is True,
        _count(record.get("sitting")),
    )


def _sample(record: Mapping[str, Any]) -> Sample:
    text, wanted, asked = (str(record.get(name) or "") for name in ("text", "wanted", "asked"))
    return Sample(record["step"], text, wanted, asked, _count(record.get("sitting")))


def _has_step(record: Mapping[str, Any]) -> bool:
    return type(record.get("step")) is int


def _figures(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): _number(value, math.nan) for name, value in values.items()}


def _count(value: Any) -> int:
    return value if type(value) is int else 0


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
