"""`--explain`, `--graph` and `--within` as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.program import Program, run_here, write_library

WHY = "Why was the Linden Bridge closed?"


@pytest.fixture(scope="module")
def odqa(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def place(odqa: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_library(folder / "library")
    run_here(odqa, "index", "build", "library", "--encoder", "hashing", "-q", cwd=folder)
    return folder


def test_explain_draws_one_tree_under_the_results(odqa: Program, place: Path) -> None:
    plain = run_here(odqa, "search", WHY, "-k", "2", cwd=place).out
    out = run_here(odqa, "search", WHY, "-k", "2", "--explain", cwd=place).out
    results, _, tree = out.partition("\nHow it was found\n")
    assert results == plain
    assert tree.splitlines()[0] == f"question {WHY}"
    assert tree.count(f"question {WHY}") == 1
    assert "[1] passage" in tree
    assert "score from dense" in tree
    answer = run_here(odqa, "ask", WHY, "--explain", cwd=place).out
    assert answer.count(f"question {WHY}") == 1
    assert "Confidence" in answer


def test_json_has_the_trace_where_it_is_asked_for(odqa: Program, place: Path) -> None:
    plain = run_here(odqa, "search", WHY, "--json", cwd=place).json
    assert set(plain) == {"query", "results", "conflicts", "answerability"}
    explained = run_here(odqa, "search", WHY, "--json", "--explain", cwd=place).json
    assert explained["trace"]["question"] == WHY
    first = explained["results"][0]
    assert first["rank"] == 1
    assert first["text"]
    assert {"score", "scores", "path", "copies", "calculations", "conflicts"} <= set(first)
    answer = run_here(odqa, "ask", WHY, "--json", cwd=place).json
    assert "trace" not in answer
    assert answer["evidence"][0]["copies"] == []
    lines = run_here(odqa, "ask", "-", "--json", "--explain", cwd=place, stdin=f"{WHY}\n{WHY}\n").lines
    assert [line["trace"]["question"] for line in lines] == [WHY, WHY]


def test_a_picture_is_written_and_the_answer_printed(odqa: Program, place: Path, tmp_path: Path) -> None:
    for command, name, start in (("search", "way.dot", "digraph evidence {"), ("ask", "way.mmd", "flowchart LR")):
        run = run_here(odqa, command, WHY, "--graph", tmp_path / name, cwd=place)
        assert (tmp_path / name).read_text("utf-8").startswith(start)
        assert run.err == f"picture: {tmp_path / name}\n"
        assert "third pier" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", WHY, "--graph", "way.png"], "way.png: a picture ends in .dot"),
        (["ask", "-", "--graph", "way.dot"], "--graph draws one question"),
        (["ask", WHY, "--graph", "way"], "way: a picture ends in"),
        (["search", WHY, "--within", "nothing-*.md"], "no document 'nothing-*.md'"),
        (["ask", WHY, "--within", " "], "no document ' '"),
        (["ask", WHY, "--hops", "0"], "--hops"),
    ],
)
def test_wrong_options_are_told_in_a_line(odqa: Program, place: Path, arguments: list[str], message: str) -> None:
    run = run_here(odqa, *arguments, cwd=place, code=2)
    assert run.out == ""
    assert message in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["library/council.vtt", "*.vtt", "*council*"])
def test_within_takes_paths_and_globs(odqa: Program, place: Path, name: str) -> None:
    results = run_here(odqa, "search", WHY, "--within", name, "--json", cwd=place).json["results"]
    assert results
    assert {Path(item["source"]).name for item in results} == {"council.vtt"}
    both = run_here(odqa, "search", WHY, "--within", name, "--within", "library", "--json", cwd=place).json["results"]
    assert len({item["source"] for item in both}) > 1


def test_where_and_hops_reach_the_engine(odqa: Program, place: Path) -> None:
    trace = run_here(odqa, "search", WHY, "--hops", "1", "--json", "--explain", cwd=place).json["trace"]
    assert trace["hops"] == 1
    assert trace["stages"]
    nothing = run_here(odqa, "search", WHY, "--where", "year >= 2999", "--json", cwd=place, code=3).json
    assert nothing["results"] == []
    wrong = run_here(odqa, "search", WHY, "--where", "year >=", cwd=place, code=2)
    assert len(wrong.err.splitlines()) == 1
