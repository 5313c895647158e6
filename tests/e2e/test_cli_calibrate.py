"""`odqa calibrate`: what it prints, what it leaves in the index, and what it says to wrong input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Program, run_here

LIBRARY = ROOT / "examples" / "library"

pytestmark = pytest.mark.skipif(not LIBRARY.is_dir(), reason="the example library is not here")


@pytest.fixture(scope="module")
def harbour(odqa: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the example library, which the tests do not change."""
    folder = tmp_path_factory.mktemp("harbour")
    run_here(odqa, "index", "build", LIBRARY, "-o", "harbour.odqa", "--encoder", "hashing", "-q", cwd=folder)
    return folder


def test_calibrating_writes_a_file_that_verification_accepts(odqa: Program, harbour: Path, tmp_path: Path) -> None:
    shutil.copytree(harbour / "harbour.odqa", tmp_path / "harbour.odqa")
    run = run_here(odqa, "calibrate", "--count", 40, "--json", cwd=tmp_path)
    kept = json.loads((tmp_path / "harbour.odqa" / "calibration.json").read_text("utf-8"))
    assert run.json["saved"] == "harbour.odqa/calibration.json"
    assert kept["version"] == 1
    assert kept["figures"] == run.json["figures"]
    assert {question["kind"] for question in run.json["questions"]} >= {"answered", "foreign", "excluded"}
    assert [point["coverage"] for point in run.json["curve"]] == sorted(p["coverage"] for p in run.json["curve"])
    assert run_here(odqa, "index", "verify", "harbour.odqa", cwd=tmp_path).code == 0


def test_what_is_printed(odqa: Program, harbour: Path) -> None:
    run = run_here(odqa, "calibrate", "--count", 40, "--dry-run", "--risk", "0.3", cwd=harbour)
    for part in ("ROC-AUC", "calibration error (ECE)", "area under risk–coverage", "0%", "Refuses below"):
        assert part in run.out
    assert not (harbour / "harbour.odqa" / "calibration.json").exists()


def test_the_picture_goes_to_a_file(odqa: Program, harbour: Path) -> None:
    pytest.importorskip("matplotlib")
    run_here(odqa, "calibrate", "--count", 40, "--dry-run", "--svg", "curve.svg", cwd=harbour)
    assert "<svg" in (harbour / "curve.svg").read_text("utf-8")


def test_labelled_questions(odqa: Program, harbour: Path) -> None:
    rows = [{"question": f"What did the harbour board say of dredger {n}?", "answerable": True} for n in range(10)]
    rows += [{"question": f"How hot is star number {n}?", "answerable": False} for n in range(10)]
    (harbour / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = run_here(odqa, "calibrate", "--questions", "own.jsonl", "--dry-run", "--json", cwd=harbour)
    assert run.json["figures"]["questions"] == 20
    assert run.json["saved"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "3"], "count must be at least"),
        (["--risk", "2"], "risk must lie between 0 and 1"),
        (["--questions", "none.jsonl"], "there is no such file"),
        (["--svg", "no/such/folder/x.svg"], "there is no folder"),
        (["-i", "none.odqa"], "there is no index here"),
    ],
)
def test_wrong_input_is_one_line(odqa: Program, harbour: Path, arguments: list[str], said: str) -> None:
    run = run_here(odqa, "calibrate", *arguments, cwd=harbour, code=2)
    assert said in run.err
    assert run.err.count("\n") == 1
    assert run.out == ""
