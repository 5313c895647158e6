"""Write down what the training loop tells, and say it to people."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from odqa.errors import UsageError
from odqa.learn.events import Ended, Event, Judgement, Resumed, Saved, Step
from odqa.learn.experiment.log import Experiment
from odqa.schema import Progress

if TYPE_CHECKING:
    from odqa.protocols import ProgressCallback


class Watch:
    """Receives the events of `odqa.learn.loop.train`: its `watch` argument.

    Args:
        experiment: that writes them down.
        progress: told how far it is at each step.
        say: told a line for each judgement and whenever something is not as it should be.
        every: steps between lines of the log; a line says the mean over them.

    Raises:
        UsageError: `every` is below 1.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        progress: ProgressCallback | None = None,
        say: Callable[[str], None] | None = None,
        every: int = 10,
    ) -> None:
        if every < 1:
            raise UsageError(f"every must be 1 or more, and is {every}")
        self._experiment, self._progress, self._every = experiment, progress, every
        self._tell = say or (lambda _: None)
        self._window: list[Step] = []
        self._last: Step | None = None
        self._loss = math.nan

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Step():
                self._take(event)
            case Judgement():
                self._experiment.judged(event.step, event.figures, best=event.best)
                self._tell(self._judgement(event))
            case Resumed():
                self._experiment.resumed(event.step)
                self._tell(f"taken up after step {event.step:,}")
                for note in event.notes:
                    self._experiment.note(note)
                    self._tell(note)
            case Saved():
                self._experiment.saved(event.step)
            case Ended():
                self._flush()
                self._experiment.stopped(event.run.stopped)

    def _take(self, step: Step) -> None:
        self._window.append(step)
        self._last = step
        if self._progress is not None:
            self._progress(Progress("train", step.step, step.steps, "steps"))
        if step.skipped:
            self._tell(f"step {step.step:,} taught nothing: its loss or gradient was not finite, or it had no targets")
        # On the grid of all steps, so that a run that was taken up has the same lines as one that was not interrupted.
        if step.step % self._every == 0:
            self._flush()

    def _flush(self) -> None:
        """Write a line of the steps since the last one."""
        if not self._window:
            return
        last = self._window[-1]
        told = [step for step in self._window if not step.skipped]
        targets, seconds = sum(step.targets for step in self._window), sum(step.seconds for step in self._window)
        weight = sum(step.targets for step in told)
        self._loss = sum(step.loss * step.targets for step in told) / weight if weight else math.nan
        self._experiment.log(
            last.step,
            epoch=last.epoch,
            loss=self._loss,
            rate=last.rate,
            gradient_norm=max((step.gradient_norm for step in told), default=math.nan),
            targets_per_second=targets / seconds if seconds > 0 else math.nan,
            skipped=len(self._window) - len(told),
        )
        self._window.clear()

    def _judgement(self, event: Judgement) -> str:
        of = f" of {self._last.steps:,}" if self._last is not None else ""
        loss = f", loss {self._loss:.3f}" if math.isfinite(self._loss) else ""
        figures = ", ".join(f"{name} {value:.3f}" for name, value in event.figures.items())
        return f"step {event.step:,}{of}{loss}; held out: {figures}{' (best so far)' if event.best else ''}"
