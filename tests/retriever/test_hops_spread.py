"""Personalised PageRank against networkx, and what must always hold of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.retriever.hops.spread import DAMPING, spread

networkx = pytest.importorskip("networkx", reason="the reference implementation")


def test_it_is_that_of_networkx() -> None:
    rng = np.random.default_rng(7)
    source, target = rng.integers(0, 12, (2, 30))
    keep = source != target
    source, target = source[keep], target[keep]
    weight = rng.random(len(source)) + 0.1
    seeds = np.zeros(12)
    seeds[[2, 5]] = 3.0, 1.0
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(12))
    for a, b, w in zip(source.tolist(), target.tolist(), weight.tolist(), strict=True):
        for x, y in ((a, b), (b, a)):
            known = graph.get_edge_data(x, y, {"weight": 0.0})["weight"]
            graph.add_edge(x, y, weight=known + w)
    personal = {n: s for n, s in enumerate(seeds.tolist()) if s}
    expected = networkx.pagerank(graph, alpha=DAMPING, personalization=personal, tol=1e-12, max_iter=500)
    found = spread(seeds, source, target, weight)
    np.testing.assert_allclose(found, [expected[n] for n in range(12)], atol=1e-5)


@settings(deadline=None)
@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.floats(0.01, 1)), max_size=20))
def test_mass_is_neither_lost_nor_made(items: int, edges: list[tuple[int, int, float]]) -> None:
    edges = [(a % items, b % items, w) for a, b, w in edges]
    source, target = (np.array([edge[n] for edge in edges], np.int64) for n in (0, 1))
    seeds = np.zeros(items)
    seeds[0] = 2.0
    mass = spread(seeds, source, target, np.array([edge[2] for edge in edges]))
    assert mass.sum() == pytest.approx(1.0)
    assert (mass >= 0).all()


def test_nothing_to_start_from() -> None:
    none = np.zeros(0, np.int64)
    assert spread(np.zeros(3), none, none, np.zeros(0)).tolist() == [0.0, 0.0, 0.0]
