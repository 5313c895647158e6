from __future__ import annotations

import math

import numpy as np
import pytest

from odqa.data.stream import Batches
from odqa.errors import UsageError
from odqa.learn.batches import Shuffled
from odqa.learn.schedule import Schedule


def test_the_rate_rises_and_falls():
    schedule = Schedule(warm_up=0.1)
    factors = [schedule.factor(step, 100) for step in range(100)]
    assert factors[9] == 1.0
    assert factors[:10] == sorted(factors[:10])
    assert factors[9:] == sorted(factors[9:], reverse=True)
    assert factors[-1] == pytest.approx(1 / 90)


def test_shapes_by_hand():
    cosine = Schedule(warm_up=0.2, shape="cosine", last=0.1)
    # After 20 of 100 steps it falls by half a cosine from 1 to 0.1, and is half way at step 60.
    assert cosine.factor(20, 100) == pytest.approx(1.0)
    assert cosine.factor(60, 100) == pytest.approx(0.1 + 0.9 * 0.5)
    assert cosine.factor(40, 100) == pytest.approx(0.1 + 0.9 * (0.5 + 0.5 * math.cos(math.pi / 4)))
    assert cosine.factor(99, 100) == pytest.approx(0.1, abs=1e-3)
    linear = Schedule(warm_up=0.2, last=0.5)
    assert [linear.factor(step, 100) for step in (9, 20, 60)] == pytest.approx([0.5, 1.0, 0.75])
    constant = Schedule(warm_up=0.2, shape="constant")
    assert [constant.factor(step, 100) for step in (0, 19, 20, 99)] == [0.05, 1.0, 1.0, 1.0]
    assert Schedule(warm_up=0.0).factor(0, 1) == 1.0
    assert Schedule(warm_up=1.0).factor(4, 5) == 1.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"accumulate": 0}, "accumulate must be 1 or more"),
        ({"every": 0}, "every must be 1 or more"),
        ({"keep": 0}, "keep must be 1 or more"),
        ({"max_shard_size": 100}, "max_shard_size must be 4096 or more"),
        ({"steps": -1}, "steps must be 0 or more"),
        ({"minutes": math.nan}, "minutes must be 0 or more"),
        ({"clip": -1.0}, "clip must be 0 or more"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"rate": math.inf}, "rate must be above 0"),
        ({"rates": {"encoder.": -1.0}}, "factors of rates"),
        ({"warm_up": 1.5}, "warm_up must be between 0 and 1"),
        ({"last": -0.1}, "last must be between 0 and 1"),
        ({"betas": (0.9, 1.0)}, "betas must be"),
        ({"betas": (-0.1, 0.9)}, "betas must be"),
        ({"shape": "square"}, "choose linear, cosine or constant"),
        ({"precision": "fp16"}, "choose fp32 or bf16"),
        ({"seed": -1}, "out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        Schedule(**wrong)


def test_batches_hold_every_example_once_an_epoch_in_an_order_of_its_own():
    batches: Batches[int] = Shuffled(range(25), 4, 7)
    orders = [[n for place in range(batches.count(epoch)) for n in batches.batch(epoch, place)] for epoch in (0, 1)]
    assert batches.count(0) == 7
    assert [sorted(order) for order in orders] == [list(range(25))] * 2
    assert orders[0] != orders[1]
    # Any of them without those before it, and the order that numpy gives for seed and epoch.
    assert Shuffled(range(25), 4, 7).batch(1, 6) == orders[1][24:]
    assert orders[1] == np.random.default_rng([7, 1]).permutation(25).tolist()


def test_batches_are_known_by_data_size_and_seed():
    known = {
        Shuffled(range(n), size, seed, key=key).fingerprint for n in (8, 9) for size in (2, 3) for seed in (0, 1)
        for key in ("", "a")
    }  # fmt: skip
    assert len(known) == 16


def test_places_that_are_not_there():
    batches = Shuffled(range(5), 2, 0)
    for place in (-1, 3):
        with pytest.raises(UsageError, match="has no batch"):
            batches.batch(0, place)
    with pytest.raises(UsageError, match="holds none"):
        Shuffled(range(5), 0, 0)
