"""`odqa index …` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.program import Program, run_here

FAST = ("--encoder", "hashing")


def test_build_reports_and_a_second_run_does_nothing(odqa: Program, library: Path, tmp_path: Path) -> None:
    run = odqa("index", "build", library, *FAST, cwd=tmp_path)
    assert "3 added" in run.out
    assert "size on disk" in run.out
    assert (tmp_path / "library.odqa" / "manifest.json").is_file()
    report = run_here(odqa, "index", "build", library, *FAST, "--json", cwd=tmp_path).json
    assert report["unchanged"] == 3
    assert report["added"] == report["updated"] == report["removed"] == report["failures"] == []
    assert report["bytes"] > 0
    assert report["index"] == "library.odqa"


def test_build_and_ask_with_the_bundled_encoder(odqa: Program, library: Path, tmp_path: Path) -> None:
    odqa("index", "build", library / "bridge-report.md", "-o", "mine", cwd=tmp_path)
    assert "Odile Marchand" in odqa("ask", "Who opened the Linden Bridge again?", "-i", "mine", cwd=tmp_path).out


def test_add_sync_and_remove(odqa: Program, library: Path, tmp_path: Path) -> None:
    run_here(odqa, "index", "build", library, *FAST, "-o", "x.odqa", "-q", cwd=tmp_path)
    new = library / "tunnel.txt"
    new.write_text("The Varnholt tunnel is 812 metres long and was dug by hand.\n", "utf-8")
    assert odqa("index", "add", "x.odqa", new, "--json", cwd=tmp_path).json["added"] == [str(new)]
    new.write_text("The Varnholt tunnel is 813 metres long and was dug by hand.\n", "utf-8")
    (library / "costs.csv").unlink()
    report = odqa("index", "sync", "x.odqa", library, "--json", cwd=tmp_path).json
    assert report["updated"] == [str(new)]
    assert report["removed"] == [str(library / "costs.csv")]
    assert "1 removed" in odqa("index", "remove", "x.odqa", "*.vtt", cwd=tmp_path).out
    info = run_here(odqa, "index", "info", "x.odqa", "--documents", "--json", cwd=tmp_path).json
    assert {document["title"] for document in info["document_list"]} == {"Report on the Linden Bridge", "Tunnel"}
    run = run_here(odqa, "index", "remove", "x.odqa", "nothing-like-it", cwd=tmp_path, code=2)
    assert "no document 'nothing-like-it'" in run.err
    compacted = odqa("index", "compact", "x.odqa", "--json", cwd=tmp_path).json
    assert compacted["segments"]["after"] == 1
    assert run_here(odqa, "index", "verify", "x.odqa", "--json", cwd=tmp_path).json["whole"] is True


@pytest.mark.parametrize("command", ["add", "sync"])
def test_a_missing_index_is_not_made_by_mistake(odqa: Program, library: Path, tmp_path: Path, command: str) -> None:
    run = run_here(odqa, "index", command, "typo.odqa", library, cwd=tmp_path, code=2)
    assert "there is no index here" in run.err
    assert not (tmp_path / "typo.odqa").exists()


def test_documents_from_standard_input(odqa: Program, tmp_path: Path) -> None:
    odqa("index", "build", "-", *FAST, cwd=tmp_path, stdin="The lighthouse of Orm was painted red in 1931.\n")
    assert "1931" in run_here(odqa, "ask", "When was the lighthouse of Orm painted red?", cwd=tmp_path).out
    assert (tmp_path / "documents.odqa").is_dir()


def test_bad_files_are_listed_and_the_others_indexed(odqa: Program, library: Path, tmp_path: Path) -> None:
    (library / "torn.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Cat")
    (library / "binary.txt").write_bytes(bytes(range(256)) * 40)
    run = run_here(odqa, "index", "build", library, *FAST, cwd=tmp_path)
    assert "3 added" in run.out
    assert "2 not read" in run.out
    warnings = [line for line in run.err.splitlines() if line.startswith("odqa: warning: ")]
    assert len(warnings) == 2
    assert "torn.pdf" in run.err
    assert "binary.txt" in run.err
    run = odqa("index", "build", library, *FAST, "--strict", "--json", cwd=tmp_path, code=2)
    assert [Path(failure["source"]).name for failure in run.json["failures"]] == ["binary.txt", "torn.pdf"]
    assert run.json["unchanged"] == 3
    assert run_here(odqa, "index", "build", library, *FAST, cwd=tmp_path, ODQA_STRICT="1", code=2).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build", "no-such-folder"], "no-such-folder"),
        (["build", "library", "-o", "library"], "this folder holds other files"),
        (["build", "library", "-o", "library/costs.csv"], "this is a file"),
        (["build", "library", "--encoder", "hashing", "--passage-tokens", "3"], "at least 16"),
        (["build", "library", "--template", "nonsense"], "nonsense"),
        (["export", "a", "b", "c"], "odqa index export"),
        (["info"], "no *.odqa index"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(odqa: Program, library: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    run = run_here(odqa, "index", *arguments, cwd=tmp_path, code=2)
    assert says in run.err
    assert len(run.err.splitlines()) == 1
    assert run.err.startswith("odqa: error: ")
    assert not list(tmp_path.glob("*.odqa/manifest.json"))


def test_info_shows_what_there_is(odqa: Program, place: Path) -> None:
    out = odqa("index", "info", "--documents", cwd=place).out
    for word in ("generation", "passages", "pooled entries", "FAISS", "hashing", "pooling=16", "bridge-report.md"):
        assert word in out
    info = run_here(odqa, "index", "info", "library.odqa", "--json", cwd=place).json
    assert info["documents"] == 3
    assert info["passages"] >= info["entries"] >= 3
    assert info["encoder"]["name"] == "hashing"
    assert info["bytes"]["total"] >= sum(n for part, n in info["bytes"].items() if part != "total")
    assert "document_list" not in info


def test_verify_finds_a_changed_byte(odqa: Program, library: Path, tmp_path: Path) -> None:
    run_here(odqa, "index", "build", library, *FAST, "-q", cwd=tmp_path)
    assert "whole" in run_here(odqa, "index", "verify", cwd=tmp_path).out
    (victim,) = (tmp_path / "library.odqa").glob("segments/*/passages.arrow")
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.write_bytes(data)
    run = odqa("index", "verify", cwd=tmp_path, code=4)
    assert "passages.arrow" in run.out
    assert run_here(odqa, "index", "verify", "--json", cwd=tmp_path, code=4).json["whole"] is False
    assert "passages.arrow" in run_here(odqa, "ask", "Why was the bridge closed?", cwd=tmp_path, code=4).err
    (tmp_path / "library.odqa" / "manifest.json").write_text("{}")
    assert "not a manifest" in run_here(odqa, "index", "verify", cwd=tmp_path, code=4).out


def test_export_writes_what_the_spans_mean(odqa: Program, place: Path, tmp_path: Path) -> None:
    rows = odqa("index", "export", place / "library.odqa", tmp_path / "out", "--json", cwd=tmp_path).json["rows"]
    tables = {name: pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist() for name in rows}
    assert set(tables) == {"documents", "sections", "passages", "summaries", "entries", "links"}
    assert {name: len(table) for name, table in tables.items()} == rows
    texts = {row["id"]: row["text"] for row in tables["documents"]}
    assert len(texts) == 3
    assert tables["passages"]
    for row in tables["passages"]:
        assert texts[row["document_id"]][row["start"] : row["end"]] == row["text"]
    indexes = [row["index"] for row in tables["passages"] if row["document_id"].endswith("bridge-report.md")]
    assert indexes == list(range(len(indexes)))
    assert not list((tmp_path / "out").glob(".*"))


def test_export_leaves_out_what_was_removed(odqa: Program, library: Path, tmp_path: Path) -> None:
    run_here(odqa, "index", "build", library, *FAST, "-q", cwd=tmp_path)
    run_here(odqa, "index", "remove", "library.odqa", "*.vtt", "-q", cwd=tmp_path)
    assert "2 rows" in run_here(odqa, "index", "export", "out", cwd=tmp_path).out
    for name in ("documents", "passages", "summaries"):
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist()
        assert not any("council" in row.get("document_id", row.get("id")) for row in table)


def test_build_says_in_json_what_was_not_read_only(odqa: Program, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    run = run_here(odqa, "index", "build", "empty.txt", *FAST, "--json", cwd=tmp_path)
    assert json.loads(run.out)["failures"][0]["source"].endswith("empty.txt")
    assert run_here(odqa, "search", "anything", cwd=tmp_path, code=3).out.startswith("No passage was found")
