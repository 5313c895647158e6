"""`odqa ask` and `odqa search`: a question in, an answer or passages out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odqa.cli.session import IndexOption, JsonOption, Session, SetOption, complain, find_index, overrides, session_of
from odqa.errors import UsageError
from odqa.schema import Answer, Found, Style, Trace

if TYPE_CHECKING:
    from odqa.engine import Engine
    from odqa.retriever.scope import SearchOptions

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
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Show how each passage was found and scored, and what was left out.")
]
GraphOption = Annotated[
    Path | None,
    typer.Option("--graph", metavar="FILE", help="Draw the way to the evidence: FILE ends in .dot, .mmd or .svg."),
]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", metavar="TEXT", help="Only documents of which this is true, e.g. 'year >= 2019'."),
]
WithinOption = Annotated[
    list[str] | None,
    typer.Option("--within", metavar="ID", help="Only this document: its id, source or a glob; may be repeated."),
]
HopsOption = Annotated[
    int | None,
    typer.Option("--hops", metavar="N", min=1, help="Most steps from the question to its evidence; 1 follows no link."),
]


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
    graph: GraphOption = None,
    where: WhereOption = None,
    within: WithinOption = None,
    hops: HopsOption = None,
    assignments: SetOption = None,
) -> None:
    """Answer a question from the documents, every sentence cited.

    Where they do not say, odqa tells so, shows what comes nearest, and exits with code 3. With - as QUESTION every
    line of standard input is a question, and --json prints one JSON object a line.
    """
    session = session_of(context)
    form = Format.JSON if as_json else form
    many = question == "-"
    _check_graph(graph, many=many)
    with open_engine(session, index, overrides(assignments)) as engine:
        scope = _scope(engine, exhaustive=exhaustive, where=where, within=within, hops=hops)

        def asking(text: str) -> Answer:
            return engine.ask(text, style=style, words=words, k=evidence, **scope)

        if not many:
            with session.patience("Reading …"):
                answer = asking(question)
            _print(session, answer, form, show_evidence=show_evidence, explain=explain)
            _draw(session, _found(answer), graph)
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
    graph: GraphOption = None,
    where: WhereOption = None,
    within: WithinOption = None,
    hops: HopsOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the passages that bear on a query, best first."""
    session = session_of(context)
    _check_graph(graph)
    with open_engine(session, index, overrides(assignments)) as engine:
        scope = _scope(engine, exhaustive=exhaustive, where=where, within=within, hops=hops)
        with session.patience("Searching …"):
            found = engine.find(query, evidence, **scope)
        if as_json:
            from odqa.explain import to_dict

            value = to_dict(found)
            about = ("conflicts", "answerability", *(("trace",) if explain else ()))
            results = [{"rank": n, **item} for n, item in enumerate(value["evidence"], 1)]
            session.json({"query": query, "results": results, **{name: value[name] for name in about}})
        else:
            from odqa.terminal import print_passages, print_way

            print_passages(session.out, query, found)
            if explain:
                print_way(session.out, found)
        _draw(session, found, graph)
    raise typer.Exit(0 if found.evidence else REFUSED)


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
        session.json(_answer_values(answer, explain=explain), line=many)
    else:
        text = render.to_markdown(answer) if form is Format.MARKDOWN else render.to_html(answer)
        session.text(text + "\n" if many else text)


def _answer_values(answer: Answer, *, explain: bool) -> dict[str, Any]:
    """Return an answer as JSON values, with what retrieval knows of its evidence; with the trace if it is wanted."""
    from odqa.explain import to_dict
    from odqa.reader import render

    known = to_dict(_found(answer))
    about = ("evidence", "conflicts", "answerability", *(("trace",) if explain else ()))
    return render.to_dict(answer) | {name: known[name] for name in about}


def _found(answer: Answer) -> Found:
    return Found(answer.evidence, answer.trace or Trace(answer.question), answer.answerability)


def _check_graph(path: Path | None, *, many: bool = False) -> None:
    """Say before the work that a picture cannot be drawn."""
    if path is None:
        return
    from odqa.explain.picture import check_picture

    if many:
        raise UsageError("--graph draws one question", "ask one at a time")
    check_picture(path)


def _draw(session: Session, found: Found, path: Path | None) -> None:
    if path is not None:
        from odqa.explain import write_picture

        write_picture(found, path)
        session.note(f"picture: {path}")


def _scope(
    engine: Engine, *, exhaustive: bool, where: str | None, within: list[str] | None, hops: int | None
) -> SearchOptions:
    documents = list(_named_documents(engine, within)) if within else None
    return {"exhaustive": exhaustive, "where": where, "within": documents, "hops": hops}


def _named_documents(engine: Engine, names: Iterable[str]) -> Iterator[str]:
    """Yield the ids of documents by id, source, folder, or glob over ids.

    Raises:
        UsageError: one of the names names no document.
    """
    snapshot = engine.snapshot
    sources = snapshot.column("source")
    live = [(id_, sources[number]) for id_, number in snapshot.by_id.items()]
    for name in names:
        path = Path(name).absolute()
        exact = [id_ for id_, source in live if not {name, str(path)}.isdisjoint((id_, source))]
        found = exact or [
            id_
            for id_, _ in live
            if path in Path(id_.partition("#")[0]).parents or any(fnmatchcase(id_, p) for p in (name, str(path)))
        ]
        if not found or not name.strip():
            raise UsageError(f"{engine.path}: no document {name!r}", "`odqa index info --documents` lists them")
        yield from found
