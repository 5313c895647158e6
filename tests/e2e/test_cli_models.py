"""`odqa models`, and `odqa train compare`: what a person who trains models relies on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.learn.experiment import Experiment
from odqa.models import write_card
from tests.e2e.program import Program, run_here


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store" / "small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    write_card(folder, {"kind": "reader", "description": "A small one.", "figures": {"qmsum val": {"rougeL": 0.2}}})
    return tmp_path / "store"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, rate in (("quick", 1e-3), ("careful", 1e-4)):
        with Experiment.start(tmp_path / "runs" / name, {"rate": rate}, {"fingerprint": "f"}) as run:
            for step in (10, 20):
                run.log(step, loss=rate * step)
                run.judged(step, {"loss": rate / step}, best=True)
    return tmp_path / "runs"


def test_models_are_listed_with_the_encoder_that_comes_with_odqa(odqa: Program, store: Path, tmp_path: Path) -> None:
    def models(*arguments: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = run_here(
            odqa, "models", "list", "--json", *arguments, cwd=tmp_path, ODQA_MODELS=str(store)
        ).json["models"]
        return found

    assert [(one["name"], one["kind"], one["bundled"]) for one in models()] == [
        ("small", "reader", False),
        ("minilm", "encoder", True),
    ]
    assert [one["name"] for one in models("--kind", "reader")] == ["small"]
    shown = run_here(odqa, "models", "list", cwd=tmp_path, ODQA_MODELS=str(store))
    assert "A small one." in shown.out
    assert str(store) in shown.err


def test_a_model_is_described_and_verified(odqa: Program, store: Path, tmp_path: Path) -> None:
    environment = {"ODQA_MODELS": str(store)}
    shown = run_here(odqa, "models", "describe", "small", cwd=tmp_path, **environment)
    assert "qmsum val, rougeL" in shown.out
    card = run_here(odqa, "models", "describe", store / "small", "--json", cwd=tmp_path, **environment).json
    assert (card["name"], card["figures"]) == ("small", {"qmsum val": {"rougeL": 0.2}})
    assert "whole" in run_here(odqa, "models", "verify", "small", cwd=tmp_path, **environment).out
    (store / "small" / "config.json").write_text("[]")
    damaged = run_here(odqa, "models", "verify", "small", "--json", cwd=tmp_path, code=1, **environment).json
    assert (damaged["whole"], len(damaged["problems"])) == (False, 1)


def test_a_model_is_removed_only_when_that_is_meant(odqa: Program, store: Path, tmp_path: Path) -> None:
    environment = {"ODQA_MODELS": str(store)}
    asked = odqa("models", "remove", "small", cwd=tmp_path, code=2, **environment)
    assert "--yes" in asked.err
    assert "comes with odqa" in run_here(odqa, "models", "remove", "minilm", "-y", cwd=tmp_path, code=1).err
    assert "no name" in run_here(odqa, "models", "remove", "../runs", "-y", cwd=tmp_path, code=2, **environment).err
    run_here(odqa, "models", "remove", "small", "--yes", cwd=tmp_path, **environment)
    assert list(store.iterdir()) == []


def test_what_cannot_be_exported_is_one_clear_line(odqa: Program, store: Path, tmp_path: Path) -> None:
    environment = {"ODQA_MODELS": str(store)}
    for arguments, code, said in (
        (("small", "-o", "out"), 1, "no weights in safetensors"),
        (("small", "-o", "out", "--int8"), 2, "--format onnx"),
        (("small", "-o", "out", "--shard-size", "much"), 2, "no size of a file"),
        (("smal", "-o", "out"), 1, "models in"),
        (("minilm", "-o", "out", "--format", "onnx"), 1, "ONNX is written of readers"),
    ):
        assert said in run_here(odqa, "models", "export", *arguments, cwd=tmp_path, code=code, **environment).err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_bundled_encoder_is_exported_in_shards(odqa: Program, tmp_path: Path) -> None:
    arguments = ("models", "export", "minilm", "-o", "copy", "--shard-size", "40MB", "--json")
    done = run_here(odqa, *arguments, cwd=tmp_path)
    shards = [name for name in done.json["files"] if name.endswith(".safetensors")]
    assert len(shards) == 3
    assert {"tokenizer.json", "odqa.json", "README.md"} <= done.json["files"].keys()


def test_runs_are_compared(odqa: Program, runs: Path, tmp_path: Path) -> None:
    shown = run_here(odqa, "train", "compare", "runs", "-o", "page.html", cwd=tmp_path)
    for text in ("A careful", "B quick", "0.0001", "finished", "loss, best"):
        assert text in shown.out
    assert "<svg" in (tmp_path / "page.html").read_text() or "no curves" in shown.err
    found = run_here(odqa, "train", "compare", runs / "quick", runs / "careful", "--json", cwd=tmp_path).json
    assert found["settings"] == {"rate": {"A quick": 1e-3, "B careful": 1e-4}}
    assert found["runs"][0]["best"] == {"loss": 5e-5}
    # A model of the store is meant by its name; its runs lie beside it.
    beside = run_here(odqa, "train", "compare", "runs", "--json", cwd=tmp_path / "runs", ODQA_MODELS=str(tmp_path))
    assert beside.json["settings"] == {"rate": {"A careful": 1e-4, "B quick": 1e-3}}


def test_a_folder_without_runs_is_one_clear_line(odqa: Program, tmp_path: Path) -> None:
    assert "no run of a training" in run_here(odqa, "train", "compare", ".", cwd=tmp_path, code=2).err
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    assert "update odqa" in run_here(odqa, "train", "compare", ".", cwd=tmp_path, code=2).err
