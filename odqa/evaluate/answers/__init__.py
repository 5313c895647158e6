"""What answers say, what they rest on, and whether refusals fall where they should."""

from __future__ import annotations

from odqa.evaluate.answers.task import measure_answers

__all__ = ["measure_answers"]
