"""Risk, coverage, thresholds and calibration, worked out by hand and against brute force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.calibrate.curve import Point, area, at, calibration_error, choose, risk_coverage, roc_auc

JUDGED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0]), st.booleans()), min_size=1, max_size=30)


def test_the_curve_by_hand() -> None:
    curve = risk_coverage([0.2, 0.9, 0.5, 0.5], [False, True, True, False])
    assert curve == [Point(0.9, 0.25, 0.0), Point(0.5, 0.75, pytest.approx(1 / 3)), Point(0.2, 1.0, 0.5)]
    # A quarter of the coverage at risk 0, half of it at 1/3, a quarter at 1/2.
    assert area(curve) == pytest.approx(0.5 / 3 + 0.25 / 2)


def test_the_threshold_for_a_risk() -> None:
    curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    assert choose(curve, 0.25) == Point(0.6, 1.0, 0.25)
    assert choose(curve, 0.1) == Point(0.9, 0.25, 0.0)
    assert choose(risk_coverage([0.9, 0.1], [False, True]), 0.1) is None


def test_what_a_threshold_answers() -> None:
    curve = risk_coverage([0.9, 0.8, 0.3], [True, False, False])
    assert at(curve, 0.5) == Point(0.5, pytest.approx(2 / 3), 0.5)
    assert at(curve, 0.95) == Point(0.95, 0.0, 0.0)


def test_calibration_error_by_hand() -> None:
    # Two at 0.75 of which one is right, one at 0.15 that is wrong: (2 · 0.25 + 1 · 0.15) / 3.
    assert calibration_error([0.75, 0.75, 0.15], [True, False, False]) == pytest.approx(0.65 / 3)
    assert calibration_error([], []) == 0.0
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0


def test_ties_count_half_and_one_kind_alone_says_nothing() -> None:
    assert roc_auc([0.5, 0.5], [True, False]) == 0.5
    assert roc_auc([0.9, 0.1], [True, False]) == 1.0
    assert roc_auc([0.9, 0.1], [True, True]) == 0.5


@given(JUDGED)
def test_every_point_is_what_its_threshold_answers(judged: list[tuple[float, bool]]) -> None:
    curve = risk_coverage(*map(list, zip(*judged, strict=True)))
    assert curve[-1].coverage == 1.0
    for point in curve:
        answered = [right for probability, right in judged if probability >= point.threshold]
        assert point.coverage == pytest.approx(len(answered) / len(judged))
        assert point.risk == pytest.approx(1 - sum(answered) / len(answered))
    assert 0 <= area(curve) <= 1


@given(JUDGED, st.floats(0, 1))
def test_no_threshold_that_keeps_the_risk_answers_more(judged: list[tuple[float, bool]], risk: float) -> None:
    curve = risk_coverage(*map(list, zip(*judged, strict=True)))
    chosen = choose(curve, risk)
    allowed = [point.coverage for point in curve if point.risk <= risk]
    assert (chosen.coverage if chosen else None) == max(allowed, default=None)


@given(JUDGED)
def test_roc_auc_is_the_chance_of_the_right_order(judged: list[tuple[float, bool]]) -> None:
    right, wrong = ([p for p, good in judged if good is kind] for kind in (True, False))
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in right for b in wrong]
    expected = sum(pairs) / len(pairs) if pairs else 0.5
    assert roc_auc(*map(list, zip(*judged, strict=True))) == pytest.approx(expected)
