"""How good the summaries are: against those that people wrote, and as all that a search has to go by."""

from __future__ import annotations

from odqa.evaluate.summaries.task import check_dataset, measure_summaries

__all__ = ["check_dataset", "measure_summaries"]
