"""The risk–coverage curve as a picture: as characters for a terminal, and as SVG."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.calibrate.curve import Point
from odqa.errors import UsageError

if TYPE_CHECKING:
    from odqa.calibrate.run import Calibration

_WIDTH, _HEIGHT = 50, 8
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#@"


def draw(curve: Sequence[Point], *, plain: bool = False) -> list[str]:
    """Return the curve as lines of characters: coverage from left to right, risk upwards, the axes labelled.

    Args:
        curve: the surest first.
        plain: only ASCII, for terminals without block characters.
    """
    steps = (np.arange(_WIDTH) + 1) / _WIDTH
    coverage = np.array([point.coverage for point in curve])
    reached = np.minimum(np.searchsorted(coverage, steps - 1e-9), len(curve) - 1)
    risks = np.array([curve[int(n)].risk for n in reached])
    top = max(0.1, float(np.ceil(risks.max() * 10) / 10))
    blocks, wall, floor = (_PLAIN, "|", "-") if plain else (_BLOCKS, "│", "─")
    filled = risks / top * _HEIGHT
    lines = []
    for row in range(_HEIGHT, 0, -1):
        eighths = np.clip((filled - (row - 1)) * (len(blocks) - 1), 0, len(blocks) - 1).round().astype(int)
        label = f"{top:4.0%}" if row == _HEIGHT else ""
        lines.append(f"{label:>5} {wall}{''.join(blocks[n] for n in eighths)}".rstrip())
    lines.append(f"{'0%':>5} {wall}{floor * _WIDTH}")
    lines.append(f"{'':6} 0%{'share of questions answered':^{_WIDTH - 6}}100%")
    return lines


def write_svg(calibration: Calibration) -> bytes:
    """Return the curve as an SVG picture.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UsageError(f"the picture needs matplotlib: {error}", "pip install 'odqa[eval]'") from error
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes: Any = figure.add_subplot()
    curve, chosen = calibration.curve, calibration.chosen
    axes.plot([p.coverage for p in curve], [p.risk for p in curve], drawstyle="steps-pre", color="#1f5fa8")
    axes.plot([chosen.coverage], [chosen.risk], "o", color="#b3541e")
    axes.annotate(
        f"refuses below {chosen.threshold:.2f}",
        (chosen.coverage, chosen.risk),
        textcoords="offset points",
        xytext=(-6, 10),
        ha="right",
    )
    axes.set(xlabel="coverage: share of questions answered", ylabel="risk: share of these answered wrongly")
    axes.set(xlim=(0, 1.02), ylim=(0, max(0.1, *(p.risk for p in curve)) * 1.15))
    axes.set_title(f"Risk and coverage (AURC {calibration.figures['aurc']:.3f})")
    data = io.BytesIO()
    # Without a date and with fixed ids the same calibration gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "odqa", "svg.fonttype": "none"}):
        figure.savefig(data, format="svg", metadata={"Date": None})
    return data.getvalue()
