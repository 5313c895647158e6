"""One run of the command line: where results, notes and errors go, and what several commands have in common.

Results go to standard output and everything else to standard error, so that a pipe receives results alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from odqa.errors import IndexMissing, UsageError
from odqa.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from odqa.cli.progress import BuildProgress

INTERRUPTED = 130

IndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index", "-i", metavar="PATH", help="The index; else $ODQA_INDEX, else the one *.odqa in this folder."
    ),
]
IndexArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[INDEX]", help="The index; else $ODQA_INDEX, else the one *.odqa in this folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting of `odqa config show`; may be repeated."),
]


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class Session:
    """What the global options say, and the two streams.

    Args:
        quiet: leave out progress and notes.
        color: allow colour and other styling where the terminal has them.
    """

    def __init__(self, *, quiet: bool = False, color: bool = True) -> None:
        self.quiet, self.color = quiet, color

    @cached_property
    def out(self) -> Console:
        """Standard output, for results."""
        from odqa.terminal import make_console

        return make_console(sys.stdout, color=self.color)

    @cached_property
    def err(self) -> Console:
        """Standard error, for progress."""
        from odqa.terminal import make_console

        return make_console(sys.stderr, color=self.color)

    def json(self, value: Mapping[str, Any], *, line: bool = False) -> None:
        """Print one JSON document: indented, or on a line of its own; it is out when this returns."""
        plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        text = json.dumps(value, ensure_ascii=plain, indent=None if line else 2)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def text(self, text: str) -> None:
        """Print a result that is text already, such as Markdown."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say on standard error what is good to know, unless the user wants quiet."""
        if not self.quiet:
            complain(text)

    def warn(self, text: str) -> None:
        """Say on standard error what went wrong without stopping the work."""
        complain(f"odqa: warning: {text}")

    def patience(self, text: str) -> AbstractContextManager[None]:
        """Show on a terminal that work is going on, once it has taken more than a second."""
        if self.quiet or not sys.stderr.isatty():
            return nullcontext()
        from odqa.cli.progress import patience

        return patience(self.err, text)

    def progress(self) -> BuildProgress:
        """Show how far a build is: bars on a terminal, now and then a line elsewhere."""
        from odqa.cli.progress import BuildProgress

        return BuildProgress(self.err, quiet=self.quiet)


def session_of(context: typer.Context) -> Session:
    """Return the session that the root command made."""
    found = context.find_object(Session)
    return found or Session()


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Say of a command that is interrupted that it goes on when it is run again."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted: run the same command again to finish")
        raise typer.Exit(INTERRUPTED) from None


def complain(text: str) -> None:
    """Print one line on standard error; a closed one loses the line and nothing else."""
    line = "".join(c if c.isprintable() else " " for c in text)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def find_index(given: Path | None) -> Path:
    """Return the index meant: the one given, `$ODQA_INDEX`, or the only one in the current folder.

    Raises:
        IndexMissing: there is none.
        UsageError: there are several.
    """
    if given is not None:
        return given
    if named := os.environ.get("ODQA_INDEX"):
        return Path(named)
    found = sorted(path for path in Path().glob("*.odqa") if path.is_dir())
    if not found:
        raise IndexMissing(
            "there is no *.odqa index in this folder", "name one, or make one with `odqa index build DOCS`"
        )
    if len(found) > 1:
        raise UsageError(f"this folder holds {len(found)} indexes: {', '.join(map(str, found))}", "name one")
    return found[0]


def overrides(assignments: Sequence[str] | None, **flags: str | int | None) -> dict[str, Any]:
    """Return the settings given on the command line; a flag wins over `--set`.

    Args:
        assignments: `key=value`, the value as in `odqa.toml`; quotes around text may be left out.
        flags: settings that have an option of their own; None where it was not given.

    Raises:
        UsageError: an assignment without `=`, or of a setting that does not exist.
    """
    hints = get_type_hints(Settings)
    names = [spec.name for spec in dataclasses.fields(Settings)]
    values: dict[str, Any] = {}
    for assignment in assignments or ():
        name, equals, raw = assignment.partition("=")
        name, raw = name.strip().replace("-", "_"), raw.strip()
        if not equals:
            raise UsageError(f"--set {assignment}: there is no = in it", "write --set key=value")
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            remedy = f"did you mean {close[0]}?" if close else "`odqa config show` lists them"
            raise UsageError(f"--set {assignment}: there is no setting {name!r}", remedy)
        values[name] = raw if hints[name] is str else _toml_value(raw)
    return values | {name: value for name, value in flags.items() if value is not None}


def _toml_value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw
