"""Write down a run of a training as it goes: plain files, which any program reads and no server has to be asked for.

As in nanochat and DVCLive the folder is all there is: `run.json` says what the run is, `log.jsonl` and `samples.jsonl`
how it goes. Lines are flushed as they are written, so that a process that is killed loses half a line at most.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from odqa import fs
from odqa.errors import OdqaError, UsageError
from odqa.learn.experiment import place
from odqa.learn.experiment.held import BLANK, changes, end_line, held, put_aside
from odqa.learn.experiment.record import (
    FORMAT,
    HELD_OUT,
    LOG,
    RESUMED,
    RUN,
    SAMPLES,
    SAVED,
    STEP,
    read_run,
)
from odqa.models.about import flat

if TYPE_CHECKING:
    from odqa.learn.experiment.trackers import Tracker

_LONGEST = 20_000
"""Characters of a sample that are kept."""
_LEFT_OFF = frozenset({"minutes", "interrupted"})
"""Why a training stopped that can be taken up."""


class Experiment:
    """A run that is being written down; made by `start`.

    As a context manager it notes how the block ended: an error makes it `failed`, Ctrl-C `stopped`.
    """

    def __init__(
        self, folder: Path, record: dict[str, Any], own: Mapping[str, Any], tracker: Tracker | None, *, silent: bool
    ) -> None:
        self.folder, self._record, self._own, self._tracker = folder, record, own, tracker
        self._before = float(record["seconds"])
        self._clock = time.monotonic()
        self._step = 0
        # A run that was finished is left as it is until something happens: then it either goes on or is put aside.
        self._waits = record["status"] == "finished"
        self._ended = silent

    @classmethod
    def start(
        cls,
        folder: Path,
        settings: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        name: str = "",
        deciding: str = "loss",
        greater_is_better: bool = False,
        tracker: Tracker | None = None,
        silent: bool = False,
    ) -> Self:
        """Begin to write down a run, or go on with the one that the folder holds.

        Nothing is overwritten: where the run that it holds learned from other data, or was finished and the training
        begins anew, its files move to `earlier/<id>`.

        Args:
            folder: of the run; made if there is none.
            settings: of the training; secrets are left out.
            data: what it learns from: fingerprints and sizes.
            name: for people; else the folder's.
            deciding: held-out figure that the best weights are chosen by.
            greater_is_better: whether a higher one is.
            tracker: told the same.
            silent: write and tell nothing: for all but the first process of a launch.

        Raises:
            UsageError: the folder cannot be written.
            LoadError: it holds a run whose `run.json` is damaged.
            ConfigError: the tracker cannot be used.
        """
        settings, data = _json(place.without_secrets(settings)), _json(place.without_secrets(data))
        seeds = {name: value for name, value in flat(settings).items() if name.rpartition(".")[2] == "seed"}
        own: dict[str, Any] = {"settings": settings, "data": data, "seeds": seeds}
        own |= {"versions": place.versions(), "commit": place.commit()}
        own |= {"machine": place.machine(), "command": place.command_line(), "name": name or folder.resolve().name}
        own |= {"deciding": deciding, "greater_is_better": greater_is_better}
        fresh = {"format": FORMAT, "id": _new_id(), "started": _now(), "seconds": 0.0, "sittings": [], "notes": []}
        if silent:
            return cls(folder, {**fresh, **BLANK, **own}, own, None, silent=True)
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            record = held(folder, data) or {**fresh, **BLANK, **own}
            self = cls(folder, record, own, tracker, silent=False)
            if not self._waits:
                self._sit_down()
        if tracker is not None and not self._waits:
            tracker.start(read_run(folder))
        return self

    @property
    def id(self) -> str:
        """The run's own name, that no other has."""
        return str(self._record["id"])

    @property
    def seconds(self) -> float:
        """Seconds of computing so far, those of earlier sittings included."""
        return self._before + time.monotonic() - self._clock

    def log(self, step: int, **figures: float) -> None:
        """Note figures of the training.

        Args:
            step: steps taken.
            figures: such as `loss`, `rate`, `gradient_norm`, `targets_per_second`.
        """
        self._note(STEP, step, figures=_rounded(figures))
        self._track(step, figures)

    def judged(self, step: int, figures: Mapping[str, float], *, best: bool = False) -> None:
        """Note held-out figures.

        Args:
            step: steps taken.
            figures: by name.
            best: they are the best so far.
        """
        self._note(HELD_OUT, step, figures=_rounded(figures), best=best)
        self._track(step, {f"held_out/{name}": value for name, value in figures.items()})

    def resumed(self, step: int) -> None:
        """Note that the training goes on from a checkpoint: later lines of earlier sittings are superseded."""
        self._note(RESUMED, step)

    def saved(self, step: int) -> None:
        """Note that a checkpoint was written."""
        self._note(SAVED, step)

    def sample(self, step: int, text: str, *, wanted: str = "", asked: str = "") -> None:
        """Note what the model wrote.

        Args:
            step: steps taken.
            text: what it wrote.
            wanted: what it should have written.
            asked: the question.
        """
        record = {"step": step, "text": text, "wanted": wanted, "asked": asked}
        shown = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in record.items()}
        self._append(SAMPLES, shown)

    def note(self, text: str) -> None:
        """Note a sentence that a reader of the run has to know."""
        self._record["notes"] = [*self._record["notes"], text]
        if not self._ended and not self._waits:
            with _writing(self.folder):
                self._write()

    def stopped(self, why: str) -> None:
        """Note why the training ended, such as `patience`; `finish` makes `stopped` of what can be taken up."""
        self._record["stopped"] = why

    def finish(self, figures: Mapping[str, float] | None = None, *, status: str = "") -> None:
        """Note that it is over; what comes after that is not written.

        Args:
            figures: measured at the end.
            status: `finished`, `stopped` or `failed`; else as `stopped` has said.
        """
        if self._ended or self._waits:
            return
        ended = status or ("stopped" if self._record["stopped"] in _LEFT_OFF else "finished")
        self._record |= {"status": ended, "ended": _now()}
        if figures:
            self._record["figures"] = _rounded(figures)
        with _writing(self.folder):
            for file in (self.folder / LOG, self.folder / SAMPLES):
                if file.exists():
                    fs.sync_file(file)
            self._write()
        if figures:
            self._track(self._step, {f"final/{name}": value for name, value in figures.items()})
        if (tracker := self._tracker) is not None:
            self._guarded(lambda: tracker.finish(ended))
        self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self.stopped("interrupted")
            self.finish(status="stopped")
        else:
            self._record["error"] = str(error) if isinstance(error, OdqaError) else f"{type(error).__name__}: {error}"
            self.finish(status="failed")

    def _note(self, event: str, step: int, **members: Any) -> None:
        self._step = max(self._step, step)
        self._append(LOG, {"event": event, "step": step, "seconds": round(self.seconds, 3), **members})

    def _append(self, file: str, record: Mapping[str, Any]) -> None:
        if self._ended:
            return
        try:
            if self._waits:
                self._go_on(anew=record.get("event") != RESUMED)
            whole = {"sitting": len(self._record["sittings"]) - 1, **record}
            line = json.dumps(whole, ensure_ascii=False, allow_nan=False)
            # Opened anew for each line: they are seconds apart, and each is out when this returns.
            with (self.folder / file).open("ab") as out:
                out.write(line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            raise UsageError(
                f"{self.folder / file}: {error.strerror or error}", "make room, and start again"
            ) from error

    def _go_on(self, *, anew: bool) -> None:
        """Go on with a run that was finished, or put it aside and begin another."""
        self._waits = False
        if anew:
            put_aside(self.folder, self.id)
            self._before, self._clock = 0.0, time.monotonic()
            self._record |= {**BLANK, **self._own, "id": _new_id(), "started": _now(), "sittings": [], "notes": []}
        self._sit_down()
        if (tracker := self._tracker) is not None:
            self._guarded(lambda: tracker.start(read_run(self.folder)))

    def _sit_down(self) -> None:
        """Note that the run is started, for the first time or once more."""
        self._record |= {
            **self._own, "status": "running", "ended": "", "stopped": "", "error": "",
            "sittings": [*self._record["sittings"], {
                "started": _now(), "ended": "", "from_seconds": self._before, "seconds": 0.0,
                "changed": changes(self._record, self._own),
            }],
        }  # fmt: skip
        for file in (self.folder / LOG, self.folder / SAMPLES):
            end_line(file)
        self._write()

    def _write(self) -> None:
        seconds = round(self.seconds, 3)
        self._record["seconds"] = seconds
        own = {"seconds": round(seconds - self._before, 3), "ended": self._record["ended"]}
        self._record["sittings"][-1] |= own
        text = json.dumps(self._record, ensure_ascii=False, allow_nan=False, indent=1)
        fs.write_atomic(self.folder / RUN, f"{text}\n".encode("utf-8", "backslashreplace"))

    def _track(self, step: int, figures: Mapping[str, float]) -> None:
        if (tracker := self._tracker) is not None:
            finite = {name: float(value) for name, value in figures.items() if math.isfinite(value)}
            self._guarded(lambda: tracker.log(step, finite))

    def _guarded(self, tell: Any) -> None:
        """Tell the tracker; one that fails is left out from then on, since no training should end with its server."""
        try:
            tell()
        except Exception as error:
            self._tracker = None
            self.note(f"The tracker failed at step {self._step} and was told no more: {type(error).__name__}: {error}")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", "make room, or choose another folder") from error


def _rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Return figures with six digits, which is what a curve needs; those that are not finite as None."""
    return {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in figures.items()}


def _json(values: Any) -> Any:
    """Return values as JSON gives them back, so that those of two sittings compare equal."""
    return json.loads(json.dumps(values, default=str), parse_constant=str)


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
