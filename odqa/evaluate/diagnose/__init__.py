"""Where the figures of long-form answers deceive."""

from __future__ import annotations

from odqa.evaluate.diagnose.task import measure_diagnose

__all__ = ["measure_diagnose"]
