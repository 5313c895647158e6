"""Signals for child processes of tests."""

from __future__ import annotations

import signal


def heed_ctrl_c() -> None:
    """Undo what a child inherits from a shell that runs the tests in the background: that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
