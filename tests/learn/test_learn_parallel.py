from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from odqa.errors import UsageError
from odqa.learn.parallel import Processes, launched, own_device

ROOT = Path(__file__).resolve().parents[2]

# What each of two processes does; it writes what became of it. A launcher sets the same variables. Forked once torch is
# imported, which takes most of the time.
TOGETHER = """
import json, os, signal, sys
from pathlib import Path
import torch
from odqa.errors import OdqaError
from odqa.learn.parallel import Processes
from tests.learn.test_learn_parallel import learned, tensors

torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
out = Path(sys.argv[1])
child = os.fork()
os.environ |= {"RANK": str(int(child == 0)), "LOCAL_RANK": str(int(child == 0))}

found, events = {}, []
found["whole"] = learned(1, watch=events.append)
processes = Processes.join(torch.device("cpu"))
found["told"] = len(events)
found["resumed"] = learned(1, folder=out / "one")

found["minutes"] = learned(1, folder=out / "minutes", minutes=1e-9)

def signalled(batch, calls=[]):
    calls.append(1)
    if len(calls) == 2 and not processes.first:  # The other is told.
        signal.raise_signal(signal.SIGINT)

try:
    learned(1, folder=out / "two", before=signalled)
except KeyboardInterrupt:
    found["interrupted"] = True
found["sums"] = [one.tolist() for one in tensors(processes)]
found["agreed"] = processes.agree({"rank": processes.rank}, torch.device("cpu"))
try:
    learned(1, size=7 + processes.rank)
    found["other"] = ""
except OdqaError as error:
    found["other"] = str(error)
(out / f"{processes.rank}.json").write_text(json.dumps(found))
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(status)
"""


def learned(accumulate, *, folder=None, watch=None, stop_after=None, minutes=0.0, size=7, before=None):
    """Train something small in float64, and return what a test compares."""
    import torch

    from odqa.learn.loop import Loss, Schedule, Shuffled, train

    torch.manual_seed(4)
    model = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.Dropout(0.2), torch.nn.Linear(6, 1)).double()
    model.sometimes = torch.nn.Linear(1, 1).double()
    examples = np.random.default_rng(1).normal(size=(40, 3)).tolist()

    def loss(batch):
        if before is not None:
            before(batch)
        found = (model(torch.tensor(batch, dtype=torch.float64)) - 1) ** 2
        if examples[0] in batch:  # Only one of the processes has a gradient for this one.
            found = found + model.sometimes(found)
        return Loss(found.sum(), len(batch))

    def judge():
        return {"norm": float(model[0].weight.detach().norm())}

    schedule = Schedule(
        epochs=3, rate=0.05, accumulate=accumulate, every=2, deciding="norm", greater_is_better=True, patience=0,
        minutes=minutes,
    )  # fmt: skip
    run = train(
        model, Shuffled(examples, size, 3), loss, schedule, folder=folder, judge=judge, watch=watch,
        stop_after=stop_after,
    )  # fmt: skip
    weights = torch.cat([value.detach().flatten() for value in model.parameters()]).tolist()
    return {"weights": weights, "losses": run.losses, "held_out": run.held_out, "steps": run.steps, "why": run.stopped}


def tensors(processes):
    import torch

    found = [torch.full((2, 3), float(1 + processes.rank)), torch.ones(4, dtype=torch.float64)]
    found.append(torch.arange(6.0).view(2, 3).t() * (processes.rank + 1))
    processes.add(found)
    sent = torch.full((2,), float(processes.rank + 7))
    processes.share([sent], torch.device("cpu"))
    return [*found, sent]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    pytest.importorskip("accelerate")
    if not hasattr(os, "fork"):
        pytest.skip("forks")
    out = tmp_path_factory.mktemp("together")
    learned(2, folder=out / "one", stop_after=4)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    environment |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    done = subprocess.run(
        [sys.executable, "-c", TOGETHER, str(out)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out, [json.loads((out / f"{rank}.json").read_text()) for rank in (0, 1)]


def _same(one, other):
    assert one["weights"] == pytest.approx(other["weights"], abs=1e-9)
    assert one["losses"] == pytest.approx(other["losses"], abs=1e-9)
    assert one["held_out"] == pytest.approx(other["held_out"], abs=1e-9)
    assert one["steps"] == other["steps"]


def test_two_processes_learn_what_one_with_twice_the_batches_does(together):
    _, (first, second) = together
    alone = learned(2)
    _same(first["whole"], alone)
    assert second["whole"] == first["whole"]


def test_only_the_first_tells(together):
    _, (first, second) = together
    assert first["told"] > first["whole"]["steps"]
    assert second["told"] == 0


def test_a_checkpoint_of_one_process_is_taken_up_by_two_where_the_steps_are_the_same(together):
    _, (first, second) = together
    _same(first["resumed"], learned(2))
    assert second["resumed"] == first["resumed"]


def test_they_leave_off_together(together):
    out, (first, second) = together
    for one in (first, second):
        assert one["minutes"]["steps"] == 1
        assert one["minutes"]["why"] == "minutes"
        assert one["minutes"]["weights"] == first["minutes"]["weights"]
        assert one["interrupted"]
    # The interrupted two have left a checkpoint that one process may take up, with as many batches a step.
    assert [one.name for one in (out / "two" / "checkpoint").glob("step-*")] == ["step-00000002"]
    _same(learned(2, folder=out / "two"), learned(2))


def test_sums_and_messages(together):
    _, found = together
    for one in found:
        assert one["sums"] == [
            [[3.0] * 3] * 2, [2.0] * 4, (3 * np.arange(6.0).reshape(2, 3).T).tolist(), [7.0, 7.0],
        ]  # fmt: skip
        assert one["agreed"] == {"rank": 0}


def test_processes_that_were_given_different_things_are_told(together):
    _, found = together
    for one in found:
        assert "the processes were given different models, data or schedules" in one["other"]


def test_alone_there_is_nobody_to_ask(monkeypatch):
    import torch

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = Processes.join(torch.device("cpu"))
    assert processes == Processes(0, 1)
    assert processes.first
    assert processes.agree({"a": 1}, torch.device("cpu")) == {"a": 1}
    processes.compare({"a": 1}, torch.device("cpu"))


def test_several_processes_need_accelerate(monkeypatch):
    import torch

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert launched() == 2
    with pytest.raises(UsageError, match="without accelerate"):
        Processes.join(torch.device("cpu"))


@pytest.mark.parametrize(
    ("world", "device", "own"), [("1", "cuda", "cuda"), ("4", "cuda", "cuda:3"), ("4", "cpu", "cpu")]
)
def test_each_process_has_a_gpu_of_its_own(monkeypatch, world, device, own):
    monkeypatch.setenv("WORLD_SIZE", world)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_device(device) == own
