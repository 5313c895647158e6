"""Two measurements: the difference, how sure it is, and where it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from odqa.errors import UsageError
from odqa.evaluate.bootstrap import interval, paired_bootstrap
from odqa.evaluate.compare import compare, holm
from odqa.evaluate.result import Result

RNG = np.random.default_rng(3)


def result(values: list[float], **changes: Any) -> Result:
    rows = [{"id": f"q{n}", "question": f"Q{n}?", "metrics": {"R@10": value}} for n, value in enumerate(values)]
    whole = Result(
        "retrieval", "towns", "dev", len(rows), {"documents": 30}, {"R@10": 0.5, "kept@16x": 0.9}, {}, {}, rows
    )
    return replace(whole, **changes)


def test_a_difference_that_never_varies_is_certain() -> None:
    found = paired_bootstrap([0.0] * 8, [0.25] * 8, samples=1000)
    assert (found.difference, found.low, found.high) == (0.25, 0.25, 0.25)
    assert paired_bootstrap([1.0, 0.0], [1.0, 0.0], samples=1000).p == 1


def test_two_values_by_hand() -> None:
    # Resamples of the differences {0, 1} have means 0, 1/2, 1/2, 1: the interval spans all of it.
    found = paired_bootstrap([0, 0], [0, 1], samples=4000)
    assert (found.difference, found.low, found.high) == (0.5, 0, 1)
    # Moved to have their centre at zero, half of the resamples lie as far out as the difference observed.
    assert found.p == pytest.approx(0.5, abs=0.03)


def test_intervals_are_those_of_scipy() -> None:
    from scipy.stats import bootstrap

    a, b = RNG.random(80), RNG.random(80) + 0.1
    ours = paired_bootstrap(a.tolist(), b.tolist(), samples=20_000)
    theirs = bootstrap((b - a,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(5))
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.003)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.003)


def test_questions_that_fail_together_make_it_less_sure() -> None:
    values = [float(document % 2) for document in range(12) for _ in range(10)]
    documents = [str(document) for document in range(12) for _ in range(10)]
    alone, together = interval(values), interval(values, groups=documents)
    assert alone.mean == together.mean == 0.5
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_planted_difference_is_found_where_it_is() -> None:
    before, after = [0.0] * 30 + [1.0] * 10, [0.0] * 20 + [1.0] * 20
    found = compare(result(before), result(after, settings={"documents": 40}), samples=2000)
    (change,) = found.metrics
    assert (change.first, change.second, change.higher, change.lower, change.equal) == (0.25, 0.5, 10, 0, 30)
    assert change.interval.low > 0
    assert {one.id for one in change.largest} == {f"q{n}" for n in range(20, 30)}
    assert [(one.name, one.first, one.second) for one in found.settings] == [("documents", 30, 40)]
    assert [figure.metric for figure in found.figures] == ["kept@16x"]


def test_only_questions_of_both_are_compared_and_that_is_said() -> None:
    found = compare(result([1.0, 0.0, 1.0]), result([1.0, 0.0], split="test"), samples=100)
    assert found.n == 2
    assert any("1 of the 3 questions of the first" in note for note in found.notes)
    assert any("splits differ" in note for note in found.notes)


@pytest.mark.parametrize("changes", [{"task": "answers"}, {"dataset": "villages"}, {"rows": []}])
def test_what_cannot_be_compared_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        compare(result([1.0]), result([1.0], **changes))


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [float("nan")])], ids=["none", "uneven", "not a number"]
)
def test_wrong_values_are_told(a: list[float], b: list[float]) -> None:
    with pytest.raises(UsageError):
        paired_bootstrap(a, b)
