"""Trackers: told what the log of a training is told, and never in its way."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from odqa.errors import ConfigError
from odqa.learn.experiment import Experiment, Tracker, make_tracker, read_run
from tests.told import Told

SETTINGS: dict[str, Any] = {"rate": 0.001, "schedule": {"epochs": 2}}
DATA: dict[str, Any] = {"fingerprint": "f00", "examples": 100}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_a_tracker_is_told_all_of_it(folder: Path) -> None:
    tracker: Tracker = Told()
    with Experiment.start(folder, SETTINGS, DATA, tracker=tracker) as run:
        run.log(1, loss=2.0, gradient_norm=math.nan)
        run.judged(1, {"f1": 0.5})
        run.finish({"f1": 0.6})
    assert isinstance(tracker, Told)
    assert tracker.told == [
        ("start", run.id, SETTINGS),
        ("log", 1, {"loss": 2.0}),
        ("log", 1, {"held_out/f1": 0.5}),
        ("log", 1, {"final/f1": 0.6}),
        ("finish", "finished"),
    ]


@pytest.mark.parametrize("fails", ["log", "finish"])
def test_a_tracker_that_fails_does_not_end_the_training(folder: Path, fails: str) -> None:
    tracker = Told(fails)
    with Experiment.start(folder, SETTINGS, DATA, tracker=tracker) as run:
        run.log(1, loss=2.0)
        run.log(2, loss=2.0)
    record = read_run(folder)
    assert (record.status, record.step) == ("finished", 2)
    assert len(record.notes) == 1
    assert "the server is away" in record.notes[0]


def test_a_tracker_of_another_package_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mine-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[odqa.trackers]\nmine = their_tracker:Mine\nbroken = gone:Mine\n")
    (tmp_path / "their_tracker.py").write_text("class Mine:\n    def start(self, run): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert type(make_tracker("mine")).__name__ == "Mine"
    with pytest.raises(ConfigError, match="no tracker called 'tensorbored'") as caught:
        make_tracker("tensorbored")
    assert "mlflow, wandb, broken, mine" in caught.value.remedy
    with pytest.raises(ConfigError, match="'broken' cannot be used"):
        make_tracker("broken")


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_whose_package_is_missing_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=f"tracking with {name}") as caught:
        make_tracker(name)
    assert caught.value.remedy == "pip install 'odqa[trackers]'"


@pytest.mark.filterwarnings("ignore")
def test_mlflow_holds_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder.parent / 'mlflow.db'}")
    for _ in range(2):  # The second goes on with the first.
        run = Experiment.start(folder, SETTINGS, DATA, tracker=make_tracker("mlflow"))
        run.log(1, loss=2.0)
        run.judged(1, {"R@10": 0.5})
        run.finish(status="stopped")
    assert run.id == read_run(folder).id
    assert not read_run(folder).notes
    client = mlflow.MlflowClient()
    (kept,) = client.search_runs([client.get_experiment_by_name("odqa").experiment_id])
    assert kept.data.metrics == {"loss": 2.0, "held_out/R_at_10": 0.5}
    assert kept.data.params["settings.schedule.epochs"] == "2"
    assert kept.info.status == "KILLED"


@pytest.mark.filterwarnings("ignore")
def test_wandb_holds_the_run_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with Experiment.start(folder, SETTINGS, DATA, tracker=make_tracker("wandb")) as run:
        run.log(1, loss=2.0)
    assert not read_run(folder).notes
    assert list((folder / "wandb").glob(f"offline-run-*-{run.id}"))
