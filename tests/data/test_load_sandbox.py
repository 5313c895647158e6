"""The sandbox: a hostile file costs itself, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from odqa import registry
from odqa.data.builder import DocumentBuilder
from odqa.data.codec import from_json, to_json
from odqa.data.load import Limits, load_documents
from odqa.data.sandbox import Sandbox
from odqa.errors import LimitError, LoadError
from odqa.schema import Block, BlockKind, Document, Failure, Link, Span
from tests.signals import heed_ctrl_c

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="resource limits need POSIX")

# A loader as a third party would install it, that does what its file says.
LOADER = """
import ctypes, os, sys, time
from odqa.data.builder import DocumentBuilder
from odqa.errors import LimitError

class HostileLoader:
    suffixes = (".hostile",)
    sandboxed = True

    def load(self, path):
        word = path.read_text().strip()
        print("noise on standard output", flush=True)
        sys.stdin.read()
        if word == "crash":
            ctypes.string_at(0)
        if word == "hang":
            (path.parent / "begun").touch()  # An empty file, which the limits allow.
            time.sleep(600)
        if word == "spin":
            while True: pass
        if word == "eat":
            hoard = []
            while True: hoard.append(bytearray(1 << 24))
        if word == "raise":
            raise KeyError("surprise")
        if word == "limit":
            raise LimitError(f"{path}: too long", "cut it")
        if word == "recurse":
            (lambda f: f(f))(lambda f: f(f))
        if word == "write":
            (path.parent / "written").write_text("x" * 100)
        builder = DocumentBuilder("/etc/passwd" if word == "lie" else str(path))
        builder.paragraph(f"{word} {os.getpid()}")
        yield builder.build()
        if word == "late":
            os._exit(3)
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for files, with the loader above installed beside it."""
    site = tmp_path / "site"
    information = site / "hostile-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[odqa.loaders]\nhostile = hostile_loader:HostileLoader\n")
    (site / "hostile_loader.py").write_text(LOADER)
    monkeypatch.syspath_prepend(str(site))
    registry._installed.cache_clear()
    folder = tmp_path / "files"
    folder.mkdir()
    yield folder
    registry._installed.cache_clear()


def put(folder: Path, word: str) -> Path:
    path = folder / f"{word}.hostile"
    path.write_text(word)
    return path


def test_one_process_serves_many_files(hostile: Path) -> None:
    with Sandbox() as sandbox:
        texts = [next(sandbox.load("hostile", put(hostile, word))).text.split() for word in ("one", "two", "three")]
        # Leaving off after the first document ends the conversation, so that each had a process of its own.
        assert len({process for _, process in texts}) == 3
        whole = [[d.text.split()[1] for d in sandbox.load("hostile", put(hostile, word))] for word in ("four", "five")]
        assert whole[0] == whole[1]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("crash", "crashed"),
        ("hang", "longer than its time limit"),
        ("spin", "limit"),
        ("eat", "more memory"),
        ("raise", "KeyError"),
        ("recurse", "RecursionError"),
        ("write", "cannot be parsed"),
        ("lie", "another document"),
    ],
)
def test_a_hostile_file_is_an_error_of_its_own(hostile: Path, word: str, words: str) -> None:
    good, bad = put(hostile, "good"), put(hostile, word)
    limit_s = 1.0 if word in ("hang", "spin") else 30.0
    with Sandbox(timeout_s=limit_s, memory_bytes=1 << 29) as sandbox:
        assert list(sandbox.load("hostile", good))
        with pytest.raises(LoadError, match=words) as caught:
            list(sandbox.load("hostile", bad))
        assert str(bad) in str(caught.value)
        assert list(sandbox.load("hostile", good))
    assert not list(hostile.glob("written?"))


def test_other_errors_keep_their_kind_and_remedy(hostile: Path) -> None:
    with Sandbox() as sandbox, pytest.raises(LimitError, match="too long") as caught:
        list(sandbox.load("hostile", put(hostile, "limit")))
    assert caught.value.remedy == "cut it"


def test_documents_before_a_crash_are_kept_and_the_failure_is_listed(hostile: Path) -> None:
    for word in ("before", "late", "crash", "zealous"):
        put(hostile, word)
    failures: list[Failure] = []
    documents = list(load_documents(hostile, on_failure=failures.append, limits=Limits(timeout_s=30)))
    assert [Path(document.id).stem for document in documents] == ["before", "late", "zealous"]
    assert [Path(failure.source).stem for failure in failures] == ["crash", "late"]


def _children(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(child) for child in listed.stdout.split()]


@pytest.mark.parametrize("moment", ["the child starts", "the file is parsed"])
def test_an_interrupted_reader_leaves_no_process_behind(hostile: Path, moment: str) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom odqa.data.sandbox import Sandbox\n"
        "with Sandbox() as sandbox:\n    list(sandbox.load('hostile', Path(sys.argv[1])))\n"
    )
    environment = {"PYTHONPATH": ":".join(place for place in sys.path if place)}
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(put(hostile, "hang"))],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=heed_ctrl_c,
    )
    parsing = hostile / "begun"
    children: list[int] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not children:
        if moment == "the child starts" or parsing.exists():
            children = _children(reader.pid)
    if not children:
        reader.kill()
        reader.communicate()
        pytest.skip("this machine's ps does not list children")
    reader.send_signal(2)  # Only the reader: a terminal would send it to the child as well.
    _, errors = reader.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    child = Path(f"/proc/{children[0]}")
    if moment == "the child starts":
        # Ctrl-C may arrive before the reader holds its child, which then ends by itself: nobody writes to it.
        deadline = time.monotonic() + 30
        while child.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not child.exists()


def test_files_in_the_working_folder_are_not_imported(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hostile / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(hostile)
    with Sandbox() as sandbox:
        assert list(sandbox.load("hostile", put(hostile, "good")))


def test_the_child_loads_no_numerical_library() -> None:
    heavy = "numpy torch transformers faiss pyarrow onnxruntime tantivy".split()
    script = f"import sys, odqa.data.sandbox, odqa.data.loaders.pdf; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def a_document() -> Document:
    builder = DocumentBuilder("/a/\N{SNOWMAN}.txt", title="T", source="https://example.org")
    builder.heading("Head", 2)
    builder.page(3)
    builder.paragraph("A link.", [(2, 6, "b.md")])
    builder.table([["a", "b"], ["", "c"]])
    builder.turn("Said.", "Ann", 1.5, 2.0)
    return builder.build({"tags": ["x", 1, None], "f": 0.5})


def test_a_document_survives_the_pipe() -> None:
    document = a_document()
    again = from_json(to_json(document))
    assert again == document
    assert again.content_hash == document.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": (Block(BlockKind.PARAGRAPH, Span(0, 10_000)),)},
        {"blocks": (Block(BlockKind.PARAGRAPH, Span(5, 4)),)},
        {"blocks": (Block(BlockKind.PARAGRAPH, Span(-1, 4)),)},
        {"blocks": (Block(BlockKind.PARAGRAPH, Span(3, 5)), Block(BlockKind.PARAGRAPH, Span(4, 6)))},
        {"blocks": (Block(BlockKind.TABLE, Span(0, 4), rows=((Span(2, 8),),)),)},
        {"blocks": (Block(BlockKind.HEADING, Span(0, 4), level=9),)},
        {"links": (Link(Span(3, 3), "x"),)},
        {"links": (Link(Span(0, 10_000), "x"),)},
        {"text": 7},
        {"metadata": {"x": "y"}, "title": None},
    ],
    ids=["beyond", "backwards", "negative", "overlap", "cell", "level", "empty-link", "far-link", "text", "title"],
)
def test_a_document_with_wrong_offsets_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(LoadError):
        from_json(to_json(replace(a_document(), **change)))  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"blocks": [[1]]}'])
def test_other_messages_are_refused(data: bytes) -> None:
    with pytest.raises(LoadError):
        from_json(data)
