"""`odqa train verifier`, from files of one's own to a verifier that answers, is listed, verified, compared, removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import claimed
from tests.e2e.program import Program, run_here


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return claimed.write(tmp_path_factory.mktemp("own") / "data")


def test_a_verifier_is_trained_by_name_answers_and_goes_when_asked(
    odqa: Program, place: Path, data: Path, tmp_path: Path
) -> None:
    store = {"ODQA_MODELS": str(tmp_path / "store")}
    command = ["train", "verifier", data / "claims", data / "answers", "--base", data / "encoder", "--layers", "1"]
    command += ["--pairs", "60", "--epochs", "1", "--set", "encoder=hashing", "--set", "device=cpu"]
    trained = run_here(odqa, *command, "-o", "mine", "--json", cwd=tmp_path, **store).json
    folder = tmp_path / "store" / "mine"
    assert trained["folder"] == str(folder)
    assert trained["steps"] > 0
    (listed,) = run_here(odqa, "models", "list", "--kind", "verifier", "--json", cwd=tmp_path, **store).json["models"]
    assert (listed["name"], listed["kind"]) == ("mine", "verifier")
    described = run_here(odqa, "models", "describe", "mine", cwd=tmp_path, **store).out
    for text in ("Learned from", "claims, roc_auc", "pairs held-out, roc_auc", "Limits"):
        assert text in described
    assert "whole" in run_here(odqa, "models", "verify", "mine", cwd=tmp_path, **store).out
    asked = ("ask", "How much did the repair of the Linden Bridge cost?", "-i", place / "library.odqa", "--json")
    answer = run_here(odqa, *asked, "--set", "verifier=mine", "--set", "device=cpu", cwd=tmp_path, **store)
    assert "2.4 million" in answer.json["text"]  # The source's own words need no model.
    run_here(odqa, *command, "-o", "./words", "--alignment-only", cwd=tmp_path, **store)
    compared = run_here(odqa, "train", "compare", "mine", "-o", "page.html", cwd=tmp_path, **store)
    for text in ("mine/verifier", "finished", "roc_auc, best", "claims balanced_accuracy"):
        assert text in compared.out
    assert "mine/verifier" in (tmp_path / "page.html").read_text("utf-8")
    none = run_here(odqa, "train", "compare", "words", cwd=tmp_path, code=2, **store)
    assert "no run of a training" in none.err
    run_here(odqa, "models", "export", "mine", "-o", "copy", cwd=tmp_path, **store)
    assert "whole" in run_here(odqa, "models", "verify", "./copy", cwd=tmp_path, **store).out
    (folder / "verifier.json").write_text("{}", "utf-8")
    damaged = run_here(odqa, "models", "verify", "mine", cwd=tmp_path, code=1, **store)
    assert "verifier.json" in damaged.out
    run_here(odqa, "models", "remove", "mine", "--yes", cwd=tmp_path, **store)
    assert list((tmp_path / "store").iterdir()) == []
    assert "no verifier called" in run_here(odqa, *asked, "--set", "verifier=mine", cwd=tmp_path, code=2, **store).err


def test_a_reader_is_not_written_over(odqa: Program, data: Path, tmp_path: Path) -> None:
    (tmp_path / "store" / "mine").mkdir(parents=True)
    (tmp_path / "store" / "mine" / "odqa.json").write_text('{"format": 1, "kind": "reader"}', "utf-8")
    command = ("train", "verifier", data / "claims", "--alignment-only", "-o", "mine", "--set", "encoder=hashing")
    ran = run_here(odqa, *command, cwd=tmp_path, code=2, ODQA_MODELS=str(tmp_path / "store"))
    assert "holds a reader" in ran.err
    assert not (tmp_path / "store" / "mine" / "verifier.json").exists()
