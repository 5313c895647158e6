"""What pooling keeps of the recall of exhaustive search, and at how few vectors."""

from __future__ import annotations

from odqa.evaluate.pooling.task import SIZES, measure_pooling

__all__ = ["SIZES", "measure_pooling"]
