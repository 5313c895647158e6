from __future__ import annotations

import math
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from odqa.errors import LoadError, ModelError, UsageError
from odqa.learn.loop import (
    Ended,
    Judgement,
    Loss,
    Resumed,
    Saved,
    Schedule,
    Shuffled,
    Step,
    train,
)

POINTS = [(np.float32(x), np.float32(3 * x - 1)) for x in np.linspace(-1, 1, 40)]


class Line(torch.nn.Module):
    """y = w x + b, with dropout so that a step depends on random numbers."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner = torch.nn.Linear(1, 8)
        self.drop = torch.nn.Dropout(dropout)
        self.outer = torch.nn.Linear(8, 1)

    def loss(self, batch):
        dtype = self.inner.weight.dtype
        x = torch.tensor([[point[0]] for point in batch], dtype=dtype)
        y = torch.tensor([[point[1]] for point in batch], dtype=dtype)
        return Loss(((self.outer(self.drop(self.inner(x))) - y) ** 2).sum(), len(batch))

    def judge(self):
        return {"norm": float(_weights(self).norm()), "noise": float(torch.rand(()))}


def _weights(model):
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def _shuffled(size, points=POINTS):
    return Shuffled(points, size, 13)


def test_it_learns():
    model = Line()
    run = train(model, _shuffled(8), model.loss, Schedule(epochs=30, rate=0.03))
    assert run.losses[-1] < 0.2 * run.losses[0]
    assert run.steps == 30 * 5
    assert run.stopped == "steps"
    assert not model.training


INTERRUPTED = Schedule(
    epochs=3, rate=0.01, every=2, judge_every=3, accumulate=2, deciding="norm", rates={"outer.": 0.5}, patience=0
)


def test_however_often_it_leaves_off_it_ends_as_one_that_did_not(tmp_path):
    whole = Line()
    told = train(whole, _shuffled(7), whole.loss, INTERRUPTED, judge=whole.judge)
    assert told.steps == 9
    for stop in range(1, told.steps):
        for last in (stop, told.steps):
            model = Line()
            torch.manual_seed(stop)  # What random numbers others have drawn must not matter.
            run = train(
                model, _shuffled(7), model.loss, INTERRUPTED, folder=tmp_path / str(stop), judge=model.judge,
                stop_after=last,
            )  # fmt: skip
        assert run == told
        assert torch.equal(_weights(model), _weights(whole))


class Crash(Exception):
    pass


@pytest.mark.parametrize("kind", [Step, Judgement, Saved])
def test_it_may_crash_after_anything_and_goes_on_from_the_checkpoint(tmp_path, kind):
    whole = Line()
    told = train(whole, _shuffled(7), whole.loss, INTERRUPTED, judge=whole.judge)
    events = []

    def crash(event):
        events.append(event)
        if isinstance(event, kind) and (event.step, type(event)) not in crashed:
            crashed.add((event.step, type(event)))
            raise Crash

    crashed = set()
    for _ in range(100):
        model = Line()
        try:
            run = train(
                model, _shuffled(7), model.loss, INTERRUPTED, folder=tmp_path, judge=model.judge, watch=crash
            )  # fmt: skip
            break
        except Crash:
            pass
    assert len(crashed) >= 3
    assert run == told
    assert torch.equal(_weights(model), _weights(whole))
    assert any(isinstance(event, Resumed) for event in events)


def test_a_run_that_is_over_is_not_begun_again(tmp_path):
    model, again = Line(), Line()
    schedule = Schedule(epochs=2, rate=0.01, deciding="norm")
    told = train(model, _shuffled(8), model.loss, schedule, folder=tmp_path, judge=model.judge)
    events = []
    run = train(again, _shuffled(8), again.loss, schedule, folder=tmp_path, judge=again.judge, watch=events.append)
    assert run == told
    assert [type(event) for event in events] == [Resumed, Ended]
    assert torch.equal(_weights(again), _weights(model))


@pytest.mark.parametrize("kept_on_disk", [False, True])
def test_it_stops_in_time_and_keeps_the_best_weights(tmp_path, kept_on_disk):
    model = Line()
    figures = iter([0.5, 0.9, 0.8, 0.7, 1.0])
    seen = []

    def judge():
        seen.append(_weights(model).clone())
        return {"score": next(figures)}

    schedule = Schedule(epochs=5, rate=0.01, patience=2, deciding="score", greater_is_better=True)
    folder = tmp_path if kept_on_disk else None
    run = train(model, _shuffled(8), model.loss, schedule, judge=judge, folder=folder)
    assert run.held_out == (0.5, 0.9, 0.8, 0.7)
    assert run.stopped == "patience"
    assert run.best == 10
    assert torch.equal(_weights(model), seen[1])


def test_lower_is_better_for_a_loss_and_nan_never_is():
    model = Line()
    figures = iter([math.nan, 3.0, math.nan, 2.0, 2.5])
    run = train(model, _shuffled(8), model.loss, Schedule(epochs=5), judge=lambda: {"loss": next(figures)})
    assert run.best == 4 * 5


def test_what_is_frozen_stays_and_is_not_saved(tmp_path):
    model = Line()
    model.inner.weight.requires_grad = False
    before = model.inner.weight.clone()
    train(model, _shuffled(16), model.loss, Schedule(epochs=1), folder=tmp_path)
    assert torch.equal(model.inner.weight, before)
    saved = b"".join(file.read_bytes() for file in tmp_path.rglob("*.safetensors"))
    assert b"outer.weight" in saved
    assert b"inner.weight" not in saved


def test_what_no_batch_uses_neither_moves_nor_decays():
    model = Line()
    model.unused = torch.nn.Linear(3, 3)
    before = model.unused.weight.clone()
    train(model, _shuffled(8), model.loss, Schedule(epochs=2, rate=0.1, decay=0.5))
    assert torch.equal(model.unused.weight, before)


def _by_hand(model, batches, schedule, steps):
    """The step of a textbook: the mean over all targets, clipped, AdamW with the rates given by hand."""
    slow = [value for name, value in model.named_parameters() if name.startswith("inner.")]
    fast = [value for name, value in model.named_parameters() if not name.startswith("inner.")]
    optimizer = torch.optim.AdamW([{"params": slow}, {"params": fast}], weight_decay=0.0)
    model.train()
    for step in range(steps):
        points = [point for place in range(2) for point in batches.batch(0, 2 * step + place)]
        optimizer.zero_grad()
        loss = model.loss(points)
        (loss.total / loss.count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        rate = schedule.rate * schedule.factor(step, steps)
        optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = 0.1 * rate, rate
        optimizer.step()


def test_accumulated_batches_of_any_size_are_one_big_batch():
    # 40 points in batches of 7: the last has 5, so a mean of means would be another gradient.
    schedule = Schedule(epochs=1, accumulate=2, rate=0.05, decay=0.0, clip=0.5, rates={"inner.": 0.1})
    model, wanted = Line(dropout=0.0).double(), Line(dropout=0.0).double()
    train(model, _shuffled(7), model.loss, schedule)
    _by_hand(wanted, _shuffled(7), schedule, 3)
    assert torch.allclose(_weights(model), _weights(wanted), rtol=0, atol=1e-12)


def test_a_step_costs_the_same_however_it_is_divided():
    told = []
    for size, accumulate in ((20, 1), (10, 2), (5, 4)):
        model = Line(dropout=0.0).double()
        events = []
        schedule = Schedule(epochs=3, accumulate=accumulate, rate=0.05)
        run = train(model, _shuffled(size), model.loss, schedule, watch=events.append)
        steps = [event for event in events if isinstance(event, Step)]
        told.append((run.losses, [(one.loss, one.gradient_norm, one.targets) for one in steps], _weights(model)))
    for losses, steps, weights in told[1:]:
        assert losses == pytest.approx(told[0][0], rel=1e-12)
        assert np.array(steps) == pytest.approx(np.array(told[0][1]), rel=1e-10)
        assert torch.allclose(weights, told[0][2], rtol=0, atol=1e-12)


def test_bf16_computes_in_16_bits_and_keeps_32():
    model, seen = Line(), []
    model.outer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    run = train(model, _shuffled(8), model.loss, Schedule(epochs=20, rate=0.03, precision="bf16"))
    assert set(seen) == {torch.bfloat16}
    assert model.outer.weight.dtype == torch.float32
    assert run.losses[-1] < 0.3 * run.losses[0]


def test_parameters_in_16_bits_are_refused():
    model = Line().bfloat16()
    with pytest.raises(UsageError, match="small steps are lost"):
        train(model, _shuffled(8), model.loss, Schedule())


def test_a_loss_that_is_not_finite_is_skipped():
    model = Line()
    broken = iter([False, True, False, True, True, True, True, False])
    before = []

    def loss(batch):
        before.append(_weights(model).clone())
        found = model.loss(batch)
        return Loss(found.total * math.nan, found.count) if next(broken) else found

    events = []
    run = train(model, _shuffled(5), loss, Schedule(epochs=1, rate=0.1), watch=events.append)
    assert run.skipped == 5
    assert [event.skipped for event in events if isinstance(event, Step)][:3] == [False, True, False]
    assert torch.equal(before[1], before[2])
    assert math.isfinite(run.losses[0])
    broken = iter([False] + 7 * [True])
    with pytest.raises(ModelError, match=r"5 steps in a row.*lower rate"):
        train(model, _shuffled(5), loss, Schedule(epochs=1))


def test_a_batch_without_targets_changes_nothing():
    model = Line()

    def loss(batch):
        found = model.loss(batch)
        return Loss(found.total.detach() * 0, 0.0) if POINTS[3] in batch else found

    run = train(model, Shuffled(POINTS, 4, 1), loss, Schedule(epochs=1, decay=0.5))
    assert run.skipped == 1
    assert run.steps == 10


def test_events_tell_what_happens(tmp_path):
    model, events = Line(), []
    schedule = Schedule(epochs=2, rate=0.01, deciding="norm", every=3)
    train(model, _shuffled(8), model.loss, schedule, folder=tmp_path, judge=model.judge, watch=events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(one.step, one.steps, one.epoch) for one in steps] == [(n + 1, 10, n // 5) for n in range(10)]
    assert [one.rate for one in steps] == pytest.approx([0.01 * schedule.factor(n, 10) for n in range(10)])
    assert sum(one.targets for one in steps) == 80
    assert all(one.seconds > 0 and one.targets_per_second > 0 and one.gradient_norm > 0 for one in steps)
    assert [one.step for one in events if isinstance(one, Judgement)] == [5, 10]
    assert {3, 5, 6, 9, 10} == {one.step for one in events if isinstance(one, Saved)}
    assert all(one.folder.parent.parent == tmp_path for one in events if isinstance(one, Saved))
    assert isinstance(events[-1], Ended)


def test_steps_may_be_more_or_fewer_than_an_epoch():
    for steps in (3, 12):
        model, judged = Line(), []
        run = train(
            model, _shuffled(8), model.loss, Schedule(steps=steps, judge_every=4, deciding="norm", patience=0),
            judge=model.judge, watch=judged.append,
        )  # fmt: skip
        assert run.steps == steps
        assert [one.step for one in judged if isinstance(one, Judgement)] == ([3] if steps == 3 else [4, 8, 12])
        assert len(run.losses) == math.ceil(steps / 5)


def test_reading_ahead_changes_nothing_and_leaves_no_thread():
    found = []
    for ahead in (0, 3):
        model = Line()
        train(model, _shuffled(7), model.loss, Schedule(epochs=2, rate=0.01, accumulate=2), ahead=ahead)
        found.append(_weights(model))
    assert torch.equal(*found)

    class Broken:
        fingerprint = "broken"

        def count(self, epoch):
            return 5

        def batch(self, epoch, place):
            if place == 3:
                raise OSError("the disk is gone")
            return POINTS[:4]

    with pytest.raises(OSError, match="the disk is gone"):
        train(model, Broken(), model.loss, Schedule(), ahead=2)
    assert not [thread for thread in threading.enumerate() if "ahead" in thread.name]


def test_out_of_time_it_leaves_off_and_goes_on_exactly(tmp_path):
    schedule = Schedule(epochs=3, rate=0.01, minutes=1e-9, deciding="norm", judge_every=4, patience=0)
    whole = Line()
    told = train(whole, _shuffled(8), whole.loss, replace(schedule, minutes=0.0), judge=whole.judge)
    runs = []
    while not runs or runs[-1].stopped == "minutes":
        model = Line()
        runs.append(train(model, _shuffled(8), model.loss, schedule, folder=tmp_path, judge=model.judge))
        assert runs[-1].judgements[-1][0] == runs[-1].steps  # It is judged as it stands, but off the record.
    assert len(runs) == 15
    assert runs[-1] == told
    assert torch.equal(_weights(model), _weights(whole))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kept_on_disk", [False, True])
def test_a_signal_is_obeyed_when_the_step_is_done_and_saved(tmp_path, number, kept_on_disk):
    class Obeyed(Exception):
        pass

    def handler(*_):
        raise Obeyed

    whole = Line()
    train(whole, _shuffled(8), whole.loss, Schedule(epochs=2, rate=0.01))
    before = signal.signal(number, handler)
    try:
        model, calls, ended = Line(), [], []

        def loss(batch):
            calls.append(len(calls) + 1)
            if len(calls) == 4:
                signal.raise_signal(number)
            return model.loss(batch)

        folder = tmp_path if kept_on_disk else None
        with pytest.raises(Obeyed):
            train(model, _shuffled(8), loss, Schedule(epochs=2, rate=0.01), folder=folder, watch=ended.append)
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)
    assert calls == [1, 2, 3, 4]
    assert ended[-1].run.stopped == "interrupted"
    again, events = Line(), []
    train(again, _shuffled(8), again.loss, Schedule(epochs=2, rate=0.01), folder=folder, watch=events.append)
    assert torch.equal(_weights(again), _weights(whole))
    if kept_on_disk:
        assert events[0] == Resumed(4)


def test_ctrl_c_while_judging_does_not_wait(tmp_path):
    model = Line()

    def judge():
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("goes on judging")

    with pytest.raises(KeyboardInterrupt):
        train(model, _shuffled(8), model.loss, Schedule(epochs=2, deciding="norm"), folder=tmp_path, judge=judge)
    events = []
    train(model, _shuffled(8), model.loss, Schedule(epochs=2, deciding="norm"), folder=tmp_path, judge=model.judge,
          watch=events.append)  # fmt: skip
    assert events[0] == Resumed(5)
    assert isinstance(events[1], Judgement)


def test_a_figure_that_is_missing_cannot_decide():
    model = Line()
    with pytest.raises(UsageError, match=r"no figure 'f1'.*norm, noise"):
        train(model, _shuffled(8), model.loss, Schedule(deciding="f1"), judge=model.judge)


def test_without_anything_to_learn_or_to_learn_from_it_says_so():
    model = Line()
    with pytest.raises(UsageError, match="no examples"):
        Shuffled([], 4, 1)
    with pytest.raises(UsageError, match="begins with 'encoder"):
        train(model, _shuffled(8), model.loss, Schedule(rates={"encoder.": 0.1}))

    class Empty:
        fingerprint = "empty"

        def count(self, epoch):
            return 0

        def batch(self, epoch, place):
            raise IndexError

    with pytest.raises(UsageError, match="no batches"):
        train(model, Empty(), model.loss, Schedule())
    for value in model.parameters():
        value.requires_grad = False
    with pytest.raises(UsageError, match="nothing can learn"):
        train(model, _shuffled(8), model.loss, Schedule())


def test_a_loss_of_another_model_teaches_nothing():
    with pytest.raises(UsageError, match="does not depend on any parameter"):
        train(Line(), _shuffled(8), Line().loss, Schedule())


def test_another_run_is_not_taken_up_but_other_ways_of_saving_are(tmp_path):
    model = Line()
    schedule = Schedule(epochs=1, every=1)
    train(model, _shuffled(16), model.loss, schedule, folder=tmp_path)
    for other, data, what in (
        (
            replace(schedule, rate=1e-3, clip=2.0),
            _shuffled(16),
            r"schedule: clip was 1.0 and is 2.0, rate was 3e-05 and is 0.001",
        ),
        (schedule, _shuffled(16, POINTS[:30]), "data: fingerprint"),
        (replace(schedule, accumulate=2), _shuffled(16), "step: batches was 1 and is 2"),
    ):
        with pytest.raises(LoadError, match=rf"another run.*{what}"):
            train(model, data, model.loss, other, folder=tmp_path)
    larger = torch.nn.Sequential(Line())
    with pytest.raises(LoadError, match=r"another run.*parameters"):
        train(larger, _shuffled(16), model.loss, schedule, folder=tmp_path)
    run = train(model, _shuffled(16), model.loss, replace(schedule, every=7, keep=1, minutes=5), folder=tmp_path)
    assert run.steps == 3
