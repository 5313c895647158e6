"""Runs side by side: hand-worked summaries, and a page that shows them to people."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from odqa.cli.train.compare import sparkline
from odqa.errors import LoadError, UsageError
from odqa.learn.experiment import Experiment, find_runs, read_run
from odqa.learn.experiment.compare import Comparison, compare_runs, thinned
from odqa.learn.experiment.page import write_runs
from odqa.learn.experiment.record import Line

OTHERS = {"recall": 0.5, "words": 90.0}


def run(
    folder: Path, rate: float = 1e-3, *, steps: int = 20, name: str = "", others: Any = None, **settings: Any
) -> Path:
    given = {"rate": rate, "schedule": {"shape": "cosine", "epochs": 2}, **settings}
    data = {"fingerprint": f"f{steps}"}
    with Experiment.start(folder, given, data, name=name, deciding="f1", greater_is_better=True) as experiment:
        for step in range(1, steps + 1):
            experiment.log(step, loss=10 / step, targets_per_second=100.0 * step)
            if step % 5 == 0:
                experiment.judged(step, {"f1": 0.1 * (3 - abs(3 - step // 5)), **(others or {})})
        experiment.sample(steps, "It sank.", wanted="Its pier had sunk.", asked="Why was it closed?")
        experiment.finish({"squality f1": 0.2})
    return folder


def compared(*folders: Path) -> Comparison:
    return compare_runs([read_run(folder) for folder in folders])


def test_best_and_last_figures_are_told_apart(tmp_path: Path) -> None:
    (summary,) = compared(run(tmp_path / "a")).runs
    assert (summary.best_step, summary.best["f1"], summary.last["f1"]) == (15, pytest.approx(0.3), pytest.approx(0.2))
    assert summary.loss == pytest.approx((10 / 19 + 10 / 20) / 2, rel=1e-5)
    assert summary.targets_per_second == 1050  # The median of 100, 200 … 2,000.


def test_only_what_differs_is_a_row(tmp_path: Path) -> None:
    found = compared(run(tmp_path / "a"), run(tmp_path / "b", 1e-4, lora=8), run(tmp_path / "c", steps=25))
    assert {row.name: row.values for row in found.settings} == {"rate": (1e-3, 1e-4, 1e-3), "lora": (None, 8, None)}
    assert {row.name: row.values for row in found.data} == {"fingerprint": ("f20", "f20", "f25")}
    assert found.circumstances == ()
    assert [summary.label for summary in found.runs] == ["A a", "B b", "C c"]


def test_a_long_curve_is_averaged_over_equal_ranges() -> None:
    lines = [Line("step", step, step / 2, {"loss": float(step)}) for step in range(1000)]
    assert thinned(lines, "loss", most=10) == tuple(
        (99 + 100 * n, (99 + 100 * n) / 2, 49.5 + 100 * n) for n in range(10)
    )
    assert len(thinned(lines, "loss", most=1000)) == 1000
    assert thinned(lines, "f1") == ()


def test_a_sparkline_shows_the_course() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([1.0, float("nan"), 0.0]) == "█▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)))) == 32


def test_folders_of_runs_are_found(tmp_path: Path) -> None:
    runs = [run(tmp_path / "all" / name) for name in ("b", "a")]
    run(tmp_path / "all" / "a")  # The finished one is put aside, and no run of its own.
    assert find_runs([tmp_path / "all"]) == [runs[1], runs[0]]
    assert find_runs([runs[0], tmp_path / "all", runs[0] / "run.json"]) == runs
    (tmp_path / "all" / "theirs").mkdir()
    (tmp_path / "all" / "theirs" / "run.json").write_text('{"of": "another program"}')
    assert find_runs([tmp_path / "all"]) == [runs[1], runs[0]]
    (tmp_path / "none").mkdir()
    with pytest.raises(LoadError, match="no run of a training"):
        find_runs([tmp_path / "none"])


def test_what_cannot_be_compared_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        compare_runs([])
    with pytest.raises(UsageError, match="27 runs"):
        compare_runs([read_run(run(tmp_path / "a"))] * 27)


def test_runs_that_are_not_over_are_noted(tmp_path: Path) -> None:
    Experiment.start(tmp_path / "a", {}, {}).log(1, loss=1.0)
    failed = Experiment.start(tmp_path / "b", {}, {})
    with pytest.raises(UsageError), failed:
        raise UsageError("no data")
    notes = compared(tmp_path / "a", tmp_path / "b").notes
    assert [note.split(":")[0] for note in notes] == ["A a has no end", "B b failed"]


def test_the_comparison_is_json(tmp_path: Path) -> None:
    found = json.loads(json.dumps(compared(run(tmp_path / "a"), run(tmp_path / "b", 1e-4)).to_json(), allow_nan=False))
    assert found["settings"] == {"rate": {"A a": 1e-3, "B b": 1e-4}}
    assert [one["best"]["f1"] for one in found["runs"]] == [pytest.approx(0.3)] * 2
    loss = found["curves"][0]
    assert (loss["name"], loss["held_out"], len(loss["points"]["B b"])) == ("loss", False, 20)
    assert [curve["name"] for curve in found["curves"]] == ["loss", "f1"]


class Page(HTMLParser):
    """Text, headings and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.paths = 0
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.links += [named[name] or "" for name in ("src", "href") if named.get(name)]
        if tag == "svg" and named.get("role") == "img":
            self.captions.append(named.get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_curve_by_step_and_by_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    # Names that the plots of evaluations know as axes, and text of others.
    folders = [
        run(tmp_path / "a", name="words", others=OTHERS),
        run(tmp_path / "b", 1e-4, name="<script>alert(1)</script>"),
    ]
    assert write_runs(compared(*folders), tmp_path / "page.html") == ""
    page = Page((tmp_path / "page.html").read_text())
    assert page.captions == [
        f"{name} by {x}"
        for name in ("Loss in training", "f1, held out", "recall, held out", "words, held out")
        for x in ("steps", "time")
    ]
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    for shown in ("A words", "B <script>alert(1)</script>", "0.0001", "It sank.", "Its pier had sunk.", "Why was it"):
        assert shown in page.text
    assert "Recall by depth" not in page.text


def test_one_run_alone_has_a_page_with_its_settings(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_runs(compared(run(tmp_path / "a", name="k")), tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert len(page.captions) == 4
    assert "rate" in page.text
    assert "What differs" not in page.text


def test_without_matplotlib_there_is_a_page_without_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    lacking = write_runs(compared(run(tmp_path / "a"), run(tmp_path / "b", 1e-4)), tmp_path / "page.html")
    assert "pip install 'odqa[eval]'" in lacking
    page = Page((tmp_path / "page.html").read_text())
    assert page.captions == []
    assert "pip install 'odqa[eval]'" in page.text
    assert "0.0001" in page.text


def test_a_run_without_a_line_can_be_shown(tmp_path: Path) -> None:
    Experiment.start(tmp_path / "a", {}, {}).finish()
    write_runs(compared(tmp_path / "a"), tmp_path / "page.html")
    assert compared(tmp_path / "a").to_json()["runs"][0]["loss"] is None
