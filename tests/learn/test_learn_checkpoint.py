from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.learn import checkpoint
from odqa.learn.checkpoint import Checkpoints
from odqa.learn.loop import Loss, Resumed, Schedule, Shuffled, train

ROOT = Path(__file__).resolve().parents[2]


def _tensors(seed=0):
    torch.manual_seed(seed)
    return {
        "weight/a": torch.randn(30, 40),
        "weight/b": torch.randn(7).double(),
        "exp_avg/a": torch.randn(40, 30).t(),
        "step/a": torch.tensor(3.0),
        "weight/half": torch.randn(5).bfloat16(),
    }


def _progress(best=0):
    return {"best": best}


def _targets(version):
    return {name: torch.zeros(shape, dtype=getattr(torch, kind)) for name, (kind, shape) in version.tensors.items()}


@given(most=st.integers(4096, 9_000))
@settings(max_examples=10, deadline=None)
def test_no_file_is_larger_than_one_chose_and_all_comes_back(tmp_path_factory, most):
    folder = tmp_path_factory.mktemp("checkpoint")
    Checkpoints(folder, {}, max_shard_size=most).write(5, _progress(), _tensors().items())
    sizes = [file.stat().st_size for file in folder.rglob("*.safetensors")]
    assert len(sizes) > 1
    assert max(sizes) <= most
    version, notes = Checkpoints(folder, {}).newest()
    assert (version.step, notes) == (5, ())
    targets = _targets(version)
    targets["exp_avg/a"] = torch.zeros(40, 30).t()  # Not contiguous.
    version.fill(targets)
    for name, value in _tensors().items():
        assert torch.equal(targets[name], value), name


def test_only_some_versions_are_kept_and_the_best_that_they_need(tmp_path):
    checkpoints = Checkpoints(tmp_path, {}, keep=2)
    for step in (1, 2, 3, 4):
        if step in {1, 3}:
            checkpoints.write_best(step, _tensors(step).items())
        checkpoints.write(step, _progress(1 if step < 3 else 3), _tensors(step).items())
    assert sorted(one.name for one in (tmp_path / "checkpoint").iterdir()) == [
        "best-00000003", "step-00000003", "step-00000004",
    ]  # fmt: skip
    targets = {name: torch.zeros_like(value) for name, value in _tensors().items()}
    checkpoints.read_best(3, targets)
    assert torch.equal(targets["weight/a"], _tensors(3)["weight/a"])
    checkpoint.remove(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_later_note_at_a_step_leaves_its_tensors(tmp_path):
    checkpoints = Checkpoints(tmp_path, {})
    checkpoints.write(2, _progress() | {"note": 1}, _tensors().items())
    checkpoints.write(2, _progress() | {"note": 2}, iter(()))
    version, _ = Checkpoints(tmp_path, {}).newest()
    assert version.progress["note"] == 2
    version.fill(_targets(version))


def _mutations(folder):
    shard, index = sorted(folder.glob("*.safetensors"))[0], folder / "checkpoint.json"
    body = json.loads(index.read_bytes())
    yield "a bit", lambda: shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    yield "cut short", lambda: shard.write_bytes(shard.read_bytes()[:-1])
    yield "no file", shard.unlink
    yield "no index", index.unlink
    yield "half an index", lambda: index.write_bytes(index.read_bytes()[:100])
    yield "a list", lambda: index.write_text("[]")
    yield "null", lambda: index.write_text(json.dumps(body | {"files": None}))
    yield "of the future", lambda: index.write_text(json.dumps(body | {"format": 2}))
    yield "elsewhere", lambda: index.write_text(json.dumps(body | {"files": [{"file": "../../x"}]}))
    yield "no progress", lambda: index.write_text(json.dumps({k: v for k, v in body.items() if k != "progress"}))
    yield "strange tensors", lambda: index.write_text(json.dumps(body | {"tensors": {"weight/a": 5}}))


@pytest.mark.parametrize("kind", range(11))
def test_a_damaged_version_is_passed_over(tmp_path, kind):
    checkpoints = Checkpoints(tmp_path, {})
    for step in (1, 2):
        folder = checkpoints.write(step, _progress(), _tensors(step).items())
    list(_mutations(folder))[kind][1]()
    version, notes = Checkpoints(tmp_path, {}).newest()
    assert version.step == 1
    assert len(notes) == 1
    assert "step-00000002" in notes[0]
    again = Checkpoints(tmp_path, {})
    again.newest()
    again.write(2, _progress(), _tensors(2).items())  # The damaged one makes room.
    assert Checkpoints(tmp_path, {}).newest()[0].step == 2
    for step in (1, 2):
        (tmp_path / "checkpoint" / f"step-0000000{step}" / "checkpoint.json").write_text("{")
    with pytest.raises(LoadError, match=r"cannot be used.*delete .*checkpoint to begin anew"):
        Checkpoints(tmp_path, {}).newest()


def test_a_version_whose_best_weights_are_damaged_is_passed_over(tmp_path):
    checkpoints = Checkpoints(tmp_path, {})
    checkpoints.write(1, _progress(), _tensors(1).items())
    checkpoints.write_best(2, _tensors(2).items())
    checkpoints.write(2, _progress(2), _tensors(2).items())
    next((tmp_path / "checkpoint" / "best-00000002").glob("*.safetensors")).write_bytes(b"")
    again = Checkpoints(tmp_path, {})
    assert again.newest()[0].step == 1
    again.write_best(2, _tensors(2).items())  # Rewritten, as it comes to the same step again.
    again.write(2, _progress(2), _tensors(2).items())
    assert Checkpoints(tmp_path, {}).newest()[0].step == 2


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "checkpoint" / "step-of-mine").mkdir(parents=True)
    checkpoints = Checkpoints(tmp_path, {}, keep=1)
    assert checkpoints.newest() == (None, ())
    checkpoints.write(1, _progress(), _tensors().items())
    assert (tmp_path / "checkpoint" / "step-of-mine").is_dir()


def test_one_training_at_a_time_in_a_folder(tmp_path):
    with (
        Checkpoints(tmp_path, {}).held(),
        pytest.raises(UsageError, match="another training runs"),
        Checkpoints(tmp_path, {}).held(),
    ):
        pass
    with Checkpoints(tmp_path, {}).held():
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose a folder"), Checkpoints(tmp_path / "file", {}).held():
        pass


# A whole training, small: eight numbers learn to be the mean of some others.
SCHEDULE = Schedule(
    epochs=2, rate=0.1, every=5, judge_every=4, keep=1, deciding="norm", max_shard_size=4096, patience=0
)
EXAMPLES = np.random.default_rng(0).normal(size=(24, 8)).astype(np.float32)


def run(folder: Path | None, watch=None) -> bytes:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 60))

    def loss(batch):
        return Loss((model(torch.tensor(batch)) ** 2).sum(), len(batch))

    def judge():
        return {"norm": float(model[0].weight.detach().norm())}

    train(model, Shuffled(EXAMPLES.tolist(), 4, 1), loss, SCHEDULE, folder=folder, judge=judge, watch=watch)
    return b"".join(value.detach().numpy().tobytes() for value in model.parameters())


class Crash(OSError):
    pass


def test_it_goes_on_after_a_crash_at_any_write(tmp_path, monkeypatch):
    wanted, operations = run(None), []
    monkeypatch.setattr(fs, "fault", lambda name, path: operations.append(name))
    assert run(tmp_path / "whole") == wanted
    assert {"create", "sync_file", "sync_folder", "replace", "remove_tree"} <= set(operations)
    for number in range(0, len(operations), 11):
        left = iter(range(number, -1, -1))

        def crash(name, path, left=left):
            if next(left, -1) == 0:
                raise Crash(28, "No space left on device")

        monkeypatch.setattr(fs, "fault", crash)
        folder = tmp_path / str(number)
        with pytest.raises((UsageError, Crash), match="No space left"):
            run(folder)
        assert run(folder) == wanted
        assert not list(folder.rglob("*.tmp"))


def test_a_damaged_checkpoint_costs_steps_only(tmp_path):
    class Stop(Exception):
        pass

    def stop(event):
        if getattr(event, "folder", None) is not None and event.step == 8:
            raise Stop

    with pytest.raises(Stop):
        run(tmp_path, stop)
    # The only version kept is damaged: what else there is was removed.
    newest = tmp_path / "checkpoint" / "step-00000008" / "state-00001.safetensors"
    newest.write_bytes(newest.read_bytes()[:-3])
    with pytest.raises(LoadError, match="begin anew"):
        run(tmp_path)
    checkpoint.remove(tmp_path)
    assert run(tmp_path) == run(None)


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from odqa import fs
from tests.learn.test_learn_checkpoint import run

run(None)
began = time.monotonic()
wanted, folder = run(None), Path(sys.argv[1])
usual = time.monotonic() - began
rng = random.Random(5)
kills = 0
for target in range(2):
    for attempt in range(100):
        operations = 0 if attempt % 2 else rng.randrange(1, 40)  # At any moment, or in the middle of a write.
        delay = rng.uniform(0, 2 * usual)
        child = os.fork()
        if child == 0:
            def fault(name, path):
                global operations
                operations -= 1
                if operations == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            fs.fault = fault
            (folder / f"{target}.weights").write_bytes(run(folder / str(target)))
            os._exit(0)
        if attempt % 2:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        kills += 1
    assert (folder / f"{target}.weights").read_bytes() == wanted, "other weights"
print(kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
def test_killed_at_random_it_ends_with_the_same_bytes(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2


def test_what_was_wrong_with_a_newer_one_is_told(tmp_path):
    events = []
    model = torch.nn.Linear(1, 1)

    def train_to(stop, schedule):
        def loss(batch):
            return Loss(model(torch.tensor([[1.0]])).sum(), 1.0)

        train(model, Shuffled([1] * 6, 1, 1), loss, schedule, folder=tmp_path, stop_after=stop, watch=events.append)

    train_to(4, Schedule(epochs=1, every=2, rate=0.1))
    (tmp_path / "checkpoint" / "step-00000004" / "checkpoint.json").unlink()
    events.clear()
    train_to(None, Schedule(epochs=1, every=2, rate=0.1))
    assert isinstance(events[0], Resumed)
    assert events[0].step == 2
    assert "step-00000004 cannot be used" in events[0].notes[0]
