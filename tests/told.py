"""A tracker that remembers what it was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odqa.learn.experiment import RunRecord


class Told:
    """A tracker of another package."""

    def __init__(self, fails: str = "") -> None:
        self.told: list[Any] = []
        self.fails = fails

    def start(self, run: RunRecord) -> None:
        self._note("start", run.id, dict(run.settings))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._note("log", step, dict(figures))

    def finish(self, status: str) -> None:
        self._note("finish", status)

    def _note(self, what: str, *arguments: Any) -> None:
        if what == self.fails:
            raise ConnectionError("the server is away")
        self.told.append((what, *arguments))
