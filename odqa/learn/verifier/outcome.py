"""What became of a verifier's course, and what is written of it: `verifier.json` for the engine, cards for people."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.errors import UsageError
from odqa.learn import checkpoint
from odqa.learn.material import split_of
from odqa.learn.verifier.examples import EVIDENCE_WORDS
from odqa.learn.verifier.export import export
from odqa.learn.verifier.lessons import Lessons
from odqa.learn.verifier.make import Learned
from odqa.learn.verifier.train import LABELS, CrossEncoder
from odqa.models.verifier_card import CARD, verifier_about
from odqa.reader.grounding.calibration import NAMING

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.learn.loop import Run
    from odqa.learn.verifier.course import Course
    from odqa.models.about import About, Base, LearnedFrom
    from odqa.settings import Settings

_BUNDLED = ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0")
_TOLD = ("balanced_accuracy", "roc_auc")
"""Figures of regressions that are not the one in use; `verifier.json` has all of them."""
_ENGLISH = "Its rules about numbers, names, dates and negation are made for English."


@dataclass(frozen=True, slots=True)
class Taught:
    """A model, and how it came about.

    Attributes:
        model: with the best weights.
        lessons: what it learned, and what was held out.
        run: the training.
    """

    model: CrossEncoder
    lessons: Lessons
    run: Run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a course.

    Attributes:
        folder: of the verifier.
        kept: the data set whose claims calibrate.
        learned: the regressions, and what they are worth.
        seconds: of computing in all; those before an interruption too where there is a model.
        taught: the model; None where there is none.
    """

    folder: Path
    kept: Dataset
    learned: Learned
    seconds: float
    taught: Taught | None = None

    @property
    def figures(self) -> dict[str, dict[str, float]]:
        """Return the figures for a card: of the labelled claims, and of the pairs that were held out.

        Those of the regression in use have their plain names; of the others the main ones are told, under their names.
        """
        learned, measured = self.learned, f"{self.kept.name} {self.kept.split}".strip()
        used = learned.figures[learned.used]
        found = {measured: dict(used)}
        for name, row in learned.figures.items():
            if name != learned.used:
                told = {metric: row[metric] for metric in _TOLD if metric in row}
                if row["n"] != used["n"]:
                    told["n"] = row["n"]
                found[measured] |= {f"{name} {metric}": value for metric, value in told.items()}
        if self.taught is not None and (judged := dict(self.taught.run.judgements)):
            run = self.taught.run
            found["pairs held-out"] = dict(judged.get(run.best) or judged[max(judged)])
        return {of: {name: _whole(value) for name, value in row.items()} for of, row in found.items()}

    def card(self, course: Course) -> dict[str, Any]:
        """Return what `verifier.json` says, which the engine reads."""
        about: dict[str, Any] = {"learned_from": list(course.datasets), "seed": course.seed}
        if (taught := self.taught) is not None:
            run = taught.run
            about |= {"steps": run.steps, "losses": list(run.losses), "held_out_auc": list(run.held_out)}
            about |= {"max_tokens": taught.model.max_tokens, "evidence_words": EVIDENCE_WORDS, "labels": list(LABELS)}
        return {**self.learned.card, **about}


def write(outcome: Outcome, course: Course, settings: Settings, datasets: Sequence[Dataset]) -> None:
    """Write a verifier into its folder, with its cards: `--set verifier=FOLDER` uses it, `odqa models` knows it.

    The checkpoints of its training go when all is written: nothing is left to be taken up.

    Args:
        outcome: of the course.
        course: what it was to learn.
        settings: that it was calibrated with.
        datasets: of the course, in its order.

    Raises:
        UsageError: the folder cannot be written.
        ModelError: the model is none of BERT's kind, or a card cannot be written.
    """
    from odqa.models import write_card

    folder, taught = outcome.folder, outcome.taught
    body = outcome.card(course)
    if taught is not None:
        export(taught.model, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fs.write_atomic(folder / CARD, (json.dumps(body, indent=1) + "\n").encode())
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", "choose a folder that can be written") from error
    write_card(folder, _about(body, outcome, course, settings, datasets))
    checkpoint.remove(folder)


def _about(
    body: Mapping[str, Any], outcome: Outcome, course: Course, settings: Settings, datasets: Sequence[Dataset]
) -> About:
    known, taught = verifier_about(body), outcome.taught
    training = {**known.training, "seconds": round(outcome.seconds)}
    shape = dict(known.shape)
    if taught is not None:
        parameters, learned = taught.model.sizes
        shape |= {"parameters": parameters, "trained_parameters": learned}
        training["losses"] = [round(loss, 4) for loss in taught.run.losses]
        training |= {"learned_pairs": len(taught.lessons.learned), "held_out_pairs": len(taught.lessons.held_out)}
    return dataclasses.replace(
        known,
        languages=("en",),
        bases=tuple(_bases(course)),
        learned_from=tuple(_sources(outcome, course, datasets)),
        settings=_settings(course, settings),
        figures=outcome.figures,
        limits=tuple(_limits(outcome)),
        shape=shape,
        training=training,
    )


def _bases(course: Course) -> Iterator[Base]:
    from odqa.models import Base

    if course.alignment_only:
        return
    name, licence = _BUNDLED if course.base is None else (course.base.resolve().name, "")
    yield Base(name, licence, "encoder")


def _sources(outcome: Outcome, course: Course, datasets: Sequence[Dataset]) -> Iterator[LearnedFrom]:
    """Yield the data sets with how many pairs and claims were learned from each; those that gave none are left out."""
    from odqa.data.datasets.registry import DATASETS
    from odqa.models import LearnedFrom

    pairs = outcome.taught.lessons.examples if outcome.taught is not None else (0,) * len(datasets)
    for name, dataset, count in zip(course.datasets, datasets, pairs, strict=True):
        examples = count + (int(outcome.learned.card["claims"]) if dataset is outcome.kept else 0)
        if examples:
            registered = DATASETS.get(split_of(name)[0])
            licence = "" if registered is None or Path(name).exists() else registered.licence
            yield LearnedFrom(dataset.name, dataset.split, examples, licence)


def _settings(course: Course, settings: Settings) -> dict[str, Any]:
    """Return the choices that are told nowhere else on the card."""
    if course.alignment_only:
        return {"alignment_only": True, "encoder": settings.encoder}
    told = ("pairs", "documents", "epochs", "layers", "rate")
    return {**{name: getattr(course, name) for name in told}, "encoder": settings.encoder}


def _limits(outcome: Outcome) -> Iterator[str]:
    card = outcome.learned.card
    claims, of = card["claims"], card["calibrated_on"]
    yield f"Its probabilities are those of the {claims:,} claims of {of} that calibrated it; of others they may be off."
    if outcome.taught is not None:
        yield f"Its model reads {EVIDENCE_WORDS} words of evidence with a claim: the sentences that share most with it."
    if NAMING not in outcome.learned.figures:
        yield f"Whether names stand in their place is judged as odqa has learned it elsewhere: {of} has none to swap."
    yield _ENGLISH


def _whole(value: float) -> float:
    """Return a count as an integer, which is how a card shows it."""
    return int(value) if float(value).is_integer() and value > 1 else value
