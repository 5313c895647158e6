"""Runs of trainings as plain files: written down, read back, compared, told to trackers."""

from __future__ import annotations

from odqa.learn.experiment.log import Experiment
from odqa.learn.experiment.record import Line, RunRecord, Sample, find_runs, read_run
from odqa.learn.experiment.trackers import Tracker, make_tracker
from odqa.learn.experiment.watch import Watch

__all__ = [
    "Experiment",
    "Line",
    "RunRecord",
    "Sample",
    "Tracker",
    "Watch",
    "find_runs",
    "make_tracker",
    "read_run",
]
