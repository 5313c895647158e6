"""What odqa draws on a terminal, with rich: answers, passages, summaries.

Functions take the console they draw on. On a terminal, text is wrapped to a width that reads well; in a pipe or
a file each paragraph is one line, so that other programs can work on it. Documents are untrusted: their text is never
read as markup, and characters that would steer the terminal are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

from odqa.explain.labels import conflict_line
from odqa.explain.labels import printable as printable  # Other rooms take it from here.
from odqa.explain.terminal import print_found
from odqa.reader.quote import block_at, clock
from odqa.reader.render import source_line
from odqa.reader.words import content_stems, squeeze, unmarked, words
from odqa.schema import (
    Answer,
    BlockKind,
    Citation,
    CitedField,
    CitedStatement,
    Claim,
    Conflict,
    Document,
    Evidence,
    FieldKind,
    Found,
    NodeKind,
    Span,
    Statement,
    StructuredSummary,
    Style,
    SummaryField,
    Trace,
    TreeNode,
    Verdict,
)
from odqa.schema.dates import readable_date

MEASURE = 100
"""Longest line of running text; longer ones are hard to read."""

_UNLIMITED = 10_000
_SNIPPET = 320
_QUOTE = 600
_NEAREST = 3
_LISTED = (FieldKind.TERM, FieldKind.ENTITY)
_TREE_KINDS = (FieldKind.TERM, FieldKind.ENTITY, FieldKind.FIGURE, FieldKind.DATE)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller; rich would end the process, with code 1."""
        raise  # rich calls this while it handles the BrokenPipeError


def make_console(stream: IO[str], *, color: bool = True) -> Console:
    """Return a console on a stream; without colour it styles nothing at all."""
    console = _Console(file=stream, color_system="auto" if color else None, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
    return console


def print_question(console: Console, question: str) -> None:
    """Draw one question of several as a heading."""
    write(console, Text(printable(question), "bold"), lead="? ")


def print_command(console: Console, command: str) -> None:
    """Draw a command as a user types it."""
    write(console, Text(command, "bold"), lead="$ ")


def print_answer(console: Console, answer: Answer, *, show_evidence: bool = False, explain: bool = False) -> None:
    """Draw an answer with its sources, or a refusal with what comes nearest.

    Args:
        console: where.
        answer: the answer.
        show_evidence: quote what each source says.
        explain: show how each passage was found, the confidence, and the time taken.
    """
    if answer.refused:
        refusal = Text.assemble(("The documents do not say.", "bold yellow"), f" {printable(answer.reason)}".rstrip())
        write(console, refusal)
        if answer.evidence and not explain:
            _heading(console, "What comes nearest")
            for item in answer.evidence[:_NEAREST]:
                _print_passage(console, item, answer.question, lead=" - ")
    else:
        _print_claims(console, answer)
        if answer.reason:
            console.print()
            write(console, Text(f"Note: {printable(answer.reason)}.", "dim"))
        _print_sources(console, answer, quotes=show_evidence)
    _print_conflicts(console, answer.conflicts)
    if explain:
        trace = answer.trace or Trace(answer.question)
        print_way(console, Found(answer.evidence, trace, answer.answerability))
        seconds = ", ".join(f"{stage} {took:.3f} s" for stage, took in answer.timings.items())
        write(console, Text(f"Confidence {answer.confidence:.2f}. Time: {seconds}.", "dim"))


def _print_claims(console: Console, answer: Answer) -> None:
    paragraphs: dict[int, list[Claim]] = {}
    for claim in answer.claims:
        paragraphs.setdefault(claim.paragraph, []).append(claim)
    bullets = answer.style is Style.BULLETS
    for number, claims in enumerate(paragraphs.values()):
        if number and not bullets:
            console.print()
        write(console, Text(" ").join(map(_claim_text, claims)), lead=" • " if bullets else "")


def _claim_text(claim: Claim) -> Text:
    text = Text(printable(unmarked(claim.text)))
    for marker in sorted({citation.marker for citation in claim.citations}):
        text.append(" ").append(f"[{marker}]", "bold cyan")
    if claim.verdict is Verdict.FLAGGED:
        text.append(" ").append("(unsupported)", "bold red")
    return text


def _print_sources(console: Console, answer: Answer, *, quotes: bool) -> None:
    cited: dict[int, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(citation.marker, []).append(citation)
    if not cited:
        return
    _heading(console, "Sources")
    width = len(f"[{max(cited)}]")
    for marker, citations in sorted(cited.items()):
        line = Text.assemble(source_line(citations[0]), (f"  ({shown_path(citations[0].source)})", "dim"))
        lead = f" {f'[{marker}]':>{width}} "
        write(console, line, lead=Text(lead, "bold cyan"))
        if quotes:
            said = dict.fromkeys(squeeze(citation.quote) for citation in citations)
            write(console, Text(f"“{printable(_cut(' … '.join(said), _QUOTE))}”", "italic"), lead=" " * len(lead))


def _print_conflicts(console: Console, conflicts: Sequence[Conflict]) -> None:
    if conflicts:
        _heading(console, "The documents disagree")
    for conflict in conflicts:
        write(console, Text(conflict_line(conflict)), lead=" - ")


def print_passages(console: Console, query: str, found: Found) -> None:
    """Draw ranked passages: score, place, the part that bears on the query, and what adds up from it.

    Args:
        console: where.
        query: as typed; its words are highlighted.
        found: what retrieval has to say.
    """
    if not found.evidence:
        why = found.answerability.reason if found.answerability is not None else ""
        write(console, Text(printable(why) or "No passage was found.", "bold yellow"))
    for rank, item in enumerate(found.evidence, 1):
        if rank > 1:
            console.print()
        _print_passage(console, item, query, lead=f"{rank:>2}  ", score=True)
        for calculation in item.calculations:
            write(console, Text(f"= {printable(calculation.statement)}", "green"), lead="    ")
        if item.copies:
            places = ", ".join(dict.fromkeys(printable(copy.title or copy.document_id) for copy in item.copies))
            write(console, Text(f"also in {places}", "dim"), lead="    ")
    _print_conflicts(console, found.conflicts)


def print_way(console: Console, found: Found) -> None:
    """Draw under a heading how evidence was found.

    Args:
        console: where.
        found: what retrieval has to say about a question.
    """
    _heading(console, "How it was found")
    print_found(console, found)


def _print_passage(console: Console, item: Evidence, query: str, *, lead: str, score: bool = False) -> None:
    place = Text(place_line(item), "bold")
    place.append(f"  ({shown_path(item.document.source or item.document.id)})", "dim not bold")
    if score:
        place.append(f"  {item.score:.4f}", "not bold green")
    write(console, place, lead=Text(lead, "bold cyan"))
    write(console, _snippet(item.text, query), lead=" " * len(lead))


def place_line(item: Evidence) -> str:
    """Say where a passage stands, as citations do: title, section, page or time."""
    document, block = item.document, block_at(item.document, item.passage.span.start)
    page, start_s = (block.page, block.start_s) if block is not None else (None, None)
    path = item.section.path
    return source_line(Citation(0, document.id, document.title, document.source, (), "", path, page, start_s))


def _snippet(text: str, query: str) -> Text:
    """Cut from a passage the part with most words of the query, those words highlighted."""
    line, wanted = printable(text), frozenset(content_stems(query))
    hits = [(word.start, word.end) for word in words(line) if word.stem in wanted and word.is_content]
    start = end = 0
    if len(line) > _SNIPPET:
        begins = [max(0, min(first - 40, len(line) - _SNIPPET)) for first, _ in hits] or [0]
        start = max(begins, key=lambda b: sum(b <= first and last <= b + _SNIPPET for first, last in hits))
        start = line.rfind(" ", 0, start) + 1 if start else 0
        end = line.rfind(" ", start, start + _SNIPPET) if start + _SNIPPET < len(line) else len(line)
    end = end if end > start else len(line)
    shown = Text(line[start:end])
    for first, last in hits:
        if start <= first and last <= end:
            shown.stylize("bold yellow", first - start, last - start)
    return Text.assemble("… " if start else "", shown, " …" if end < len(line) else "")


def print_summaries(
    console: Console, document: Document, summaries: Sequence[StructuredSummary], threshold: float = 0.0
) -> None:
    """Draw a document's structured summaries, field by field, every statement with its place.

    Args:
        console: where.
        document: the document.
        summaries: its own first, then those of sections.
        threshold: statements with less support are marked as unsupported.
    """
    for number, summary in enumerate(summaries):
        if number:
            console.print()
            names = [statement.text for statement in summary["outline"]]
            part = f"Section {(summary.section or 0) + 1}" + (f": {printable(names[0])}" if names else "")
            write(console, Text(part, "bold magenta"))
        else:
            write(console, Text(printable(document.title or document.id), "bold magenta"))
            about = f"{shown_path(document.source or document.id)} · template {summary.schema} · {summary.method}"
            write(console, Text(about, "dim"))
        for field in summary.fields:
            _heading(console, printable(field.name.replace("_", " ").capitalize()))
            _print_field(console, field, document, threshold)


def _print_field(console: Console, field: SummaryField, document: Document, threshold: float) -> None:
    statements = [_statement(item, field, document, threshold) for item in field.statements]
    if field.kind in _LISTED:
        write(console, Text(", ").join(statements), lead="   ")
    else:
        for statement in statements:
            write(console, statement, lead=" • ")


def _statement(statement: Statement, field: SummaryField, document: Document, threshold: float) -> Text:
    text = Text()
    if field.kind is FieldKind.DATE and statement.label:
        text.append(f"{printable(readable_date(statement.label))}  ", "bold cyan")
    text.append(printable(statement.text), "italic" if field.kind is FieldKind.QUOTE else "")
    # Where all are speakers, "speaker" after each would say nothing.
    has_kind = field.kind is FieldKind.ENTITY and statement.label != field.name.removesuffix("s")
    kind = printable(statement.label) if has_kind else ""
    headings = field.kind not in {FieldKind.HEADING, *_LISTED}
    if about := ", ".join(filter(None, [kind, _place(document, statement.spans[0], headings=headings)])):
        text.append(f" ({about})", "dim")
    if statement.support < threshold:
        text.append(" (unsupported)", "bold red")
    return text


def print_node(
    console: Console, depth: int, node: TreeNode, document: Callable[[str], Document], threshold: float
) -> None:
    """Draw one node of the tree of summaries, set in by its depth: what it says, its terms, names, figures, dates.

    Args:
        console: where.
        depth: how far below the root.
        node: the node.
        document: returns a document by its id.
        threshold: statements with less support are marked as unsupported.
    """
    many = node.kind in (NodeKind.COLLECTION, NodeKind.CLUSTER)
    about = f"  ({node.documents:,} document{'' if node.documents == 1 else 's'})" if many else ""
    if node.kind is NodeKind.DOCUMENT:
        about = f"  ({shown_path(document(node.id).source or node.id)})"
    indent = "  " * depth
    if depth and node.kind is not NodeKind.SECTION:
        console.print()
    style = "bold" if node.kind is NodeKind.SECTION else "bold magenta"
    write(console, Text.assemble((printable(node.title), style), (about, "dim")), lead=indent)
    for field in node.fields:
        if field.name == "gist":
            for statement in field.statements:
                write(console, _cited(statement, document, threshold, many=many), lead=f"{indent} • ")
        elif field.kind in _TREE_KINDS:
            name = printable(field.name.replace("_", " ").capitalize())
            write(console, Text.assemble((f"{name}: ", "dim"), _in_line(field, threshold)), lead=f"{indent}   ")


def _cited(statement: CitedStatement, document: Callable[[str], Document], threshold: float, *, many: bool) -> Text:
    mention = statement.mentions[0]
    source = document(mention.document_id)
    title = printable(source.title or source.id) if many else ""
    place = ", ".join(filter(None, [title, _place(source, mention.spans[0], headings=many)]))
    text = Text(printable(statement.text))
    if place:
        text.append(f" ({place})", "dim")
    if statement.support < threshold:
        text.append(" (unsupported)", "bold red")
    return text


def _in_line(field: CitedField, threshold: float) -> str:
    """Return a field's statements on one line; of dated ones, the dates."""
    dated = field.kind is FieldKind.DATE
    texts = (printable(readable_date(s.label) if dated and s.label else s.text) for s in field.statements)
    said = [(text, s.support < threshold) for text, s in zip(texts, field.statements, strict=True)]
    between = " – " if field.name == "period" else ", "
    return between.join(f"{text} (unsupported)" if flagged else text for text, flagged in said)


def _place(document: Document, span: Span, *, headings: bool) -> str:
    """Say where a span stands: page or time, and the heading above it."""
    block = block_at(document, span.start)
    places: list[str] = []
    if headings:
        above = [b for b in document.blocks if b.kind is BlockKind.HEADING and b.span.start <= span.start]
        places += [printable(above[-1].span.of(document.text))] if above else []
    if block is not None and block.page is not None:
        places.append(f"p. {block.page}")
    if block is not None and block.start_s is not None:
        places.append(clock(block.start_s))
    return ", ".join(places)


def shown_path(source: str) -> str:
    """Return a path as short as it can be understood: relative to the current folder where it lies below that."""
    path, here = Path(source), Path.cwd()
    inside = path.is_absolute() and path != here and here in path.parents
    return printable(str(path.relative_to(here)) if inside else source)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def _heading(console: Console, text: str) -> None:
    console.print()
    write(console, Text(text, "bold"))


def write(console: Console, text: Text, *, lead: str | Text = "") -> None:
    """Print a paragraph after `lead`, wrapped with a hanging indent where it goes to a terminal."""
    first = Text(lead) if isinstance(lead, str) else lead
    indent = first.cell_len
    width = min(console.width, MEASURE) - indent if console.is_terminal else _UNLIMITED
    lines = text.wrap(console, max(width, 20)) if console.is_terminal else [text]
    for number, line in enumerate(lines):
        line.rstrip()
        start = first if number == 0 else Text(" " * indent)
        console.print(Text.assemble(start, line), soft_wrap=True)
