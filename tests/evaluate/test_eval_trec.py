"""TREC files: what is written is read again, and what is malformed is told by file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.errors import LoadError, UsageError
from odqa.evaluate.extras import need
from odqa.evaluate.retrieval.trec import read_qrels, read_run, write_qrels, write_run

IDS = st.text(st.characters(), min_size=1, max_size=12) | st.sampled_from(
    ["a b", "a%20b", "100%", "%", "é\u00a0\u2028", "\udcff/x", "\ufeffx"]
)
RUNS = st.dictionaries(IDS, st.lists(IDS, unique=True, min_size=1, max_size=8), max_size=5)


@settings(max_examples=80, deadline=None)
@given(run=RUNS, tag=IDS)
def test_a_run_comes_back_in_its_order(tmp_path_factory: pytest.TempPathFactory, run, tag) -> None:
    path = tmp_path_factory.mktemp("trec") / "a.run"
    write_run(path, run, tag)
    assert read_run(path) == run
    for line in path.read_text("utf-8").splitlines():
        assert len(line.split(" ")) == 6


@settings(max_examples=80, deadline=None)
@given(judged=st.dictionaries(IDS, st.lists(st.frozensets(IDS, min_size=1, max_size=3), min_size=1, max_size=3)))
def test_judgements_come_back_as_the_union_of_the_pieces(tmp_path_factory, judged) -> None:
    path = tmp_path_factory.mktemp("trec") / "a.qrels"
    write_qrels(path, judged)
    expected = {id_: dict.fromkeys(frozenset().union(*pieces), 1) for id_, pieces in judged.items()}
    assert read_qrels(path) == expected


def test_the_layout_is_that_of_trec(tmp_path: Path) -> None:
    write_run(tmp_path / "a.run", {"q 1": ["Some page", "50% off"], "q2": ["x"]}, "my tag")
    assert (tmp_path / "a.run").read_text() == (
        "q%201 Q0 Some%20page 1 2 my%20tag\nq%201 Q0 50%25%20off 2 1 my%20tag\nq2 Q0 x 1 1 my%20tag\n"
    )
    write_qrels(tmp_path / "a.qrels", {"q": [frozenset(["b"]), frozenset(["a", "b"])]})
    assert (tmp_path / "a.qrels").read_text() == "q 0 a 1\nq 0 b 1\n"


def test_other_programs_read_them(tmp_path: Path) -> None:
    ir_measures = need("ir_measures")
    write_run(tmp_path / "a.run", {"q": ["x y", "a"]})
    write_qrels(tmp_path / "a.qrels", {"q": [frozenset(["a"])]})
    run, qrels = (str(tmp_path / name) for name in ("a.run", "a.qrels"))
    found = ir_measures.calc_aggregate(
        [ir_measures.RR], ir_measures.read_trec_qrels(qrels), ir_measures.read_trec_run(run)
    )
    assert found == {ir_measures.RR: 0.5}


def test_a_foreign_run_is_ordered_by_score_and_then_by_rank(tmp_path: Path) -> None:
    path = tmp_path / "other.run.gz"
    lines = ["q Q0 low 1 -3.5 t", "q Q0 second 3 1e2 t", "q\tQ0\tfirst\t2\t100\tt", "", "r Q0 100%zz 1 inf t\r"]
    path.write_bytes(gzip.compress(("\ufeff" + "\n".join(lines) + "\n").encode()))
    assert read_run(path) == {"q": ["first", "second", "low"], "r": ["100%zz"]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q Q0 d 1 2", "5 columns instead of 6"),
        ("q Q0 a title 1 2 tag", "7 columns"),
        ("q Q0 d 1 high tag", "the score 'high' is not a number"),
        ("q Q0 d 1 nan tag", "the score 'nan' is not a number"),
        ("q Q0 d one 2 tag", "the rank 'one' is not a number"),
        ("q Q0 first 2 1 tag", "'first' appears a second time for the question 'q'"),
    ],
)
def test_a_malformed_run_is_told_by_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "bad.run"
    path.write_text(f"q Q0 first 1 9 tag\n\n{line}\n")
    with pytest.raises(LoadError) as raised:
        read_run(path)
    assert f"{path}, line 3: " in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q 0 d", "3 columns instead of 4"),
        ("query-id corpus-id score", "3 columns instead of 4"),
        ("q 0 d yes", "the relevance 'yes' is not a number"),
        ("q 0 d 1.5", "the relevance '1.5' is not a number"),
        ("q 0 first 0", "appears a second time"),
    ],
)
def test_malformed_judgements_are_told_by_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "bad.qrels"
    path.write_text(f"q 0 first 1\n{line}\n")
    with pytest.raises(LoadError, match="line 2: ") as raised:
        read_qrels(path)
    assert reason in str(raised.value)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="No such file"):
        read_run(tmp_path / "absent.run")
    (tmp_path / "binary.run").write_bytes(b"q Q0 d 1 1 t\nq Q0 \xff 2 0 t\n")
    with pytest.raises(LoadError, match="line 2: not UTF-8"):
        read_run(tmp_path / "binary.run")
    (tmp_path / "plain.run.gz").write_bytes(b"q Q0 d 1 1 t\n")
    with pytest.raises(LoadError, match=r"plain\.run\.gz"):
        read_run(tmp_path / "plain.run.gz")
    whole = gzip.compress(b"q Q0 d 1 1 t\n" * 3)
    (tmp_path / "cut.run.gz").write_bytes(whole[:-9])
    with pytest.raises(LoadError, match=r"cut\.run\.gz"):
        read_run(tmp_path / "cut.run.gz")
    with pytest.raises(UsageError, match="empty id"):
        write_run(tmp_path / "a.run", {"q": [""]})
    assert not (tmp_path / "a.run").exists()
