"""Whether the evidence is found, and what else would find it."""

from __future__ import annotations

from odqa.evaluate.retrieval.task import SYSTEMS, measure_retrieval, score_trec_run

__all__ = ["SYSTEMS", "measure_retrieval", "score_trec_run"]
