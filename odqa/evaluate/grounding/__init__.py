"""How well the verifier judges claims that people have labelled."""

from __future__ import annotations

from odqa.evaluate.grounding.task import measure_grounding

__all__ = ["measure_grounding"]
