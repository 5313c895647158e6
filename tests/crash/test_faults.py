"""Whatever moment the power fails at, the index opens, is whole, and the same build finishes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from odqa import fs
from odqa.engine import Engine
from odqa.errors import IndexCorrupt, IndexMissing, OdqaError
from odqa.index.verify import verify_index
from odqa.settings import Settings
from tests.towns import town, towns

SETTINGS = Settings(encoder="hashing", pooling=4, segment_passages=12)
COUNT = 12


class PowerCut(BaseException):
    """No code may catch this and go on, as none can when the power fails."""


@pytest.fixture(autouse=True)
def _no_fault_outlives_its_test() -> Iterator[None]:
    yield
    fs.fault = None


def contents(index: Path) -> dict[str, tuple[str, int]]:
    with Engine.open(index) as engine:
        return {
            id_: (engine.document(id_).content_hash, len(engine.snapshot.parsed(number).passages))
            for id_, number in engine.snapshot.by_id.items()
        }


def prepare(index: Path) -> None:
    """An index with a past: some documents, an old version of one, one that will be removed."""
    with Engine.build([*towns(4), town(5, edition=4), town(99)], index, settings=SETTINGS) as engine:
        engine.remove("towns/0099.txt")


@pytest.mark.timeout(300)
def test_failing_at_every_single_write(tmp_path: Path) -> None:
    Engine.build(towns(COUNT), tmp_path / "whole.odqa", settings=SETTINGS).close()
    expected = contents(tmp_path / "whole.odqa")
    failed_at, step = 0, 1
    while True:
        index = tmp_path / f"{step}.odqa"
        prepare(index)
        calls = 0

        def fault(operation: str, path: Path, last: int = step) -> None:
            nonlocal calls
            calls += 1
            if calls >= last:
                raise PowerCut(operation)

        fs.fault = fault
        try:
            Engine.build(towns(COUNT), index, settings=SETTINGS).close()
            done = True
        except PowerCut:
            done = False
        fs.fault = None
        assert verify_index(index) == []
        found = contents(index)
        assert set(found) <= set(expected)
        Engine.build(towns(COUNT), index, settings=SETTINGS).close()
        assert contents(index) == expected
        if done:
            break
        failed_at, step = step, step + max(1, step // 6)
    assert failed_at > 20, "the build does fewer writes than this test is about"


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    index = tmp_path / "t.odqa"
    prepare(index)
    before = contents(index)

    def full(operation: str, path: Path) -> None:
        if operation == "sync_file":
            raise OSError(28, "No space left on device", str(path))

    fs.fault = full
    with pytest.raises(OSError, match="No space left"):
        Engine.build(towns(COUNT), index, settings=SETTINGS)
    fs.fault = None
    assert contents(index) == before
    assert verify_index(index) == []


BUILD = """
import sys
from odqa.engine import Engine
from odqa.settings import Settings
from tests.towns import towns
print("ready", flush=True)
settings = Settings(encoder="hashing", pooling=4, segment_passages=12)
Engine.build(towns(40, paragraphs=12), sys.argv[1], settings=settings)
print("done", flush=True)
"""


@contextmanager
def start(index: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a build in a process of its own, from the moment at which its imports are done."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", BUILD, str(index)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])  # Of 12, every fourth is finished.
def test_kill_nine_at_random_moments(tmp_path: Path, kills: int) -> None:
    with start(tmp_path / "whole.odqa") as process:
        began = time.monotonic()
        assert process.wait() == 0
        whole_build = time.monotonic() - began
    expected = contents(tmp_path / "whole.odqa")
    rng = random.Random(20_261_121)
    opened = unfinished = 0
    for kill in range(kills):
        index = tmp_path / f"{kill}.odqa"
        with start(index) as process:
            time.sleep(rng.random() * whole_build)
            process.send_signal(signal.SIGKILL)
        try:
            found = contents(index)
            assert verify_index(index) == []
            assert found.items() <= expected.items()
            opened += 1
            unfinished += found != expected
        except IndexMissing:
            pass
        if kills > 12 or kill % 4 == 0:
            with start(index) as process:
                assert process.wait() == 0
            assert contents(index) == expected
            assert verify_index(index) == []
    assert opened >= kills // 4
    assert unfinished >= kills // 10


@pytest.mark.parametrize("victim", ["documents.arrow", "passages.f16", "segment.json", "summaries.arrow"])
def test_a_flipped_bit_is_found(tmp_path: Path, victim: str) -> None:
    index = tmp_path / "t.odqa"
    Engine.build(towns(3), index, settings=SETTINGS).close()
    path = next((index / "segments").glob(f"*/{victim}"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    assert any(victim in problem for problem in verify_index(index))
    with pytest.raises(IndexCorrupt, match=victim):
        Engine.open(index)


def test_missing_truncated_and_mutated_files_are_one_clear_error(tmp_path: Path) -> None:
    rng = random.Random(5)
    for case in range(24):
        index = tmp_path / f"{case}.odqa"
        Engine.build(towns(2), index, settings=SETTINGS).close()
        derived = {"cache", "links", "sentences"}
        files = sorted(p for p in index.rglob("*") if p.is_file() and p.name != "lock" and derived.isdisjoint(p.parts))
        victim = rng.choice(files)
        data = bytearray(victim.read_bytes())
        match rng.randrange(4):
            case 0:
                victim.unlink()
            case 1:
                victim.write_bytes(data[: rng.randrange(len(data))])
            case 2:
                victim.write_bytes(data + b"\0" * rng.randrange(1, 99))
            case _:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                victim.write_bytes(data)
        with pytest.raises(OdqaError) as caught:
            Engine.open(index)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code in {2, 4}
