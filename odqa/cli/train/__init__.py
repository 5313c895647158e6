"""`odqa train`: learn from questions and claims whose evidence is known."""

from __future__ import annotations

import typer

from odqa.cli.train.compare import compare
from odqa.cli.train.fusion import fusion
from odqa.cli.train.reader import reader
from odqa.cli.train.refusal import refusal
from odqa.cli.train.selection import selection
from odqa.cli.train.verifier import verifier

app = typer.Typer(
    help="Learn from questions and claims whose evidence is known.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(compare)
app.command()(fusion)
app.command()(reader)
app.command()(refusal)
app.command()(selection)
app.command()(verifier)


@app.callback()
def root() -> None:
    """Learn from questions and claims whose evidence is known."""
