"""transformers without its progress bars and reports, where what they say is to be expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet(*, reports: bool = True) -> Iterator[None]:
    """Show no progress bars while weights are read or written, and put everything back afterwards.

    Args:
        reports: whether transformers may still warn, and report weights that are missing or new.
    """
    from transformers.utils import logging

    log: Any = logging
    before, shown = log.get_verbosity(), log.is_progress_bar_enabled()
    log.disable_progress_bar()
    if not reports:
        log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(before)
        if shown:
            log.enable_progress_bar()
