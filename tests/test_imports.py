"""What the modules of odqa may import, how long they may be, and what they must never contain."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "odqa"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Which rooms each room may import besides itself. A room is a module or package directly under odqa; `face` is
# odqa/__init__.py. Imports inside functions and under TYPE_CHECKING count too: they are dependencies all the same.
WORDS = {"schema", "errors", "patterns"}
GROUND = WORDS | {"protocols", "settings", "fs", "registry", "parts"}
HOUSE = GROUND | {"models", "llm", "data", "index", "retriever", "reader", "answering", "engine"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "patterns": set(),
    "schema": {"errors"},
    "protocols": WORDS,
    "fs": WORDS,
    "registry": WORDS | {"protocols"},
    "settings": WORDS | {"protocols", "fs", "registry"},
    "models": WORDS | {"protocols", "settings", "fs", "registry"},
    "parts": WORDS | {"protocols", "settings", "registry", "models"},
    "llm": WORDS | {"protocols", "settings", "fs"},
    "data": GROUND,
    "index": GROUND | {"llm", "data"},
    "retriever": GROUND | {"llm", "data", "index"},
    "reader": WORDS | {"protocols", "settings", "fs", "registry", "llm", "models"},
    "explain": WORDS,
    "calibrate": HOUSE - {"engine"},
    "answering": {"index"} | WORDS | {"protocols", "reader", "retriever"},
    "engine": HOUSE - {"engine"} | {"calibrate", "explain"},
    "conversation": WORDS | {"llm", "reader", "retriever", "engine"},
    "face": {"conversation", "engine", "schema", "settings", "errors"},
    "testing": HOUSE | {"face"},
    "evaluate": HOUSE | {"face", "testing"},
    "learn": HOUSE | {"face", "testing", "evaluate"},
    "serve": HOUSE | {"face"},
    "terminal": WORDS | {"reader", "explain"},
    "demo": GROUND | {"index"},
    "cli": HOUSE
    | {"face", "conversation", "testing", "evaluate", "learn", "serve", "terminal", "explain", "calibrate", "demo"},
    "__main__": {"cli"},
}

# Libraries that take a second or more to import: none of them before it is needed.
HEAVY = ["torch", "transformers", "sentence_transformers", "faiss", "onnxruntime", "openvino", "pyarrow", "tantivy"]

# Modules that run code found in the data they read, by design.
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "builtins.eval", "builtins.exec", "torch.load"}

MAX_LINES = 500


class Import(NamedTuple):
    """One imported name: `from a.b import c` is a.b.c."""

    line: int
    target: str


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def imports(tree: ast.Module, path: Path) -> Iterator[Import]:
    """Yield every import anywhere in the module at `path`, relative ones made absolute."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            yield from (Import(node.lineno, ".".join([*base, alias.name])) for alias in node.names)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "face" if parts == ("__init__",) else parts[0]


def room_named(target: str) -> str | None:
    """Return the room an import enters; None for another package, or for `odqa.__version__`, which all may read."""
    first, *rest = target.split(".")
    if first != "odqa" or rest == ["__version__"]:
        return None
    is_room = rest and ((PACKAGE / rest[0]).is_dir() or (PACKAGE / f"{rest[0]}.py").is_file() or rest[0] in ALLOWED)
    return rest[0] if is_room else "face"


def violations(source: str, path: Path) -> list[str]:
    """Say which imports of `source`, the text of the module at `path`, run against the order of the rooms."""
    room = room_of(path)
    found = []
    for line, target in imports(ast.parse(source), path):
        entered = room_named(target)
        if entered is not None and entered != room and entered not in ALLOWED[room]:
            rooms = ", ".join(sorted(ALLOWED[room])) or "no other room"
            found.append(f"{label(path)}:{line}: {room} must not import {target} (room {entered}); it may use {rooms}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_imports_run_one_way(path: Path) -> None:
    room = room_of(path)
    assert room in ALLOWED, f"{label(path)}: room {room!r} is new; give it a row in ALLOWED in {label(Path(__file__))}"
    found = violations(path.read_text(encoding="utf-8"), path)
    assert not found, "\n" + "\n".join(found)


def test_the_table_of_rooms_has_no_circle() -> None:
    open_rooms = dict(ALLOWED)
    while free := [room for room, uses in open_rooms.items() if not uses & open_rooms.keys()]:
        for room in free:
            del open_rooms[room]
    assert not open_rooms, f"these rooms may import each other: {', '.join(sorted(open_rooms))}"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("data/load.py", "import odqa.index.encoder"),
        ("data/load.py", "from odqa import index"),
        ("data/load.py", "from odqa import open"),
        ("data/loaders/text.py", "from ...index import encoder"),
        ("data/loaders/__init__.py", "from ...index import encoder"),
        ("reader/cite.py", "def late():\n    from odqa.data.builder import DocumentBuilder"),
        ("reader/cite.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import odqa.retriever.search"),
        ("schema.py", "from . import fs"),
        ("engine.py", "import odqa"),
    ],
)
def test_an_import_against_the_order_is_found(module: str, source: str) -> None:
    (message,) = violations(source, PACKAGE / module)
    assert f"odqa/{module}:" in message
    assert "must not import odqa" in message


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("data/loaders/text.py", "from ..builder import DocumentBuilder\nfrom odqa.errors import LoadError\nimport os"),
        ("index/segment.py", "from odqa import __version__, fs"),
        ("cli.py", "import odqa\nfrom odqa.serve import app"),
        ("reader/cite.py", "from odqa.protocols import Reader"),
    ],
)
def test_an_import_along_the_order_is_allowed(module: str, source: str) -> None:
    assert violations(source, PACKAGE / module) == []


def heavy_modules_after(program: str) -> list[str]:
    """Run `program` in a fresh interpreter and return which of HEAVY it has imported."""
    report = f"import json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    loaded: list[str] = json.loads(done.stderr.splitlines()[-1])
    return loaded


def test_importing_odqa_loads_nothing_heavy() -> None:
    assert heavy_modules_after("import odqa") == []


@pytest.mark.parametrize("arguments", ["--help", "--version", "ask --help", "index build --help"])
def test_the_command_line_answers_without_heavy_imports(arguments: str) -> None:
    program = f"""
import sys
sys.argv = ["odqa", *{arguments.split()!r}]
from odqa.cli import main
try:
    status = main()
except SystemExit as stop:
    status = stop.code
assert not status, f"odqa {{sys.argv[1:]}} returned {{status!r}}"
"""
    assert heavy_modules_after(program) == []


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MAX_LINES, f"{label(path)} has {lines} lines; split it before it reaches {MAX_LINES}"


def unsafe_uses(tree: ast.Module, path: Path) -> Iterator[str]:
    """Yield where a module could run code that it finds in data."""
    for line, target in imports(tree, path):
        if target.split(".")[0] in UNSAFE_MODULES or target in UNSAFE_CALLS:
            yield f"{label(path)}:{line}: imports {target}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and (used := ast.unparse(node)) in UNSAFE_CALLS:
            yield f"{label(path)}:{node.lineno}: uses {used}"
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield f"{label(path)}:{node.value.lineno}: allows pickle"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_no_module_can_run_code_from_data(path: Path) -> None:
    assert list(unsafe_uses(parse(path), path)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def late():\n    import joblib",
        "eval(text)",
        "run = exec",
        "import torch\ntorch.load(path)",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_an_unsafe_use_is_found(source: str) -> None:
    assert len(list(unsafe_uses(ast.parse(source), PACKAGE / "example.py"))) == 1


@pytest.mark.parametrize(
    "source", ["model.eval()", "np.load(path, allow_pickle=False)", "'never pickle, never eval()'"]
)
def test_a_safe_use_is_allowed(source: str) -> None:
    assert list(unsafe_uses(ast.parse(source), PACKAGE / "example.py")) == []
