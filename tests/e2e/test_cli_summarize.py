"""`odqa summarize --tree` and `odqa index tree`: the tree over the example library, in every format."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import ROOT, Program, run_here

LIBRARY = ROOT / "examples" / "library"
FILES = ["harbour-commission-report.md", "costs.csv", "radio-the-boat-comes-back.srt", "engineers-survey.pdf"]
HASHING = ("--set", "encoder=hashing")

pytestmark = pytest.mark.skipif(not LIBRARY.is_dir(), reason="the example library is not here")


@pytest.fixture(scope="module")
def harbour(odqa: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the whole example library."""
    folder = tmp_path_factory.mktemp("harbour")
    odqa("index", "build", LIBRARY, "-o", "harbour.odqa", "--encoder", "hashing", "-q", cwd=folder)
    return folder


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from nodes(child)


def test_the_tree_of_a_folder(odqa: Program, tmp_path: Path) -> None:
    run = run_here(odqa, "-q", "summarize", *(LIBRARY / name for name in FILES), "--tree", *HASHING, cwd=tmp_path)
    first, *rest = run.out.splitlines()
    assert first == "Documents  (4 documents)"
    assert any(line.startswith("   Key terms: ") for line in rest)
    assert any(re.match(r"  \S.*harbour-commission-report\.md\)$", line) for line in rest)
    assert any(line.startswith("    ") and not line.startswith("     ") for line in rest)
    assert run.err == ""


def test_the_tree_of_an_index_in_every_format(odqa: Program, harbour: Path) -> None:
    text = run_here(odqa, "index", "tree", cwd=harbour).out
    assert text.startswith("harbour  (43 documents)\n")
    whole = run_here(odqa, "index", "tree", "harbour.odqa", "--json", cwd=harbour).json
    assert whole == run_here(odqa, "index", "tree", "-i", "harbour.odqa", "--format", "json", cwd=harbour).json
    kinds = [node["kind"] for node in nodes(whole)]
    assert (kinds.count("collection"), kinds.count("document")) == (1, 43)
    assert kinds.count("cluster") >= 5
    markdown = run_here(odqa, "index", "tree", "--format", "markdown", cwd=harbour).out
    assert markdown.startswith("# harbour\n")
    assert re.search(r"engineers-survey\.pdf#page=\d+\), \d+–\d+\)", markdown)
    page = run_here(odqa, "index", "tree", "--format", "html", cwd=harbour).out
    assert page.startswith("<!doctype html>")
    assert page.count('<details class="node document"') == 43


def test_the_quotes_of_the_tree_are_in_the_index(odqa: Program, harbour: Path) -> None:
    import odqa as package

    whole = run_here(odqa, "index", "tree", "--json", cwd=harbour).json
    with package.open(harbour / "harbour.odqa", encoder="hashing") as engine:
        for node in nodes(whole):
            for statement in (s for field in node["fields"] for s in field["statements"]):
                for mention in statement["mentions"]:
                    text = engine.document(mention["document"]).text
                    assert [text[a:b] for a, b in mention["spans"]] == mention["quotes"]


def test_depth_says_where_the_tree_ends(odqa: Program, harbour: Path) -> None:
    for number, depth in enumerate(["collection", "cluster", "document"], 1):
        whole = run_here(odqa, "index", "tree", "--depth", depth, "--json", cwd=harbour).json
        assert len({node["kind"] for node in nodes(whole)}) == number


def test_it_writes_files_and_folders(odqa: Program, harbour: Path, tmp_path: Path) -> None:
    run = run_here(odqa, "index", "tree", "--format", "html", "-o", tmp_path / "new" / "page.html", cwd=harbour)
    assert run.out == ""
    assert run.err == f"{tmp_path}/new/page.html is written\n"
    assert (tmp_path / "new" / "page.html").read_text("utf-8").rstrip().endswith("</html>")
    for form, name in {"html": "index.html", "json": "tree.json", "markdown": "tree.md", "text": "tree.txt"}.items():
        run_here(odqa, "-q", "index", "tree", "--format", form, "-o", f"{tmp_path}/site/", cwd=harbour)
        assert (tmp_path / "site" / name).stat().st_size > 10_000
    assert json.loads((tmp_path / "site" / "tree.json").read_text())["kind"] == "collection"
    here = tmp_path / "site" / "tree.md"
    link = re.search(r"\]\(([^)]*costs\.csv)\)", here.read_text("utf-8"))
    assert link is not None
    assert (here.parent / link[1]).resolve() == LIBRARY / "costs.csv"


def test_html_is_a_tree_without_saying_so(odqa: Program, tmp_path: Path) -> None:
    out = run_here(odqa, "summarize", LIBRARY / "costs.csv", "--format", "html", *HASHING, cwd=tmp_path).out
    assert out.startswith("<!doctype html>")
    assert '<details class="text"' in out


def test_a_bad_file_is_named_and_the_rest_is_shown(odqa: Program, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(bytes(range(256)) * 40)
    run = run_here(odqa, "-q", "summarize", "bad.txt", LIBRARY / "costs.csv", "--tree", *HASHING, cwd=tmp_path, code=2)
    assert "(1 document)" in run.out
    assert run.err.startswith("odqa: warning: ")
    assert "bad.txt" in run.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("empty", "holds no document"),
        ("missing.txt", "no such file"),
        ("good.txt -o good.txt/tree.html", "cannot be written to"),
        ("good.txt -o .", "there is a folder of that name"),
    ],
)
def test_what_cannot_be_is_one_line(odqa: Program, tmp_path: Path, arguments: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "index.html").mkdir()
    (tmp_path / "good.txt").write_text("The pier was built in 1888 by the town. It is made of stone and larch.")
    run = run_here(odqa, "summarize", *arguments.split(), "--format", "html", *HASHING, cwd=tmp_path, code=2)
    assert len(run.err.splitlines()) == 1
    assert run.err.startswith("odqa: error: ")
    assert says in run.err
    assert run.out == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_noticed_first(odqa: Program, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    run = run_here(odqa, "summarize", LIBRARY, "--tree", "-o", "locked/a.txt", *HASHING, cwd=tmp_path, code=2)
    assert "cannot be written to" in run.err


def test_output_is_for_trees(odqa: Program, harbour: Path) -> None:
    run = run_here(odqa, "summarize", LIBRARY / "costs.csv", "-o", "a.txt", cwd=harbour, code=2)
    assert "add --tree" in run.err
    assert "two indexes" in run_here(odqa, "index", "tree", "a.odqa", "-i", "b.odqa", cwd=harbour, code=2).err
    assert "no index" in run_here(odqa, "index", "tree", "none.odqa", cwd=harbour, code=2).err
