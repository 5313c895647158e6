"""The real program, run in a process of its own on a few documents of our own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]

REPORT = """# Report on the Linden Bridge

## What went wrong

The Linden Bridge was closed on 4 March 2019 because its third pier had sunk by 31 centimetres. The river had washed
the gravel away from under the footing during the floods of the winter. Nobody was hurt, and the trams were sent
round by the Old Market.

## The repair

The repair of the Linden Bridge cost 2.4 million euros and took eleven months. Engineers of the firm Ahlborn & Reyes
drove forty steel piles through the gravel into the rock and poured a new footing around them. The bridge was opened
again on 9 February 2020 by the mayor, Odile Marchand.

## Who paid

| Payer | Amount in euros |
|---|---|
| Town of Varnholt | 1,500,000 |
| Tramway company | 600,000 |
| Flood fund | 300,000 |
"""

MEETING = """WEBVTT

00:00:05.000 --> 00:00:14.000
<v Odile Marchand>We have one question tonight, and that is whether the Linden Bridge gets a cycle lane.

00:00:15.000 --> 00:00:29.000
<v Bastian Krull>I am against the cycle lane, because the bridge is only nine metres wide and the trams need seven.

00:00:30.000 --> 00:00:44.000
<v Odile Marchand>The motion is lost by four votes to nine, and the cycle lane is not built.
"""

COSTS = """item,year,amount
Steel piles,2019,820000
New footing,2019,640000
Tram rails,2020,410000
"""


@dataclass(frozen=True)
class Run:
    """What one run of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Program:
    """`python -m odqa`, in a folder and an environment of its own."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment that the program runs in: ours, without what would change its output."""
        ours = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "PYTHONPATH": str(ROOT)}
        return {**ours, **own}

    def command(self, *arguments: object) -> list[str]:
        """The command line of a run."""
        return [sys.executable, "-m", "odqa", *map(str, arguments)]

    def __call__(self, *arguments: object, cwd: Path, stdin: str = "", code: int | None = 0, **environment: str) -> Run:
        """Run it, and make sure that it shows no traceback and ends with `code`."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=cwd,
            input=stdin,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=100,
            encoding="utf-8",
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in run.out + run.err or "--debug" in arguments, run.err
        assert code is None or run.code == code, f"exit code {run.code}, not {code}\n{run.out}\n{run.err}"
        return run


def run_here(odqa: Program, *arguments: object, cwd: Path, stdin: str = "", code: int = 0, **environment: str) -> Run:
    """Run the same command line inside this process: for variants, where a new process would only cost time."""
    from odqa.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    keyboard = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, {**odqa.environment, **environment}, clear=True),
        mock.patch.object(sys, "stdin", keyboard),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            ended = end.code
    shown = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    assert ended == code, f"exit code {ended}, not {code}\n{shown[0]}\n{shown[1]}"
    return Run(code, *shown)


def write_library(folder: Path) -> Path:
    """Write the documents into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bridge-report.md").write_text(REPORT, "utf-8")
    (folder / "council.vtt").write_text(MEETING, "utf-8")
    (folder / "costs.csv").write_text(COSTS, "utf-8")
    return folder
