"""One training loop: AdamW, a schedule, checkpoints that resume exactly, many processes, and stopping in time.

What a step does depends on its number and the seed alone: the batches and the random numbers of dropout are drawn
from both. So a run that was interrupted goes on from its checkpoint as if nothing had happened, and gives the same
weights as one that was not. A loss is a sum over targets with their number, and the gradient of a step is that of the
mean over all targets of all its batches: the same however they are divided into batches and among processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from odqa.data.stream import Share
from odqa.data.stream import ahead as read_ahead
from odqa.errors import UsageError
from odqa.learn.batches import Batches, Shuffled
from odqa.learn.checkpoint import Checkpoints
from odqa.learn.events import Ended, Event, Judgement, Resumed, Run, Saved, Step, Stopped
from odqa.learn.interruption import Interruption
from odqa.learn.learner import Learner, Loss, Position
from odqa.learn.schedule import Schedule

if TYPE_CHECKING:
    import torch

__all__ = [
    "Batches", "Ended", "Event", "Judgement", "Loss", "Resumed", "Run", "Saved", "Schedule", "Shuffled", "Step",
    "train",
]  # fmt: skip

T = TypeVar("T")
Judge = Callable[[], Mapping[str, float]]


def train(
    model: torch.nn.Module,
    batches: Batches[T],
    loss: Callable[[Sequence[T]], Loss],
    schedule: Schedule,
    *,
    folder: Path | None = None,
    judge: Judge | None = None,
    watch: Callable[[Event], None] | None = None,
    stop_after: int | None = None,
    ahead: int = 0,
) -> Run:
    """Train those parameters of a model that require gradients, and leave it with the best weights seen.

    Ctrl-C and SIGTERM finish the step and write a checkpoint before they are obeyed. Where a launcher started several
    processes, each calls this with the same arguments, and all are left with the same weights.

    Args:
        model: on its device.
        batches: what to learn from.
        loss: of a batch, by the model.
        schedule: how long and how fast.
        folder: where checkpoints are kept, and taken up from if there are any.
        judge: figures of the weights on what is held out; changes nothing. Without it the last weights are the best.
        watch: told what happens.
        stop_after: leave off after so many steps in all, with a checkpoint and the weights as they are.
        ahead: batches that a thread reads before they are needed; 0 reads without a thread.

    Raises:
        UsageError: there is nothing to learn or to learn from, the figure that decides is missing, or a checkpoint
            cannot be written.
        LoadError: the checkpoint is of another run, or cannot be read.
        ModelError: losses or gradients are not finite any more.
    """
    learner = Learner(model, schedule)
    identity = {
        "schedule": schedule.identity(),
        "data": {"fingerprint": batches.fingerprint},
        "parameters": learner.identity(),
        "step": {"batches": learner.processes.world * schedule.accumulate},
    }
    learner.processes.compare(identity, learner.device)
    checkpoints = None
    if folder is not None and learner.processes.first:
        checkpoints = Checkpoints(folder, identity, schedule.keep, schedule.max_shard_size)
    with nullcontext() if checkpoints is None else checkpoints.held(), Interruption() as interruption:
        training = _Training(learner, batches, loss, checkpoints, judge, watch, interruption, ahead)
        with closing(training):
            return training.run(stop_after)


class _Training(Generic[T]):
    """A training under way."""

    def __init__(
        self,
        learner: Learner,
        batches: Batches[T],
        loss: Callable[[Sequence[T]], Loss],
        checkpoints: Checkpoints | None,
        judge: Judge | None,
        watch: Callable[[Event], None] | None,
        interruption: Interruption,
        ahead: int,
    ) -> None:
        self.learner, self.batches, self.loss = learner, batches, loss
        self.checkpoints, self.judge, self.watch, self.interruption = checkpoints, judge, watch, interruption
        self.schedule, self.processes = learner.schedule, learner.processes
        self.a_step = self.schedule.accumulate * self.processes.world
        in_epochs = sum(self._steps_of(epoch) for epoch in range(1 if self.schedule.steps else self.schedule.epochs))
        self.steps = self.schedule.steps or in_epochs
        self.progress = Position()
        self.saved = (-1, 0)
        self.deadline = time.monotonic() + 60 * self.schedule.minutes if self.schedule.minutes else math.inf
        self.late = self.interrupted = False
        self.share, self.ahead = Share(batches, self.processes.rank, self.processes.world), ahead
        self.reader: Generator[Sequence[T], None, None] | None = None

    def _steps_of(self, epoch: int) -> int:
        count = self.batches.count(epoch)
        if count < 1:
            raise UsageError(f"epoch {epoch} has no batches, so that there is nothing to learn from")
        return math.ceil(count / self.a_step)

    def close(self) -> None:
        """Stop reading ahead."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    def run(self, stop_after: int | None) -> Run:
        self._resume()
        while True:
            if self.processes.world == 1 and self.interruption.signal:
                self.interrupted = True  # While a checkpoint was written.
            if self.judge is not None and self._judgement_due() and not self.interrupted:
                self._save()  # So that nothing is lost however long judging takes.
                self._judge(self.judge)
                self._save()
            stopped = self._stopped(stop_after)
            if stopped is not None or (self.progress.step and self.progress.step % self.schedule.every == 0):
                self._save()
            if stopped is not None:
                run = self._end(stopped)
                self._tell(Ended(run))
                self.processes.wait(self.learner.device)
                if self.interrupted:
                    self.interruption.obey()
                return run
            self._step()

    def _resume(self) -> None:
        version, notes = (None, ()) if self.checkpoints is None else self.checkpoints.newest()
        progress = None if version is None else asdict(Position.read(version.progress))
        self.learner.load(version)
        progress = self.processes.agree(progress, self.learner.device)
        if progress is not None:
            self.progress = Position.read(progress)
            self.saved = self.progress.step, len(self.progress.judgements)
            self._tell(Resumed(self.progress.step, notes))

    def _stopped(self, stop_after: int | None) -> Stopped | None:
        """Return why the training is over or leaves off, None if it goes on."""
        since = sum(step > self.progress.best for step, _ in self.progress.judgements)
        if self.progress.step >= self.steps:
            return "steps"
        if self.schedule.patience and since >= self.schedule.patience:
            return "patience"
        if self.interrupted or (stop_after is not None and self.progress.step >= stop_after):
            return "interrupted"
        return "minutes" if self.late else None

    def _step(self) -> None:
        began, progress = time.perf_counter(), self.progress
        factor = self.schedule.factor(progress.step, self.steps)
        taken = self.learner.take(self._losses(), factor, self._flags)
        self.interrupted, self.late = (times > 0 for times in taken.flags)
        epoch = progress.epoch
        progress.step += 1
        progress.place += self.a_step
        if taken.learned:
            progress.total += taken.total
            progress.count += taken.count
        else:
            progress.skipped += 1
        finite = taken.learned or taken.count == 0
        progress.failing = 0 if finite else progress.failing + 1
        if progress.place >= self.batches.count(epoch):
            progress.end_epoch()
            self.close()
        loss = taken.total / taken.count if taken.count else math.nan
        self._tell(
            Step(
                progress.step, self.steps, epoch, loss, self.schedule.rate * factor, taken.norm, taken.count,
                time.perf_counter() - began, not taken.learned,
            )
        )  # fmt: skip
        self.learner.failed(progress.failing)

    def _flags(self) -> tuple[bool, bool]:
        """Return why to leave off; nobody does so alone, as all hear of it with the gradients."""
        return self.interruption.signal != 0, self.processes.first and time.monotonic() >= self.deadline

    def _losses(self) -> Iterator[Loss]:
        """Yield the losses of this process's batches of the step, each with random numbers of its own."""
        import torch

        progress, bf16, world = self.progress, self.schedule.precision == "bf16", self.processes.world
        last = min(progress.place + self.a_step, self.batches.count(progress.epoch))
        if self.reader is None:
            self.reader = read_ahead(self.share, progress.epoch, progress.place // world, self.ahead)
        for place in range(progress.place + self.processes.rank, last, world):
            batch = next(self.reader)
            self._seed(progress.step * self.a_step + place - progress.place)
            with torch.autocast(self.learner.device.type, torch.bfloat16, enabled=bf16):
                loss = self.loss(batch)
            yield loss

    def _seed(self, number: int) -> None:
        import torch

        torch.manual_seed((self.schedule.seed << 32) + number)

    def _judgement_due(self) -> bool:
        progress, every = self.progress, self.schedule.judge_every
        if progress.step in {0, progress.judged}:
            return False
        return progress.step >= self.steps or (progress.step % every == 0 if every else progress.place == 0)

    def _judge(self, judge: Judge) -> None:
        """Judge the weights, and keep them if they are the best."""
        figures, better = self._judged(judge)
        step = self.progress.step
        self.progress.judgements.append((step, figures))
        if not better:
            return
        self.progress.best = step
        if self.checkpoints is not None:
            self.checkpoints.write_best(step, self.learner.weights())
        elif self.processes.first:
            self.learner.keep()

    def _judged(self, judge: Judge) -> tuple[dict[str, float], bool]:
        """Return the first process's figures of the weights, and whether they are the best so far."""
        began = time.perf_counter()
        figures: dict[str, float] = {}
        self.learner.model.eval()
        self._seed(self.progress.step * self.a_step)
        if self.processes.first:
            self.interruption.at_once = self.processes.world == 1
            figures = {name: float(value) for name, value in judge().items()}
            self.interruption.at_once = False
            if self.schedule.deciding not in figures:
                raise UsageError(
                    f"the judgement has no figure {self.schedule.deciding!r} to decide by",
                    f"choose deciding from: {', '.join(figures)}",
                )
        figures = self.processes.agree(figures, self.learner.device)
        better = self._better(figures[self.schedule.deciding])
        self._tell(Judgement(self.progress.step, figures, better, time.perf_counter() - began))
        return figures, better

    def _better(self, figure: float) -> bool:
        best = [figures for step, figures in self.progress.judgements if step == self.progress.best]
        if not best:
            return not math.isnan(figure)
        before = best[0][self.schedule.deciding]
        return figure > before if self.schedule.greater_is_better else figure < before

    def _save(self) -> None:
        state = self.progress.step, len(self.progress.judgements)
        if self.checkpoints is None or state == self.saved:
            return
        began, whole = time.perf_counter(), state[0] != self.saved[0]
        written = self.checkpoints.write(self.progress.step, asdict(self.progress), self.learner.tensors())
        self.saved = state
        if whole:  # Otherwise a judgement was noted in the one that is there.
            self._tell(Saved(self.progress.step, written, time.perf_counter() - began))

    def _end(self, stopped: Stopped) -> Run:
        progress, learner = self.progress, self.learner
        judgements, best = list(progress.judgements), progress.best
        if stopped == "minutes" and self.judge is not None and progress.judged != progress.step:
            # Off the record: the run may be taken up, and then goes on as one that never left off.
            figures, better = self._judged(self.judge)
            judgements.append((progress.step, figures))
            best = progress.step if better else best
        if stopped != "interrupted" and best not in {0, progress.step}:
            self._restore_best(best)
        learner.model.eval()
        losses = (*progress.losses, progress.total / progress.count) if progress.count else tuple(progress.losses)
        return Run(progress.step, losses, tuple(judgements), best, self.schedule.deciding, stopped, progress.skipped)

    def _restore_best(self, step: int) -> None:
        import torch

        targets = dict(self.learner.weights())
        if self.checkpoints is not None:
            self.checkpoints.read_best(step, targets)
        with torch.no_grad():
            for name, kept in self.learner.kept.items():
                targets[name].copy_(kept)
        self.learner.share_weights()

    def _tell(self, event: Event) -> None:
        if self.watch is not None and self.processes.first:
            self.watch(event)
