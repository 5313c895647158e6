"""How far a long job is, on standard error: bars on a terminal, now and then a line anywhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from odqa.schema import Progress

_PATIENCE = 1.0
_LINE_EVERY = 10.0
_BATCHED = ("encode", "summarize")


@contextmanager
def patience(console: Console, text: str) -> Iterator[None]:
    """Show a spinner on a terminal while the block runs, once it has run for a second."""
    if not console.is_interactive:
        yield
        return
    status = console.status(Text(text))
    timer = _after_a_second(status.start)
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def _after_a_second(start: object) -> threading.Timer:
    timer = threading.Timer(_PATIENCE, start)  # type: ignore[arg-type]
    timer.daemon = True
    timer.start()
    return timer


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}", "green")


class _Rate(ProgressColumn):
    """Units a second and the time left, over the whole run: stages take turns, so each stands still at times."""

    def render(self, task: Task) -> Text:
        if not task.elapsed or not task.completed or task.completed == task.total:
            return Text("")
        speed = task.completed / task.elapsed
        shown = f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s"
        if task.total is not None:
            shown += f", {timedelta(seconds=round((task.total - task.completed) / speed))} left"
        return Text(shown, "dim")


class BuildProgress:
    """Receives the progress of a build and shows it; a context manager, and the callback itself.

    Encoding and summarizing are reported batch by batch; here the batches are added up, and the passages still to
    come are estimated from the share of the documents that have been read.

    Args:
        console: standard error.
        quiet: show nothing.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._bars: Bars | None = None
        self._timer: threading.Timer | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, Progress] = {}
        self._before: dict[str, int] = {}
        self._spoke = time.monotonic()
        self._heard = 0.0

    def __enter__(self) -> Self:
        if self._console.is_interactive and not self._quiet:
            columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Count(), _Rate()
            self._bars = Bars(*columns, console=self._console, transient=True)
            self._heard = self._bars.get_time()
            self._timer = _after_a_second(self._bars.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None and self._bars is not None:
            self._timer.cancel()
            self._timer.join()
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Take note of how far a stage is, and show it."""
        if self._quiet:
            return
        done, total = self._added_up(progress)
        if self._bars is not None:
            if progress.stage not in self._tasks:
                self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=total, unit=progress.unit)
                # What is reported now began when the stage before it was done.
                self._bars.tasks[-1].start_time = self._heard
            task = self._tasks[progress.stage]
            self._bars.update(task, completed=done)
            self._bars.tasks[task].total = total  # `update` takes None for no change
            self._heard = self._bars.get_time()
        elif (now := time.monotonic()) - self._spoke >= _LINE_EVERY:
            self._spoke = now
            of = "" if total is None else f" of {total:,}"
            self._console.print(f"{progress.stage}: {done:,}{of} {progress.unit}".rstrip())

    def _added_up(self, progress: Progress) -> tuple[int, int | None]:
        """Return what a stage has done over all batches, and how much that will be in the end."""
        stage, last = progress.stage, self._last.get(progress.stage)
        is_batched = stage in _BATCHED
        if is_batched and last is not None and (progress.done <= last.done or last.done == last.total):
            self._before[stage] = self._before.get(stage, 0) + (last.total or last.done)
        self._last[stage] = progress
        before, read = self._before.get(stage, 0), self._last.get("read")
        done, total = before + progress.done, progress.total
        if total is not None:
            total += before
            if is_batched and read is not None and read.total:
                total = max(total, round(total * read.total / max(read.done, 1)))
        # A file may hold many documents, and then the number of files is no total.
        return done, None if total is not None and done > total else total
