"""Where documents come from: files, folders, patterns, standard input; and what happens to the bad ones."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.load import Limits, list_sources, load_documents
from odqa.errors import LoadError
from odqa.schema import Document, Failure


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    files: dict[str, str | bytes] = {
        "b.txt": "The second.",
        "a.md": "# First\n\nText.",
        "deep/er/c.html": "<p>The third, deep down.</p>",
        "deep/records.jsonl": '{"id": 1, "text": "one"}\nbroken\n{"id": 2, "text": "two"}\n',
        "README": "A file without suffix.",
        "core": b"\x7fELF\x00\x00\x00\x00" * 100,
        "photo.jpg": b"\xff\xd8\xff\x00",
        "program.py": "print()",
        "old.docx": b"PK\x03\x04",
        "empty.txt": "",
        "noise.txt": b"\x00\x01\x02" * 100,
        "cut.pdf": b"%PDF-1.4\n1 0 obj\n<<",
        ".hidden.txt": "never",
        ".git/config.txt": "never",
        "reports.odqa/notes.txt": "never",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_gives_its_documents_in_order_and_its_failures(library: Path) -> None:
    failures: list[Failure] = []
    documents = list(load_documents(library, on_failure=failures.append))
    names = [os.path.relpath(document.id, library) for document in documents]
    assert names == ["README", "a.md", "b.txt", "deep/records.jsonl#1", "deep/records.jsonl#2", "deep/er/c.html"]
    reasons = {os.path.relpath(failure.source, library): failure.reason for failure in failures}
    assert reasons.keys() == {"cut.pdf", "empty.txt", "noise.txt", "old.docx", "deep/records.jsonl"}
    assert "pandoc" in reasons["old.docx"]
    assert "empty" in reasons["empty.txt"]
    assert "binary" in reasons["noise.txt"]
    assert "damaged" in reasons["cut.pdf"]
    assert "line 2" in reasons["deep/records.jsonl"]
    assert all(
        "\n" not in reason and str(library) not in reason and reason.endswith(")") for reason in reasons.values()
    )


def test_without_a_callback_the_failures_are_raised_once_the_rest_is_read(library: Path) -> None:
    documents: list[Document] = []
    with pytest.raises(LoadError, match="5 sources could not be read") as caught:  # noqa: PT012
        for document in load_documents([library]):
            documents.append(document)  # noqa: PERF402 - what came before the error is what counts
    assert len(documents) == 6
    assert "old.docx" in str(caught.value)


def test_list_sources_is_what_would_be_read(library: Path) -> None:
    files = list_sources(library)
    assert [os.path.relpath(file.path, library) for file in files] == [
        "README",
        "a.md",
        "b.txt",
        "cut.pdf",
        "empty.txt",
        "noise.txt",
        "deep/records.jsonl",
        "deep/er/c.html",
    ]
    assert {file.path.name: file.size for file in files}["b.txt"] == len("The second.")
    assert {file.path.name: file.loader for file in files}["a.md"] == "markdown"


def test_one_file_one_path_or_a_document(library: Path) -> None:
    (from_text,) = load_documents(str(library / "b.txt"))
    (from_path,) = load_documents(library / "b.txt")
    assert from_text == from_path
    assert from_text.id == from_text.source == str(library / "b.txt")
    builder = DocumentBuilder("mine")
    builder.paragraph("My own.")
    mine = builder.build()
    assert list(load_documents(mine)) == [mine]
    assert [d.id for d in load_documents(iter([mine, library / "b.txt"]))] == ["mine", str(library / "b.txt")]


def test_relative_paths_and_patterns(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(library)
    assert [d.id for d in load_documents("b.txt")] == [str(library / "b.txt")]
    assert [d.id for d in load_documents("**/*.html")] == [str(library / "deep" / "er" / "c.html")]
    assert [d.id for d in load_documents("../library/[ab].*")] == [str(library / "a.md"), str(library / "b.txt")]
    assert len(list(load_documents("deep*", on_failure=lambda failure: None))) == 3


def test_a_file_reached_twice_is_read_once(library: Path) -> None:
    sources = [library / "b.txt", str(library / "b.txt"), library / "deep" / ".." / "b.txt", str(library / "*.txt")]
    assert len(list(load_documents(sources, on_failure=lambda failure: None))) == 1
    assert len(list_sources([library, library])) == 8


@pytest.mark.parametrize(
    "source",
    ["nowhere.txt", "nowhere/*.txt", "https://example.org/a.html", "x" * 5000, "a\x00b", "[", "index.odqa"],
    ids=["file", "pattern", "web", "long", "null", "bracket", "index"],
)
def test_what_does_not_exist_is_an_error_at_once(tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.odqa").mkdir()
    with pytest.raises(LoadError):
        list(load_documents([source], on_failure=lambda failure: None))
    if source != "index.odqa":
        with pytest.raises(LoadError):
            load_documents([source])  # even before the first document is asked for


def test_links_that_loop_end(library: Path) -> None:
    (library / "deep" / "loop").symlink_to(library)
    (library / "lost.txt").symlink_to(library / "nowhere")
    failures: list[Failure] = []
    documents = list(load_documents(library, on_failure=failures.append))
    assert len({document.id for document in documents}) == len(documents) == 6
    assert str(library / "lost.txt") in {failure.source for failure in failures}


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("page.download", b"<!DOCTYPE html><p>Hello there.", "text/html"),
        ("page.asp", b"<!-- x --> <html><body>Hello there.", "text/html"),
        ("notes.asc", b"Hello there.", "text/plain"),
        ("manual.rst", b"Hello there.", "text/plain"),
        ("captions.sub", b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello there.\n", "application/x-subrip"),
        ("data.json", b'{"text": "Hello there."}\n', "application/jsonl"),
        ("A.TXT", b"Hello there.", "text/plain"),
    ],
)
def test_a_named_file_is_read_whatever_its_suffix(tmp_path: Path, name: str, content: bytes, media_type: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (document,) = load_documents(path)
    assert document.text == "Hello there."
    assert document.media_type == media_type


def test_a_named_pdf_under_another_name_is_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "survey.bin"
    path.write_bytes((Path(__file__).parents[2] / "examples/library/engineers-survey.pdf").read_bytes())
    assert [document.media_type for document in load_documents(path)] == ["application/pdf"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.docx", b"PK\x03\x04" * 9), ("a.zip", b"PK\x03\x04" * 9), ("a.bin", bytes(range(256)))]
)
def test_a_named_file_that_nothing_reads_is_a_failure(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    failures: list[Failure] = []
    assert list(load_documents(path, on_failure=failures.append)) == []
    assert len(failures) == 1


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    failures: list[Failure] = []
    assert list(load_documents(tmp_path, on_failure=failures.append)) == []
    assert "no document" in failures[0].reason


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("words and words " * 100)
    for limits in (Limits(max_bytes=1000), Limits(max_characters=1000)):
        failures: list[Failure] = []
        assert list(load_documents(path, on_failure=failures.append, limits=limits)) == []
        assert "limit of 1,000" in failures[0].reason


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO("THE LOG\n\nIt blew – hard.\n".encode())

    monkeypatch.setattr(sys, "stdin", Pipe)
    (document,) = load_documents("-")
    assert (document.id, document.title) == ("stdin", "THE LOG")
    failures: list[Failure] = []
    assert list(load_documents(["-"], on_failure=failures.append)) == []
    assert failures[0].source == "-"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file names and permissions")
def test_odd_names_and_unreadable_places(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        with open(odd, "wb") as file:
            file.write(b"Text.")
    except OSError:
        pytest.skip("this file system takes no such names")
    (document,) = load_documents(tmp_path)
    document.id.encode()  # an id that cannot be encoded could not be stored
    fifo = tmp_path / "pipe.txt"
    os.mkfifo(fifo)
    assert len(list(load_documents(tmp_path))) == 1
    with pytest.raises(LoadError, match="no regular file"):
        list(load_documents(fifo))
