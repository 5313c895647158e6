"""Spread relevance over links: personalised PageRank from the first evidence and the question's names.

After HippoRAG (Gutiérrez et al. 2024), with two differences: the graph is that of the passages under consideration,
not of the collection, so that the time is bounded; and names are edges, not nodes, so that nothing is stored for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAMPING = 0.5
"""Share of the mass that is spread at every step; HippoRAG's."""

_STEPS = 20


def spread(
    seeds: NDArray[np.float64], source: NDArray[np.int64], target: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mass that each item has in the end, by personalised PageRank (Page et al. 1999; Haveliwala 2002).

    Args:
        seeds: mass that each item starts from and returns to, non-negative, shape (items,).
        source: item that each edge leads from; edges lead both ways.
        target: item that it leads to.
        weight: of each edge, positive.

    Returns:
        Shape (items,), summing to 1; zeros where there are no seeds.
    """
    total = seeds.sum()
    if not total:
        return np.zeros_like(seeds)
    start = seeds / total
    ends, heads, weights = np.concatenate([source, target]), np.concatenate([target, source]), np.tile(weight, 2)
    outgoing = np.bincount(ends, weights, minlength=len(seeds))
    share = weights / outgoing[ends]
    stuck = outgoing == 0
    mass: NDArray[np.float64] = start
    for _ in range(_STEPS):
        moved = np.bincount(heads, mass[ends] * share, minlength=len(seeds))
        # What has nowhere to go returns to where everything starts.
        mass = (1 - DAMPING) * start + DAMPING * (moved + mass[stuck].sum() * start)
    return mass
