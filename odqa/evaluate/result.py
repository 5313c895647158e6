"""What an evaluation found: one object for the JSON that scripts read, the page that people read, and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one evaluation.

    Attributes:
        task: retrieval, pooling, summaries, answers, diagnose or grounding.
        dataset: name of the data set.
        split: split that was measured; "" for all there are.
        n: questions (or claims) measured.
        settings: every setting of the engine, and the options of the evaluation.
        metrics: figures of the engine as it stands, by the names that ir-measures gives them, e.g. `nDCG@10`.
        baselines: the same figures of other systems, by their names.
        seconds: wall-clock seconds by stage.
        rows: one for each question, in order: `id`, `question`, `type`, `hops`, `metrics` (the engine's figures for
            this question), `baselines` (system → figures) and whatever else the task has to show, such as `answer`,
            `references`, `gold`, `evidence`.
        groups: figures by kind of question: `{"type": {"bridge": {"n": 240, "R@10": .8}}, "hops": {"2": {…}}}`.
        curves: points of each plot, by its name: `{"pooling": [{"compression": 8, "kept": .99}, …]}`.
        corpus: size of what was searched (`documents`, `passages`, `entries`, `characters`) and how much of the
            gold evidence was found in it (`gold_marked`, `gold_mapped`).
        notes: sentences that a reader of the figures has to know.
    """

    task: str
    dataset: str
    split: str
    n: int
    settings: Mapping[str, Any]
    metrics: Figures
    baselines: Mapping[str, Figures]
    seconds: Figures
    rows: Sequence[Mapping[str, Any]]
    groups: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Figures]] = field(default_factory=dict)
    corpus: Figures = field(default_factory=dict)
    notes: Sequence[str] = ()
