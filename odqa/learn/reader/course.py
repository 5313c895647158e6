"""A reader's course of learning, from its first example to the folder that it is written to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.learn.events import Event, Judgement, Resumed, Step
from odqa.learn.material import load
from odqa.learn.parallel import is_first, launched, own_device
from odqa.learn.reader.outcome import Outcome, write_reader_card
from odqa.learn.reader.plan import Course
from odqa.learn.reader.run import Learned, Watched, learn
from odqa.learn.reader.stages import stages_of
from odqa.learn.reader.start import Architecture, begin
from odqa.learn.schedule import Schedule
from odqa.schema import Progress

if TYPE_CHECKING:
    from odqa.engine import Engine
    from odqa.protocols import ProgressCallback
    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.inputs import FusionTokenizer
    from odqa.settings import Settings

RUN = "run"
"""Folder inside the reader's: a folder for each stage, with its log, streams and checkpoints."""
_DAY = 86_400.0
_INSTANT = 1e-6
_LORA_DROPOUT = 0.05


def follow(
    course: Course,
    architecture: Architecture,
    settings: Settings,
    folder: Path,
    *,
    engine: Engine | None = None,
    track: str | None = None,
    progress: ProgressCallback | None = None,
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Train a reader and write it with its card; a course that was interrupted is taken up.

    Args:
        course: what it learns.
        architecture: what it is made of.
        settings: `device`, and `verifier`, which judges the answers that it learns from.
        folder: of the reader.
        engine: over an index that own questions without documents are about.
        track: name of a tracker that is told the same as the log.
        progress: told how far it is.
        say: told a line now and then.

    Raises:
        UsageError: there is nothing to learn from, or the folder holds something else.
        LoadError: a data set cannot be read, or the folder holds another run.
        ModelError: a part of the model cannot be loaded.
    """
    from odqa.index.encoder import choose_device
    from odqa.learn.experiment import Experiment, Watch, make_tracker
    from odqa.models.store import check_place
    from odqa.reader.neural.folder import KIND, write_reader_model

    began = time.monotonic()
    check_place(folder, KIND, is_begun=(folder / RUN).is_dir())
    datasets = [load(name, course.data, engine) for name in course.datasets]
    model, tokenizer = begin(architecture, own_device(choose_device(settings.device)))
    held = prepare(model, course, tokenizer)
    stages: dict[str, Learned] = {}
    tracker = make_tracker(track) if track else None
    whole = {"course": asdict(course), "architecture": asdict(architecture)}
    finished = True
    for stage in stages_of(course, datasets, settings, model, tokenizer):

        @contextmanager
        def watching(data: Mapping[str, Any], schedule: Schedule, name: str = stage.name) -> Iterator[Watched]:
            about = {**whole, "schedule": schedule.identity()}
            run = Experiment.start(
                folder / RUN / name / "log", about, data, name=f"{folder.name}/{name}", tracker=tracker
            )
            watch, told = Watch(run, progress=progress, say=say), _Told()
            with run as experiment:
                yield (
                    lambda event: told.hear(event, watch),
                    lambda asked, text, wanted: experiment.sample(told.step, text, wanted=wanted, asked=asked),
                )
                experiment.finish(told.figures)

        left = course.minutes - (time.monotonic() - began) / 60 if course.minutes else 0.0
        timed = replace(stage, schedule=replace(stage.schedule, minutes=max(left, _INSTANT) if course.minutes else 0.0))
        tell = _teller(progress, stage.name)
        wait = _DAY if launched() > 1 else 0.0
        learned = learn(
            model,
            tokenizer,
            timed,
            folder / RUN / stage.name,
            seed=course.seed,
            watching=watching,
            tell=tell,
            wait=wait,
        )
        stages[stage.name] = learned
        if not learned.finished:
            finished = False
            break
    outcome = Outcome(folder, stages, _parameters(model), finished, time.monotonic() - began)
    if is_first():
        write_reader_model(folder, whole_model(held, course), tokenizer, max_shard_size=course.shard_size)
        write_reader_card(course, architecture, datasets, outcome)
    return outcome


class _Told:
    """What was last heard of a training: the step, for samples, and the best figures, for the end of the log."""

    def __init__(self) -> None:
        self.step = 0
        self.figures: Mapping[str, float] = {}

    def hear(self, event: Event, watch: Callable[[Event], None]) -> None:
        if isinstance(event, Step | Judgement | Resumed):
            self.step = event.step
        if isinstance(event, Judgement) and (event.best or not self.figures):
            self.figures = event.figures
        watch(event)


def prepare(model: FusionModel, course: Course, tokenizer: FusionTokenizer) -> Any:
    """Put adapters in and turn on what saves memory, as the course has it.

    Args:
        model: is changed in place.
        course: what is learned, and how.
        tokenizer: whose marks are new to a pretrained decoder.

    Returns:
        What holds the adapters; the model itself where there are none.
    """
    if course.gradient_checkpointing:
        # Called so since transformers 5.20.
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    if not course.lora:
        return model
    from odqa.reader.neural.adapters import lora

    return lora(model, course.lora, 2.0 * course.lora, _LORA_DROPOUT, tokenizer.mark_tokens)


def whole_model(held: Any, course: Course) -> FusionModel:
    """Return the model without adapters: what they learned is added to its weights.

    Args:
        held: what `prepare` gave.
        course: what was learned.
    """
    if not course.lora:
        whole: FusionModel = held
        return whole
    from odqa.reader.neural.adapters import merged

    return merged(held)


def _teller(progress: ProgressCallback | None, stage: str) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda examples: progress(Progress("tokenize", examples, 0, f"examples of {stage}"))


def _parameters(model: FusionModel) -> tuple[int, int]:
    sizes = [(value.numel(), value.requires_grad) for value in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)
