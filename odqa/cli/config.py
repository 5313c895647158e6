"""`odqa config`: every setting, its value, and the place that the value comes from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import typer

from odqa.cli.session import JsonOption, SetOption, overrides, session_of
from odqa.settings import Settings, resolve

app = typer.Typer(help="Show the settings and where they come from.", rich_markup_mode=None, no_args_is_help=False)


@app.command("show")
def show(context: typer.Context, assignments: SetOption = None, as_json: JsonOption = False) -> None:
    """Show every setting, its value, where the value comes from, and what it is.

    A value comes from the first place that has it: an option, ODQA_<NAME>, ./odqa.toml, your own odqa.toml
    (`odqa config path`), the index in use, the default.
    """
    session = session_of(context)
    resolved = resolve(overrides(assignments))
    rows: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "value": getattr(resolved.settings, spec.name),
            "origin": resolved.origins[spec.name],
            "default": spec.default,
            "about": spec.metadata["about"],
            "kept_by_index": spec.metadata["index"],
        }
        for spec in dataclasses.fields(Settings)
    ]
    if as_json:
        session.json({"settings": rows})
        return
    from odqa.cli.reports import print_settings

    print_settings(session.out, rows)


@app.command("path")
def path(context: typer.Context) -> None:
    """Print the path of your own odqa.toml, whether it exists or not."""
    import platformdirs

    session_of(context).text(str(Path(platformdirs.user_config_dir("odqa", appauthor=False)) / "odqa.toml"))
