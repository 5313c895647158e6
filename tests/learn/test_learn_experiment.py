"""Runs of trainings as plain files: what is written, what is read back, and what survives an interruption."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.learn.events import Ended, Judgement, Resumed, Run, Saved, Step
from odqa.learn.experiment import Experiment, RunRecord, Watch, find_runs, read_run
from odqa.learn.experiment.place import command_line, machine_words, without_secrets
from odqa.schema import Progress
from tests.told import Told

SETTINGS: dict[str, Any] = {"rate": 0.001, "schedule": {"epochs": 2}}
DATA: dict[str, Any] = {"fingerprint": "f00", "examples": 100}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def steps(record: RunRecord, figure: str = "loss") -> list[tuple[int, float]]:
    return [(line.step, line.figures[figure]) for line in record.steps]


def test_a_run_is_read_back_as_it_went(folder: Path) -> None:
    with Experiment.start(folder, SETTINGS, DATA, name="first", deciding="rouge2", greater_is_better=True) as run:
        for step in (10, 20, 30):
            run.log(step, loss=10 / step, rate=3.123456789e-5)
            run.judged(step, {"rouge2": step / 100, "loss": 2.0}, best=step == 20)
        run.sample(30, "The bridge\nwas closed. ☃", wanted="It sank.", asked="Why?")
        assert read_run(folder).status == "running"
        run.finish({"squality rouge2": 0.06})
    record = read_run(folder)
    assert (record.id, record.name, record.status, record.step) == (run.id, "first", "finished", 30)
    assert steps(record) == [(10, 1.0), (20, 0.5), (30, 0.333333)]
    assert record.steps[0].figures["rate"] == 3.12346e-05
    assert record.best is not None
    assert (record.best.step, record.best.figures["rouge2"]) == (20, 0.2)
    assert record.figures == {"squality rouge2": 0.06}
    assert (record.settings, record.data, record.deciding) == (SETTINGS, DATA, "rouge2")
    assert record.versions["odqa"]
    assert record.machine["cores"] >= 1
    assert record.started <= record.ended
    (sample,) = record.samples()
    assert (sample.step, sample.text, sample.wanted, sample.asked) == (
        30,
        "The bridge\nwas closed. ☃",
        "It sank.",
        "Why?",
    )


def test_what_was_written_after_the_end_is_not(folder: Path) -> None:
    run = Experiment.start(folder, SETTINGS, DATA)
    run.log(1, loss=1.0)
    run.finish({"f1": 0.5})
    run.log(2, loss=1.0)
    run.finish({"f1": 0.9})
    assert (read_run(folder).step, read_run(folder).figures) == (1, {"f1": 0.5})


def test_figures_that_are_not_finite_stay_json(folder: Path) -> None:
    with Experiment.start(folder, {"rate": math.inf}, DATA) as run:
        run.log(1, loss=math.nan)
        run.judged(1, {"loss": math.inf})
    for name in ("run.json", "log.jsonl"):
        text = (folder / name).read_text()
        assert "NaN" not in text
    assert math.isnan(read_run(folder).steps[0].figures["loss"])
    assert read_run(folder).best is not None


def test_without_a_mark_the_best_is_by_the_figure_that_decides(folder: Path) -> None:
    with Experiment.start(folder, SETTINGS, DATA, deciding="loss") as run:
        for step, loss in ((1, 3.0), (2, 1.5), (3, math.nan), (4, 2.0)):
            run.judged(step, {"loss": loss})
    assert read_run(folder).best == read_run(folder).held_out[1]


@pytest.mark.parametrize(
    "torn", [b'{"event": "step", "ste', b"\xff\xfe", b'"text"', b"[1, 2]", '{"e": "☃'.encode()[:-1]]
)
def test_a_line_that_was_torn_is_passed_over_and_the_next_stands_by_itself(folder: Path, torn: bytes) -> None:
    Experiment.start(folder, SETTINGS, DATA).log(10, loss=1.0)  # And then it is killed.
    with (folder / "log.jsonl").open("ab") as log:
        log.write(torn)
    assert (steps(read_run(folder)), read_run(folder).unreadable) == ([(10, 1.0)], 1)
    again = Experiment.start(folder, SETTINGS, DATA)
    again.log(20, loss=0.5)
    assert (steps(read_run(folder)), read_run(folder).unreadable) == ([(10, 1.0), (20, 0.5)], 1)


@pytest.mark.parametrize("told", [True, False])
def test_a_run_that_is_taken_up_supersedes_what_came_after_the_checkpoint(folder: Path, told: bool) -> None:
    first = Experiment.start(folder, SETTINGS, DATA)
    for step in (10, 20, 30, 40):
        first.log(step, loss=1.0)
        first.judged(step, {"loss": 1.0}, best=True)
        first.sample(step, "first")
    second = Experiment.start(folder, SETTINGS, DATA)
    assert second.id == first.id
    if told:
        second.resumed(20)
        assert [step for step, _ in steps(read_run(folder))] == [10, 20]
    second.log(30, loss=2.0)
    second.judged(30, {"loss": 2.0})
    second.sample(30, "second")
    record = read_run(folder)
    assert steps(record) == [(10, 1.0), (20, 1.0), (30, 2.0)]
    assert [(line.step, line.figures["loss"]) for line in record.held_out] == [(10, 1.0), (20, 1.0), (30, 2.0)]
    assert [(sample.step, sample.text) for sample in record.samples()] == [(10, "first"), (20, "first"), (30, "second")]
    assert len(record.sittings) == 2
    assert record.best is not None
    assert record.best.step == 20


def test_the_last_line_of_a_step_counts(folder: Path) -> None:
    run = Experiment.start(folder, SETTINGS, DATA)
    for loss in (1.0, 2.0):
        run.log(10, loss=loss)
        run.judged(10, {"loss": loss})
    record = read_run(folder)
    assert (steps(record), len(record.held_out)) == ([(10, 2.0)], 1)


def test_seconds_of_computing_add_up_over_sittings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr("odqa.learn.experiment.log.time.monotonic", lambda: float(next(clock)))
    first = Experiment.start(folder, SETTINGS, DATA)
    first.log(1, loss=1.0)  # And then it is killed, with no word about its end.
    before = read_run(folder).seconds
    assert before > 0
    second = Experiment.start(folder, SETTINGS, DATA)
    second.finish()
    record = read_run(folder)
    assert record.seconds > before
    assert record.sittings[1]["from_seconds"] == before
    assert record.seconds == pytest.approx(before + record.sittings[1]["seconds"])


def test_what_changed_since_the_last_sitting_is_noted(folder: Path) -> None:
    Experiment.start(folder, SETTINGS, DATA).finish(status="stopped")
    Experiment.start(folder, {"rate": 0.001, "schedule": {"epochs": 3}}, DATA)
    record = read_run(folder)
    assert record.sittings[1]["changed"] == {"schedule": [{"epochs": 2}, {"epochs": 3}]}
    assert record.settings["schedule"] == {"epochs": 3}


@pytest.mark.parametrize("other", ["finished", "other data"])
def test_a_run_that_is_over_or_another_one_is_put_aside(folder: Path, other: str) -> None:
    first = Experiment.start(folder, SETTINGS, DATA)
    first.log(1, loss=1.0)
    first.finish({"f1": 0.5}, status="finished" if other == "finished" else "stopped")
    second = Experiment.start(folder, SETTINGS, DATA if other == "finished" else {"fingerprint": "bar"})
    second.log(1, loss=2.0)
    assert second.id != first.id
    record = read_run(folder)
    assert (steps(record), record.figures, record.id) == ([(1, 2.0)], {}, second.id)
    assert record.sittings[0]["changed"] == {}
    old = read_run(folder / "earlier" / first.id)
    assert (steps(old), old.figures, old.id, old.status) == ([(1, 1.0)], {"f1": 0.5}, first.id, read_status(other))
    assert find_runs([folder.parent]) == [folder]


def read_status(other: str) -> str:
    return "finished" if other == "finished" else "stopped"


def test_a_finished_run_that_is_only_taken_up_stays_as_it_was(folder: Path) -> None:
    with Experiment.start(folder, SETTINGS, DATA) as first:
        first.log(5, loss=1.0)
        first.finish({"f1": 0.5})
    before = (folder / "run.json").read_bytes()
    with Experiment.start(folder, SETTINGS, DATA, tracker=Told()) as again:
        pass
    assert (folder / "run.json").read_bytes() == before
    with Experiment.start(folder, SETTINGS, DATA) as again:
        watch = Watch(again)
        watch(Resumed(5))  # As the loop tells it where the last step had been taken.
        watch(Ended(Run(5, ())))
        again.finish({})
    record = read_run(folder)
    assert (record.id, record.status, steps(record)) == (first.id, "finished", [(5, 1.0)])
    assert record.figures == {"f1": 0.5}
    assert not (folder / "earlier").exists()


def test_the_other_processes_of_a_launch_write_nothing(tmp_path: Path) -> None:
    tracker = Told()
    with Experiment.start(tmp_path / "run", SETTINGS, DATA, tracker=tracker, silent=True) as run:
        run.log(1, loss=1.0)
        run.sample(1, "text")
        run.note("something")
        run.finish({"f1": 1.0})
    assert list(tmp_path.iterdir()) == []
    assert tracker.told == []


def test_how_a_run_ended_is_told(tmp_path: Path) -> None:
    def ended(number: int, error: BaseException | None, stopped: str = "") -> RunRecord:
        folder = tmp_path / str(number)
        try:
            with Experiment.start(folder, SETTINGS, DATA) as run:
                if stopped:
                    run.stopped(stopped)
                if error is not None:
                    raise error
        except (KeyboardInterrupt, UsageError, ZeroDivisionError):
            pass
        return read_run(folder)

    told = [
        ended(1, None),
        ended(2, None, "patience"),
        ended(3, None, "minutes"),
        ended(4, KeyboardInterrupt()),
        ended(5, UsageError("no data", "name some")),
        ended(6, ZeroDivisionError("by zero")),
    ]
    assert [record.status for record in told] == ["finished", "finished", "stopped", "stopped", "failed", "failed"]
    assert [record.error for record in told[4:]] == ["no data (name some)", "ZeroDivisionError: by zero"]


def test_a_process_that_is_killed_leaves_a_run_that_goes_on(folder: Path) -> None:
    program = f"""
from pathlib import Path
from odqa.learn.experiment import Experiment
run = Experiment.start(Path({str(folder)!r}), {SETTINGS!r}, {DATA!r})
step = 0
while True:
    step += 1
    run.log(step, loss=1 / step)
    print(step, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 50:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    record = read_run(folder)
    assert record.status == "running"
    assert record.step >= 50
    assert steps(record) == [(n, float(f"{1 / n:.6g}")) for n in range(1, record.step + 1)]
    with Experiment.start(folder, SETTINGS, DATA) as run:
        assert run.seconds >= record.seconds
        run.log(51, loss=9.0)
    assert steps(read_run(folder))[-2:] == [(50, 0.02), (51, 9.0)]


def test_whatever_write_fails_the_run_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        folder = tmp_path / str(number)
        count = iter(range(1000))

        def fail(operation: str, path: Path, number: int = number, count: Iterator[int] = count) -> None:
            if next(count) == number:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(fs, "fault", fail)
        try:
            with Experiment.start(folder, SETTINGS, DATA) as run:
                run.log(1, loss=1.0)
                run.finish({"f1": 1.0})
        except UsageError:
            monkeypatch.setattr(fs, "fault", None)
            if (folder / "run.json").exists():
                assert read_run(folder).status in {"running", "finished", "failed"}
            Experiment.start(folder, SETTINGS, DATA).finish()
            assert read_run(folder).status == "finished"
            continue
        assert number > 8
        return
    pytest.fail("the writes never came to an end")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ("[]", "not a run"), ('{"format": 9}', "update odqa"), ('{"id": "x"}', "not a run")],
)
def test_a_damaged_run_is_one_clear_error(folder: Path, text: str, message: str) -> None:
    folder.mkdir()
    (folder / "run.json").write_text(text)
    with pytest.raises(LoadError, match=message):
        read_run(folder)
    with pytest.raises(LoadError):
        Experiment.start(folder, SETTINGS, DATA)


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="choose another folder"):
        Experiment.start(tmp_path / "file" / "run", SETTINGS, DATA)


def test_secrets_are_not_written_down(folder: Path) -> None:
    shown = command_line(
        ["/usr/bin/odqa", "train", "reader", "--token", "tttt", "--set", "llm_key=kkkk", "--set=api-key=kkkk==",
         "--out=x", "-o", "a b", "https://me:pppp@host/x", "hf_abcdefghijkl", "--max-tokens", "512", "batch_tokens=9"]
    )  # fmt: skip
    for secret in ("tttt", "kkkk", "pppp", "hf_abc"):
        assert secret not in shown
    assert shown.startswith("odqa train reader --token '***'")
    assert shown.endswith("--out=x -o 'a b' 'https://***@host/x' '***' --max-tokens 512 batch_tokens=9")
    kept = without_secrets({"a": {"password": "x", "tokens": 3, "path": Path("p")}, "list": ["hf_abcdefghijkl", 1]})
    assert kept == {"a": {"password": "***", "tokens": 3, "path": "p"}, "list": ["***", 1]}
    Experiment.start(folder, {"llm": {"api_key": "secret-value"}}, DATA)
    assert "secret-value" not in (folder / "run.json").read_text()


def test_a_machine_in_words() -> None:
    words = machine_words({"processor": "AMD EPYC", "cores": 2, "memory_gb": 25.3, "gpus": ["H200", "H200"]})
    assert words == "AMD EPYC, 2 cores, 25.3 GB, 2 × H200"


def events(first: int, last: int, every: int = 10) -> Iterator[Any]:
    for number in range(first, last + 1):
        yield Step(number, 100, 0, 1 / number, 1e-3, 2.0, 10.0 * number, 0.5)
        if number % 30 == 0:
            yield Judgement(number, {"loss": 1 / number}, True, 0.1)
            yield Saved(number, Path("x"), 0.1)


def test_the_loops_events_are_written_as_means_over_targets(folder: Path) -> None:
    told: list[str] = []
    seen: list[Progress] = []
    run = Experiment.start(folder, SETTINGS, DATA)
    watch = Watch(run, progress=seen.append, say=told.append, every=10)
    for event in events(1, 35):
        watch(event)
    watch(Ended(Run(35, (), stopped="minutes")))
    run.finish()
    record = read_run(folder)
    # Each step n has 10 n targets of loss 1/n in half a second: the mean over the targets is 10·10 / 10·(1 + … + 10).
    assert steps(record)[0] == (10, pytest.approx(100 / 550, rel=1e-5))
    assert steps(record, "targets_per_second")[0] == (10, 110.0)
    assert [step for step, _ in steps(record)] == [10, 20, 30, 35]
    assert steps(record)[-1][1] == pytest.approx(50 / (10 * (31 + 32 + 33 + 34 + 35)), rel=1e-5)
    assert [line.step for line in record.held_out] == [30]
    assert (record.status, record.stopped) == ("stopped", "minutes")
    assert (len(seen), seen[-1].done, seen[-1].total) == (35, 35, 100)
    assert told == ["step 30 of 100, loss 0.039; held out: loss 0.033 (best so far)"]


def test_a_watched_run_that_is_taken_up_has_the_lines_of_one_that_was_not_interrupted(tmp_path: Path) -> None:
    def watched(folder: Path, *parts: tuple[int, int]) -> RunRecord:
        for first, last in parts:
            watch = Watch(Experiment.start(folder, SETTINGS, DATA))
            if first > 1:
                watch(Resumed(first - 1, notes=("a newer checkpoint was damaged",)))
            for event in events(first, last):
                watch(event)
        return read_run(folder)

    whole, parts = watched(tmp_path / "a", (1, 90)), watched(tmp_path / "b", (1, 57), (31, 78), (61, 90))
    assert steps(parts) == steps(whole)
    assert [line.step for line in parts.held_out] == [line.step for line in whole.held_out]
    assert parts.notes == ("a newer checkpoint was damaged",) * 2


def test_steps_that_taught_nothing_do_not_spoil_the_mean(folder: Path) -> None:
    told: list[str] = []
    watch = Watch(Experiment.start(folder, SETTINGS, DATA), say=told.append, every=2)
    watch(Step(1, 4, 0, 2.0, 1e-3, 1.0, 10, 1.0))
    watch(Step(2, 4, 0, math.nan, 1e-3, math.inf, 10, 1.0, skipped=True))
    watch(Step(3, 4, 0, math.nan, 1e-3, math.nan, 0, 1.0, skipped=True))
    watch(Step(4, 4, 0, math.nan, 1e-3, math.nan, 0, 1.0, skipped=True))
    record = read_run(folder)
    assert [line.figures["skipped"] for line in record.steps] == [1, 2]
    assert record.steps[0].figures["loss"] == 2.0
    assert math.isnan(record.steps[1].figures["loss"])
    assert len(told) == 3


def test_the_loop_itself_is_watched(folder: Path) -> None:
    import torch

    from odqa.learn.loop import Loss, Schedule, Shuffled, train

    model = torch.nn.Linear(2, 1)
    data = [torch.tensor([x, 1.0]) for x in (0.0, 1.0, 2.0, 3.0)]

    def loss(batch: Any) -> Loss:
        rows = torch.stack(list(batch))
        return Loss((model(rows)[:, 0] - rows[:, 0]).square().sum(), len(batch))

    batches = Shuffled(data, 2, 13)
    schedule = Schedule(epochs=3, rate=0.1, every=2)
    with Experiment.start(folder, SETTINGS, {"fingerprint": batches.fingerprint}) as run:
        watch = Watch(run, every=1)
        train(model, batches, loss, schedule, watch=watch, judge=lambda: {"loss": float(model.bias.detach())})
    record = read_run(folder)
    assert [line.step for line in record.steps] == [1, 2, 3, 4, 5, 6]
    assert [line.step for line in record.held_out] == [2, 4, 6]
    assert (record.status, record.stopped) == ("finished", "steps")


def test_the_log_is_plain_json_lines(folder: Path) -> None:
    with Experiment.start(folder, SETTINGS, DATA) as run:
        run.log(7, loss=1.5)
    (line,) = (folder / "log.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["event"], record["step"], record["figures"]) == ("step", 7, {"loss": 1.5})
