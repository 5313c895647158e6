"""What long jobs tell: how far they are, and what they could not read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be read, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long job is, for callbacks.

    Attributes:
        stage: `read`, `encode`, `summarize`, `write`, `search index`.
        done: units finished.
        total: units in all, or None while unknown.
        unit: what is counted: `documents`, `passages`.
    """

    stage: str
    done: int
    total: int | None
    unit: str
