"""`odqa summarize`: the structured summary of a document, without an index."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from odqa.cli.session import SetOption, overrides, session_of


class Format(StrEnum):
    """How a summary is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def summarize(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files, folders, patterns, or -.")],
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME|FILE", help="auto, a built-in template, or a TOML file of your own."),
    ] = None,
    sections: Annotated[bool, typer.Option("--sections", help="Summarize each section as well.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    assignments: SetOption = None,
) -> None:
    """Summarize documents into named fields, without an index.

    Every statement shows its place: heading, page or time. With --json each document is one JSON object on one line.
    """
    from odqa import engine

    session = session_of(context)
    form = Format.JSON if as_json else form
    summarized = engine.summarize(files, **overrides(assignments, template=template))
    first = True
    while True:
        with session.patience("Summarizing …"):
            item = next(summarized, None)
        if item is None:
            return
        document, summaries = item
        wanted = summaries if sections else summaries[:1]
        if form is Format.TEXT:
            from odqa.terminal import print_summaries

            if not first:
                session.text("")
            print_summaries(session.out, document, wanted)
        elif form is Format.MARKDOWN:
            from odqa.index.summary.render import to_markdown

            session.text("\n".join(to_markdown(summary, document) for summary in wanted))
        else:
            from odqa.index.summary.render import to_dict

            whole = to_dict(wanted[0], document)
            parts = {"sections": [to_dict(summary, document) for summary in wanted[1:]]} if sections else {}
            session.json({**whole, **parts}, line=True)
        first = False
