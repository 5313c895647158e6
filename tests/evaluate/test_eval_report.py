"""Results on disk and as a page: nothing is lost, nothing is loaded from elsewhere, and text stays text."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.errors import LoadError
from odqa.evaluate.compare import compare
from odqa.evaluate.report.page import write_comparison, write_report
from odqa.evaluate.result import Result
from odqa.evaluate.storage import load, save, to_json

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
VOID = {"meta", "br", "link", "img", "path", "use", "line", "rect", "circle", "polyline", "ellipse", "stop"}


def result(**changes: object) -> Result:
    rows = [
        {
            "id": f"q{n}",
            "question": f"Why {ATTACK} {n}?",
            "type": "why",
            "hops": 1,
            "metrics": {"R@10": float(n % 2), "nDCG@5": 0.0},
            "baselines": {"bm25": {"R@10": 0.5}},
            "answer": ATTACK,
            "references": [ATTACK],
            "gold": [{"document_id": ATTACK, "quote": ATTACK}],
            "evidence": [{"document_id": "d", "title": ATTACK, "text": ATTACK, "score": 0.5}],
        }
        for n in range(6)
    ]
    whole = Result(
        task="retrieval",
        dataset=ATTACK,
        split="dev",
        n=6,
        settings={"encoder": "hashing", "strict": False, "note": ATTACK},
        metrics={"R@10": 0.5, "nDCG@5": 0.0, "odd": math.nan},
        baselines={"bm25": {"R@10": 0.25}},
        seconds={"search": 1.5},
        rows=rows,
        groups={"type": {ATTACK: {"n": 6, "R@10": 0.5}}, "weather": {"rain": {"n": 3, "R@10": 0.1}}},
        curves={
            "recall": [{"k": 1, "pooled": 0.1, "bm25": 0.2}, {"k": 10, "pooled": 0.5, "bm25": 0.4}],
            "pooling": [{"compression": 4, "kept": 1.01}, {"compression": 40, "kept": 0.9}],
            "calibration": [{"confidence": 0.2, "answered_right": 0.1, "n": 3}],
            "never seen": [{"x": 1, "y": 2}, {"x": 2, "y": math.nan}],
        },
        corpus={"documents": 3, "gold_marked": 6, "gold_mapped": 5},
        notes=[f"Opened by `documents`. {ATTACK}"],
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects what a page would run or load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.loaded += [str(value) for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def check(path: Path) -> str:
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert page.handlers == []
    assert [target for target in page.loaded if not target.startswith("#")] == []
    return text


def test_a_report_draws_everything_and_runs_nothing(tmp_path: Path) -> None:
    write_report(result(), tmp_path / "report.html")
    text = check(tmp_path / "report.html")
    assert text.count("<figure") == 4
    for shown in ("Never seen", "weather", "rain", "83.3 %", "<code>documents</code>", "alert(1)", "1 further figures"):
        assert shown in text


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": [], "n": 0},
        {"baselines": {}},
        {"curves": {}, "groups": {}, "notes": [], "corpus": {}, "seconds": {}},
        {"metrics": {}, "baselines": {}, "rows": []},
        {"curves": {"recall": [{"k": 1, "pooled": 0.5}]}},
        {"curves": {"recall": [{"k": 1, "pooled": math.nan}]}},
        {"task": "a task to come", "groups": {"type": {}}},
    ],
)
def test_whatever_is_missing_there_is_a_page(tmp_path: Path, changes: dict[str, object]) -> None:
    write_report(result(**changes), tmp_path / "report.html")
    check(tmp_path / "report.html")


def test_a_comparison_is_a_page(tmp_path: Path) -> None:
    better = [{**row, "metrics": {"R@10": 1.0, "nDCG@5": 0.0}} for row in result().rows]
    comparison = compare(result(), result(rows=better), samples=200)
    write_comparison(comparison, tmp_path / "comparison.html")
    assert "R@10" in check(tmp_path / "comparison.html")


TEXT = st.text(st.characters(codec=None), max_size=20)
FIGURE = st.floats(-1e6, 1e6).map(lambda value: round(value, 6)) | st.just(math.nan)
FIGURES = st.dictionaries(TEXT, FIGURE, max_size=3)


@given(TEXT, FIGURES, st.dictionaries(TEXT, FIGURES, max_size=2), st.lists(TEXT, max_size=2))
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    figures: dict[str, float],
    baselines: dict[str, dict[str, float]],
    notes: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("result")
    rows = [{"id": "1", "question": text, "metrics": figures, "baselines": baselines}]
    saved = result(metrics=figures, baselines=baselines, rows=rows, notes=notes, settings={"x": text})
    whole = save(saved, folder)
    assert "NaN" not in whole.read_text("utf-8")
    for path in (whole, folder):
        assert repr(load(path)) == repr(replace(saved, curves=load(path).curves))


def test_the_printed_json_is_a_result_too(tmp_path: Path) -> None:
    save(result(), tmp_path / "out")
    printed = to_json(result(), str(tmp_path / "out" / "per_question.jsonl"))
    (tmp_path / "printed.json").write_text(json.dumps(printed))
    assert [row["id"] for row in load(tmp_path / "printed.json").rows] == [f"q{n}" for n in range(6)]


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("result.json", "{", "result.json: not JSON"),
        ("result.json", "[]", "must be an object"),
        ("result.json", '{"task": "retrieval"}', "no field"),
        ("per_question.jsonl", '{"id": "q0"}\nnothing\n', "line 2: not JSON"),
        ("per_question.jsonl", '{"id": "q0"}\n{"id": "q0"}\n', "line 2: question 'q0' stands in line 1"),
        ("per_question.jsonl", '{"id": "q0", "metrics": {"R@1": "high"}}\n', "line 1: metrics"),
    ],
)
def test_a_damaged_result_is_named(tmp_path: Path, file: str, content: str, says: str) -> None:
    save(result(), tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(LoadError, match=says):
        load(tmp_path)
