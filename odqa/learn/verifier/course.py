"""From a person's choices to a verifier in a folder: what is taught, how it goes, what it is worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import UsageError
from odqa.learn.checkpoint import FOLDER as CHECKPOINT
from odqa.learn.loop import Schedule
from odqa.learn.material import load
from odqa.learn.parallel import launched
from odqa.learn.verifier.lessons import calibrating, kept_lessons
from odqa.learn.verifier.make import calibrate
from odqa.learn.verifier.outcome import Outcome, Taught, write
from odqa.learn.verifier.train import DECIDING, CrossEncoder, fine_tune

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.learn.experiment import Experiment
    from odqa.learn.verifier.lessons import Lessons
    from odqa.learn.verifier.make import Learned
    from odqa.protocols import ProgressCallback
    from odqa.settings import Settings

STAGE = "verifier"
LOG = Path("run", STAGE, "log")
"""Where the log of the training lies in the verifier's folder: as that of a stage of a reader does."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Course:
    """What a verifier learns, and how.

    Attributes:
        datasets: names, folders or files; `NAME/SPLIT` names a split. The first that labels claims calibrates.
        data: where registered data sets lie.
        base: folder of the encoder to start from; None takes the bundled MiniLM.
        alignment_only: train no model, and only weigh what the alignment finds.
        pairs: of claim and evidence to learn from, at most.
        documents: of each data set, at most; None takes all.
        epochs: times that each pair is seen.
        layers: at the top of the encoder that learn.
        rate: highest learning rate.
        seed: of everything drawn.
    """

    datasets: tuple[str, ...]
    data: Path | None = None
    base: Path | None = None
    alignment_only: bool = False
    pairs: int = 6000
    documents: int | None = 200
    epochs: int = 2
    layers: int = 3
    rate: float = 1e-4
    seed: int = 13


def follow(
    course: Course,
    settings: Settings,
    folder: Path,
    *,
    track: str | None = None,
    progress: ProgressCallback | None = None,
    say: Say | None = None,
) -> Outcome:
    """Make a verifier and write it with its cards; a training that was interrupted is taken up.

    Args:
        course: what it learns.
        settings: `device`, and `encoder`, by whose vectors sentences are aligned.
        folder: of the verifier.
        track: name of a tracker that is told the same as the log of the training.
        progress: told how far it is.
        say: told a line now and then.

    Raises:
        UsageError: nothing can be learned, or the folder holds something else.
        LoadError: a data set cannot be read, or the checkpoint in the folder is of another training.
        ModelError: the encoder to start from cannot be loaded, or the verifier cannot be written.
    """
    began = time.monotonic()
    if launched() > 1:
        raise UsageError("a verifier is trained by one process", "start `odqa train verifier` without a launcher")
    datasets = [load(name, course.data) for name in course.datasets]
    kept = calibrating(datasets)
    if kept is None:
        raise UsageError("none of these data sets labels claims", "name one that does first: wice, expertqa")
    _check_place(folder, alignment_only=course.alignment_only)
    if course.alignment_only:
        learned = _calibrated(kept, settings, None, course.seed, progress)
        outcome = Outcome(folder, kept, learned, seconds=time.monotonic() - began)
    else:
        outcome = _taught(course, datasets, kept, settings, folder, track, progress, say)
    write(outcome, course, settings, datasets)
    return outcome


def _taught(
    course: Course,
    datasets: Sequence[Dataset],
    kept: Dataset,
    settings: Settings,
    folder: Path,
    track: str | None,
    progress: ProgressCallback | None,
    say: Say | None,
) -> Outcome:
    """Teach a model, and calibrate it; both are one run of the log, and its end has the figures of both."""
    from odqa.index.encoder import bundled_minilm, choose_device
    from odqa.learn.experiment import Watch

    device = choose_device(settings.device)
    base = course.base or bundled_minilm()
    model = CrossEncoder.start(base, trained_layers=course.layers, device=device, seed=course.seed)
    lessons = kept_lessons(
        folder, datasets, pairs=course.pairs, documents=course.documents, seed=course.seed, progress=progress
    )
    schedule = Schedule(epochs=course.epochs, rate=course.rate, seed=course.seed)
    with _experiment(course, settings, datasets, lessons, schedule, folder, track) as experiment:
        watch = Watch(experiment, progress=progress, say=say)
        run = fine_tune(model, lessons.learned, lessons.held_out, schedule, folder=folder, watch=watch)
        learned = _calibrated(kept, settings, model, course.seed, progress)
        figures = learned.figures[learned.used].items()
        experiment.finish({f"{kept.name} {name}": value for name, value in figures if name != "n"})
    return Outcome(folder, kept, learned, experiment.seconds, Taught(model, lessons, run))


def _experiment(
    course: Course,
    settings: Settings,
    datasets: Sequence[Dataset],
    lessons: Lessons,
    schedule: Schedule,
    folder: Path,
    track: str | None,
) -> Experiment:
    from odqa.learn.experiment import Experiment, make_tracker

    about = {"course": asdict(course), "encoder": settings.encoder, "schedule": schedule.identity()}
    counts = {dataset.name: count for dataset, count in zip(datasets, lessons.examples, strict=True)}
    data = {"examples": len(lessons.learned), "fingerprint": lessons.fingerprint, "held_out": len(lessons.held_out)}
    return Experiment.start(
        folder / LOG,
        about,
        {STAGE: {**data, "datasets": counts}},
        name=f"{folder.resolve().name}/{STAGE}",
        deciding=DECIDING,
        greater_is_better=True,
        tracker=make_tracker(track) if track else None,
    )


def _calibrated(
    kept: Dataset, settings: Settings, model: CrossEncoder | None, seed: int, progress: ProgressCallback | None
) -> Learned:
    from odqa.evaluate.vectors import CachedEncoder
    from odqa.index.encoder import make_encoder

    with CachedEncoder(make_encoder(settings)) as encoder:
        return calibrate(kept, encoder, model, seed=seed, progress=progress)


def _check_place(folder: Path, *, alignment_only: bool) -> None:
    """Make sure that a verifier may be written to a folder; one without a model beside none that has one.

    Raises:
        UsageError: it holds something else.
    """
    from odqa.models.store import check_place

    is_begun = (folder / CHECKPOINT).is_dir() or (folder / LOG).is_dir()
    check_place(folder, STAGE, is_begun=is_begun)
    if alignment_only and (is_begun or (folder / "config.json").is_file()):
        raise UsageError(
            f"{folder} holds a verifier with a model, or the training of one",
            "choose another name or folder, or leave --alignment-only out",
        )
