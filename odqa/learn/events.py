"""What a training tells those who watch it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stopped = Literal["steps", "patience", "minutes", "interrupted"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step was taken.

    Attributes:
        step: which, from 1.
        steps: that the schedule has.
        epoch: from 0.
        loss: mean over the targets of the step; NaN where there were none.
        rate: highest of the learning rates.
        gradient_norm: L2, before clipping.
        targets: of all processes.
        seconds: that it took.
        skipped: nothing was learned, because a loss or gradient was not finite or there were no targets.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    rate: float
    gradient_norm: float
    targets: float
    seconds: float
    skipped: bool = False

    @property
    def targets_per_second(self) -> float:
        """Return the throughput of the step."""
        return self.targets / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The weights were judged on what is held out.

    Attributes:
        step: steps taken.
        figures: by name.
        best: they are the best so far.
        seconds: that it took.
    """

    step: int
    figures: Mapping[str, float]
    best: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is on disk.

    Attributes:
        step: steps taken.
        folder: of this version.
        seconds: that it took.
    """

    step: int
    folder: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """A checkpoint was taken up.

    Attributes:
        step: steps it had taken.
        notes: what was wrong with newer ones, a line each.
    """

    step: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a training run.

    Attributes:
        steps: steps taken, those before an interruption included.
        losses: mean training loss of each epoch, the last of which may be unfinished.
        judgements: step and figures of each.
        best: step of the best weights, which the model is left with; 0: the last weights, as nothing was judged.
        deciding: the figure that they were chosen by.
        stopped: why it ended.
        skipped: steps in which nothing was learned.
    """

    steps: int
    losses: tuple[float, ...]
    judgements: tuple[tuple[int, Mapping[str, float]], ...] = ()
    best: int = 0
    deciding: str = "loss"
    stopped: Stopped = "steps"
    skipped: int = 0

    @property
    def held_out(self) -> tuple[float, ...]:
        """Return the deciding figure of each judgement."""
        return tuple(figures[self.deciding] for _, figures in self.judgements)


@dataclass(frozen=True, slots=True)
class Ended:
    """The training is over, or has left off.

    Attributes:
        run: what became of it.
    """

    run: Run


Event = Step | Judgement | Saved | Resumed | Ended
