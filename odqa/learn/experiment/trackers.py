"""Tell a tracker how a run goes: MLflow or Weights & Biases, or one that another package registers as `odqa.trackers`.

The plain files are written in any case. What a tracker needs, its address and its key, it takes from its own
environment variables (`MLFLOW_TRACKING_URI`, `WANDB_API_KEY`, `WANDB_MODE=offline` …), never from odqa.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from odqa.errors import ConfigError
from odqa.learn.experiment.record import RunRecord
from odqa.models.about import flat

PROJECT = "odqa"
_GROUP = "odqa.trackers"
_ENDED = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_PARAMETERS = 100
"""Parameters that MLflow takes at once."""
_LONGEST = 500
"""Characters of a parameter's value that every store of MLflow takes."""


@runtime_checkable
class Tracker(Protocol):
    """Is told how a run goes.

    An error in `start` is one of the configuration and ends the command; after one in `log` or `finish` the tracker is
    told no more, and the training goes on.
    """

    def start(self, run: RunRecord) -> None:
        """Begin a run, or go on with it: `run.id` stays the same when a run is taken up again."""
        ...

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take finite figures of a step; held-out ones are called `held_out/…`, those of the end `final/…`."""
        ...

    def finish(self, status: str) -> None:
        """End the run: `finished`, `stopped` (it may be taken up) or `failed`."""
        ...


def make_tracker(name: str) -> Tracker:
    """Return the tracker of a name: `mlflow`, `wandb`, or one that an installed package registers.

    Raises:
        ConfigError: there is none, or what it needs is not installed.
    """
    from importlib.metadata import entry_points

    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    points = {point.name: point for point in entry_points(group=_GROUP)}
    if name not in points:
        known = ", ".join([*_BUILT_IN, *sorted(points.keys() - _BUILT_IN.keys())])
        raise ConfigError(f"there is no tracker called {name!r}", f"known trackers: {known}")
    try:
        tracker: Tracker = points[name].load()()
    except (ImportError, AttributeError) as error:
        remedy = f"{points[name].value} cannot be imported: {error}; install what it needs, or name another"
        raise ConfigError(f"the tracker {name!r} cannot be used", remedy) from error
    return tracker


class MlflowTracker:
    """Writes to MLflow, where its own settings say (by default `mlflow.db` here): experiment `odqa`, a run for each.

    Raises:
        ConfigError: MLflow is not installed.
    """

    def __init__(self) -> None:
        self._mlflow = _need("mlflow")
        self._run = ""

    def start(self, run: RunRecord) -> None:
        """Make the run, or take it up by the tag that it was made with."""
        try:
            self._client = self._mlflow.MlflowClient()
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            experiment = self._client.get_experiment_by_name(name)
            place = experiment.experiment_id if experiment is not None else self._client.create_experiment(name)
            known = self._client.search_runs([place], filter_string=f"tags.odqa_run = '{run.id}'", max_results=1)
            if known:
                self._run = known[0].info.run_id
                self._client.update_run(self._run, status="RUNNING")
                return
            tags = {"odqa_run": run.id, "odqa_commit": run.commit, "odqa_command": run.command}
            self._run = self._client.create_run(place, run_name=run.name, tags=tags).info.run_id
            named = {
                _mlflow_name(key): value for key, value in flat({"settings": run.settings, "data": run.data}).items()
            }
            entries = [self._mlflow.entities.Param(key, str(value)[:_LONGEST]) for key, value in named.items()]
            for first in range(0, len(entries), _PARAMETERS):
                self._client.log_batch(self._run, params=entries[first : first + _PARAMETERS])
        except self._mlflow.exceptions.MlflowException as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"mlflow: {reason}", "set MLFLOW_TRACKING_URI, e.g. sqlite:///mlflow.db") from error

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Write figures as metrics."""
        now = int(time.time() * 1000)
        metrics = [self._mlflow.entities.Metric(_mlflow_name(key), value, now, step) for key, value in figures.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def finish(self, status: str) -> None:
        """Set the status of the run."""
        self._client.set_terminated(self._run, status=_ENDED.get(status, "FINISHED"))


class WandbTracker:
    """Writes to Weights & Biases, or with `WANDB_MODE=offline` into the folder of the run, for `wandb sync`.

    Raises:
        ConfigError: wandb is not installed.
    """

    def __init__(self) -> None:
        self._wandb = _need("wandb")
        self._run: Any = None

    def start(self, run: RunRecord) -> None:
        """Begin the run under its own id, or go on with it."""
        try:
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                id=run.id,
                name=run.name,
                dir=str(run.folder),
                config={"settings": dict(run.settings), "data": dict(run.data), "commit": run.commit},
                resume="allow",
            )
        except self._wandb.errors.Error as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"wandb: {reason}", "`wandb login`, or set WANDB_MODE=offline") from error
        # A run that was taken up tells steps again, which wandb's own counter would not allow.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Write figures."""
        self._run.log({"step": step, **figures})

    def finish(self, status: str) -> None:
        """End the run."""
        self._run.finish(exit_code=1 if status == "failed" else 0)


def _need(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"tracking with {module} needs the package: {error}", "pip install 'odqa[trackers]'"
        ) from error


def _mlflow_name(name: str) -> str:
    """Return a name as MLflow takes it, plain characters that are no way to another folder: `R@10` is `R_at_10`."""
    plain = re.sub(r"[^\w\-. /]", "_", name.replace("@", "_at_"))
    return "/".join(part for part in plain.split("/") if part.strip("."))


_BUILT_IN: Mapping[str, Callable[[], Tracker]] = {"mlflow": MlflowTracker, "wandb": WandbTracker}
