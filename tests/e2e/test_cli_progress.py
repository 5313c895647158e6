"""What a person sees while an index is built."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from odqa.cli import progress
from odqa.cli.progress import BuildProgress
from odqa.schema import Progress


def shown(events: list[Progress], *, quiet: bool = False) -> list[str]:
    """Return the lines that a log file would hold after the events."""
    log = io.StringIO()
    with BuildProgress(Console(file=log, width=200), quiet=quiet) as build:
        for event in events:
            build(event)
    return log.getvalue().splitlines()


def test_a_log_gets_a_line_only_now_and_then() -> None:
    assert shown([Progress("read", n, 90, "documents") for n in range(1, 91)]) == []


def test_batches_are_added_up_and_what_is_left_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    events = [
        Progress("read", 2, 4, "documents"),
        Progress("encode", 60, 100, "passages"),
        Progress("encode", 100, 100, "passages"),
        Progress("read", 4, 4, "documents"),
        Progress("encode", 150, 150, "passages"),
    ]
    assert shown(events) == [
        "read: 2 of 4 documents",
        "encode: 60 of 200 passages",
        "encode: 100 of 200 passages",
        "read: 4 of 4 documents",
        "encode: 250 of 250 passages",
    ]
    assert shown(events, quiet=True) == []


def test_more_documents_than_files_is_no_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    assert shown([Progress("read", 43, 11, "documents")]) == ["read: 43 documents"]
