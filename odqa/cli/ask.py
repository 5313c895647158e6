"""`odqa ask` and `odqa search`: a question in, an answer or passages out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odqa.cli.session import IndexOption, JsonOption, Session, SetOption, complain, find_index, overrides, session_of
from odqa.errors import UsageError
from odqa.schema import Answer, Style

if TYPE_CHECKING:
    from odqa.engine import Engine

REFUSED = 3


class Format(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


EvidenceOption = Annotated[
    int | None,
    typer.Option("--evidence", "-k", metavar="N", help="Passages to read."),
]
ExhaustiveOption = Annotated[
    bool, typer.Option("--exhaustive", help="Search every passage, not only those of the documents found first.")
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Show how each passage was found and scored.")]


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION|-", help="In words; - reads standard input.")],
    index: IndexOption = None,
    style: Annotated[
        Style | None, typer.Option("--style", help="Layout of the answer; chosen by the question if not given.")
    ] = None,
    words: Annotated[int | None, typer.Option("--words", metavar="N", help="Length to aim at.")] = None,
    evidence: EvidenceOption = None,
    exhaustive: ExhaustiveOption = False,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    show_evidence: Annotated[bool, typer.Option("--show-evidence", help="Quote what each source says.")] = False,
    explain: ExplainOption = False,
    assignments: SetOption = None,
) -> None:
    """Answer a question from the documents, every sentence cited.

    Where they do not say, odqa tells so, shows what comes nearest, and exits with code 3. With - as QUESTION every
    line of standard input is a question, and --json prints one JSON object a line.
    """
    session = session_of(context)
    form = Format.JSON if as_json else form
    many = question == "-"
    with open_engine(session, index, overrides(assignments)) as engine:
        asking = partial(engine.ask, style=style, words=words, k=evidence, exhaustive=exhaustive)
        if not many:
            with session.patience("Reading …"):
                answer = asking(question)
            _print(session, answer, form, show_evidence=show_evidence, explain=explain)
            code = REFUSED if answer.refused else 0
        else:
            code = 0
            for number, line in _questions():
                try:
                    answer = asking(line)
                except UsageError as error:
                    complain(f"odqa: error: line {number}: {error}")
                    if form is Format.JSON:
                        session.json({"question": line, "error": str(error)}, line=True)
                    code = error.exit_code
                    continue
                _print(session, answer, form, show_evidence=show_evidence, explain=explain, many=True)
                code = code or (REFUSED if answer.refused else 0)
    raise typer.Exit(code)


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In words.")],
    index: IndexOption = None,
    evidence: EvidenceOption = None,
    exhaustive: ExhaustiveOption = False,
    explain: ExplainOption = False,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the passages that bear on a query, best first."""
    session = session_of(context)
    with open_engine(session, index, overrides(assignments)) as engine:
        with session.patience("Searching …"):
            found = engine.search(query, evidence, exhaustive=exhaustive)
        if as_json:
            from odqa.reader.render import to_dict

            # Evidence has one JSON form, that of an answer's.
            listed: list[dict[str, Any]] = to_dict(Answer(query, (), tuple(found)))["evidence"]
            session.json({"query": query, "results": [{"rank": n, **item} for n, item in enumerate(listed, 1)]})
        else:
            from odqa.terminal import print_passages

            print_passages(session.out, query, found, explain=explain)
    raise typer.Exit(0 if found else REFUSED)


def open_engine(session: Session, index: Any, settings: dict[str, Any]) -> Engine:
    """Open the index that is meant, with the settings given."""
    from odqa.engine import Engine

    with session.patience("Opening the index …"):
        return Engine.open(find_index(index), **settings)


def _questions() -> Iterator[tuple[int, str]]:
    """Yield the lines of standard input that are not blank, with their numbers.

    Raises:
        UsageError: there are none.
    """
    seen = False
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            seen = True
            yield number, line.strip()
    if not seen:
        raise UsageError("no question on standard input", "one a line")


def _print(
    session: Session, answer: Answer, form: Format, *, show_evidence: bool, explain: bool, many: bool = False
) -> None:
    if form is Format.TEXT:
        from odqa.terminal import print_answer, print_question

        if many:
            print_question(session.out, answer.question)
        print_answer(session.out, answer, show_evidence=show_evidence, explain=explain)
        if many:
            session.text("")
        return
    from odqa.reader import render

    if form is Format.JSON:
        session.json(render.to_dict(answer), line=many)
    else:
        text = render.to_markdown(answer) if form is Format.MARKDOWN else render.to_html(answer)
        session.text(text + "\n" if many else text)
