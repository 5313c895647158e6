"""docs/results.md: what is measured stands on it, what is not measured is named, and published figures have sources."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from odqa.evaluate.result import Result
from odqa.evaluate.storage import save
from odqa.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def make_results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_results", DOCS / "make_results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["make_results"] = module
    spec.loader.exec_module(module)
    return module


HOTPOT = "retrieval hotpot300 --systems exhaustive,dense,bm25,bm25-documents,rrf,rrf-titles,hipporag,hipporag2,raptor"


def result(task: str, dataset: str, **figures: float) -> Result:
    settings = Settings()
    return Result(
        task=task,
        dataset=dataset,
        split="dev",
        n=7,
        settings={name: getattr(settings, name) for name in Settings.__dataclass_fields__},
        metrics=figures,
        baselines={"exhaustive": {name: value / 2 for name, value in figures.items()}},
        seconds={},
        rows=[],
        corpus={"documents": 12, "passages": 90, "entries": 30, "gold_marked": 8, "gold_mapped": 6},
        notes=["Something to know."],
    )


def write(make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(
        "sys.argv", ["make_results", "--no-runs", "--results", str(tmp_path), "--out", str(tmp_path / "p")]
    )
    make_results.main()
    return (tmp_path / "p").read_text()


def test_the_page_holds_what_was_measured_and_says_what_was_not(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hotpot = make_results.Request(HOTPOT)
    save(result("retrieval", "hotpot300", **{"R@10": 0.8642}), tmp_path / hotpot.folder)
    page = write(make_results, tmp_path, monkeypatch)
    assert "| engine | 0.864 |" in page
    assert "| exhaustive | 0.432 |" in page
    assert "75.0% of 8 marks of gold" in page
    assert "- Something to know." in page
    assert f"`odqa eval {HOTPOT}`" in page
    assert "`odqa eval grounding wice --limit 150`: not measured." in page
    assert "T5-3B, ANLI + WiCE .907/.78" in page


def test_a_result_of_other_settings_is_not_shown(
    make_results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = result("retrieval", "hotpot300", **{"R@10": 0.8642})
    other = replace(other, settings={**other.settings, "pooling": 99})
    save(other, tmp_path / make_results.Request(HOTPOT).folder)
    assert "0.864" not in write(make_results, tmp_path, monkeypatch)


def test_a_measurement_that_fails_is_named_with_its_reason(make_results: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    request = make_results.Request("grounding wice --limit 3")
    reason = make_results.measure(request, tmp_path, tmp_path / "data", wanted=True, fresh=False)
    assert "wice" in reason
    assert "Traceback" not in reason
