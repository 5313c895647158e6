"""What became of a course, and the card of the reader that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.learn.reader.plan import Course
from odqa.learn.reader.run import Learned
from odqa.learn.reader.start import Architecture
from odqa.reader.neural.folder import KIND

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset

_BUNDLED = "sentence-transformers/all-MiniLM-L6-v2"
_LIMITS = (
    "It writes little that its sources do not say in nearly the same words.",
    "What it writes is to be checked: odqa's verifier does so for every sentence.",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a course.

    Attributes:
        folder: of the reader.
        stages: what became of each.
        parameters: of the model, and those that learned.
        finished: whether it was followed to its end.
        seconds: that it took this time.
    """

    folder: Path
    stages: Mapping[str, Learned]
    parameters: tuple[int, int]
    finished: bool
    seconds: float

    @property
    def figures(self) -> dict[str, dict[str, float]]:
        """Return the held-out figures of the weights that each stage ended with."""
        found = {}
        for name, learned in self.stages.items():
            judged = dict(learned.run.judgements)
            if judged:
                found[name] = dict(judged.get(learned.run.best) or judged[max(judged)])
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        stages = {
            name: {
                "steps": learned.run.steps,
                "stopped": learned.run.stopped,
                "examples": learned.examples,
                "held_out": learned.held_out,
                "judgements": [{"step": step, **figures} for step, figures in learned.run.judgements],
            }
            for name, learned in self.stages.items()
        }
        return {
            "folder": str(self.folder),
            "parameters": self.parameters[0],
            "trained_parameters": self.parameters[1],
            "finished": self.finished,
            "seconds": self.seconds,
            "stages": stages,
        }


def write_reader_card(
    course: Course, architecture: Architecture, datasets: Sequence[Dataset], outcome: Outcome
) -> None:
    """Write the card of a reader into its folder, which makes it a model that `odqa models` knows.

    Args:
        course: that it followed.
        architecture: what it is made of.
        datasets: that it learned from.
        outcome: what became of it.
    """
    from odqa.models import write_card

    sizes = {name: learned.examples for name, learned in outcome.stages.items()}
    steps = {name: learned.run.steps for name, learned in outcome.stages.items()}
    bases = [str(one) for one in (architecture.encoder or _BUNDLED, architecture.decoder) if one]
    about = {
        "kind": KIND,
        "description": "Encoder–decoder reader of odqa: writes answers from numbered sources and cites them.",
        "languages": ["en"],
        "bases": bases,
        "learned_from": [{"name": dataset.name, "split": dataset.split} for dataset in datasets],
        "settings": {"course": _plain(asdict(course)), "architecture": _plain(asdict(architecture))},
        "figures": {f"{name} held-out": figures for name, figures in outcome.figures.items()},
        "limits": _LIMITS if outcome.finished else (*_LIMITS, "Its training was left off before its end."),
        "shape": {"parameters": outcome.parameters[0], "trained parameters": outcome.parameters[1]},
        "training": {"seconds of the last sitting": round(outcome.seconds), "examples": sizes, "steps": steps},
    }
    write_card(outcome.folder, about)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
