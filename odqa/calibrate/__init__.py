"""Fitting the probability that a collection answers a question, on questions made from the collection itself.

engine = odqa.open("reports.odqa")
calibration = calibrate(engine)
calibration.model.save(engine.path)
"""

from __future__ import annotations

from odqa.calibrate.curve import Point
from odqa.calibrate.run import Calibration, Judged, calibrate

__all__ = ["Calibration", "Judged", "Point", "calibrate"]
