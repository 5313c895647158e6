"""`odqa demo`: three questions to the example library, shown as a user would ask them."""

from __future__ import annotations

from typing import Annotated

import typer

from odqa.cli.session import session_of


def demo(
    context: typer.Context,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build the index anew.")] = False,
) -> None:
    """Index the example library and ask it three questions.

    The documents do not answer the last one, and odqa says so.
    """
    import odqa
    from odqa import demo
    from odqa.terminal import print_answer, print_command

    session = session_of(context)
    session.note(f"Indexing the example documents in {demo.library()} …")
    with session.progress() as progress:
        index = demo.build(fresh=fresh, progress=progress)
    with odqa.open(index) as engine:
        for question in demo.QUESTIONS:
            print_command(session.out, f'odqa ask "{question}"')
            with session.patience("Reading …"):
                answer = engine.ask(question)
            print_answer(session.out, answer)
            session.text("")
    session.note(f'Ask it yourself: odqa ask "How was the breakwater repaired?" -i {index}')
