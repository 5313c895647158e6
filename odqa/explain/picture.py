"""The way to the evidence as a picture: text for Graphviz (DOT) and Mermaid, and SVG where Graphviz is installed.

Nodes are the question, what else was asked, documents, pooled entries and passages; links are edges that carry their
words. Whatever a title holds comes out as the characters it is, and the text may stand in an HTML page.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

from odqa.errors import UsageError
from odqa.explain.labels import hop_label, link_words, place, shortened
from odqa.explain.paths import complete_path, identity
from odqa.schema import Found, Hop, HopKind

LONGEST = 64
"""Characters of a label; longer ones are cut."""

_PLACE = 48
_SUFFIXES = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg"}
_SECONDS = 60
_SHAPES = {
    HopKind.QUESTION: ("ellipse", "([", "])"),
    HopKind.QUERY: ("ellipse", "([", "])"),
    HopKind.DOCUMENT: ("folder", "[", "]"),
    HopKind.ENTRY: ("component", "[[", "]]"),
    HopKind.PASSAGE: ("note", "[", "]"),
}
# Graphviz reads entities, and a backslash before a letter as an instruction. `<` is for pages that embed the text.
_DOT = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Mermaid reads Markdown, HTML, directives (`%%{`) and, in labels as `1. x`, lists; `#` begins an entity of its own.
_MERMAID = str.maketrans({sign: f"#{ord(sign)};" for sign in '"#&<>`%\\|[]{}()*_~$;'})


@dataclass(slots=True)
class _Node:
    kind: HopKind
    label: str
    evidence: bool = False


@dataclass(slots=True)
class _Graph:
    """Nodes by what they are, and edges between their positions; both in the order in which they were met."""

    nodes: dict[Hashable, _Node] = field(default_factory=dict)
    edges: dict[tuple[int, int, str], None] = field(default_factory=dict)
    disagreeing: dict[tuple[int, int, str], None] = field(default_factory=dict)

    def position(self, key: Hashable) -> int:
        return list(self.nodes).index(key)


def to_dot(found: Found) -> str:
    """Return the way to the evidence in Graphviz's language.

    Args:
        found: what retrieval has to say about a question.
    """
    graph = _graph_of(found)
    lines = [
        "digraph evidence {",
        '  graph [rankdir=LR, charset="UTF-8"];',
        '  node [fontname="sans-serif", fontsize=11];',
        '  edge [fontname="sans-serif", fontsize=9];',
    ]
    for number, node in enumerate(graph.nodes.values()):
        bold = ", penwidth=2" if node.evidence else ""
        lines.append(f"  n{number} [shape={_SHAPES[node.kind][0]}, label={_dot(node.label)}{bold}];")
    for first, second, label in graph.edges:
        lines.append(f"  n{first} -> n{second}{f' [label={_dot(label)}]' if label else ''};")
    for first, second, label in graph.disagreeing:
        lines.append(f"  n{first} -> n{second} [label={_dot(label)}, style=dashed, dir=none, constraint=false];")
    return "\n".join([*lines, "}", ""])


def to_mermaid(found: Found) -> str:
    """Return the way to the evidence in Mermaid's language.

    Args:
        found: what retrieval has to say about a question.
    """
    graph = _graph_of(found)
    lines = ["flowchart LR"]
    for number, node in enumerate(graph.nodes.values()):
        _, opening, closing = _SHAPES[node.kind]
        lines.append(f"  n{number}{opening}{_mermaid(node.label)}{closing}")
    for first, second, label in graph.edges:
        lines.append(f"  n{first} -->{f'|{_mermaid(label)}|' if label else ''} n{second}")
    for first, second, label in graph.disagreeing:
        lines.append(f"  n{first} -.-|{_mermaid(label)}| n{second}")
    shown = [f"n{number}" for number, node in enumerate(graph.nodes.values()) if node.evidence]
    if shown:
        lines += ["  classDef evidence stroke-width:3px", f"  class {','.join(shown)} evidence"]
    return "\n".join([*lines, ""])


def write_picture(found: Found, path: Path) -> None:
    """Write a picture to a file, in the language that its name ends with.

    Args:
        found: what retrieval has to say about a question.
        path: `.dot` or `.gv`, `.mmd` or `.mermaid`, or `.svg`, which Graphviz's program `dot` draws.

    Raises:
        UsageError: the name has another ending, the file cannot be written, or `dot` is not there or fails.
    """
    form = check_picture(path)
    text = to_mermaid(found) if form == "mermaid" else to_dot(found)
    data = _svg(text, path) if form == "svg" else text.encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "name a file that can be written") from error


def check_picture(path: Path) -> str:
    """Return the language of a picture: `dot`, `mermaid` or `svg`.

    Raises:
        UsageError: the name has no ending that is known, or needs a program that is not installed.
    """
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path}: a picture ends in {', '.join(_SUFFIXES)}", "name it so")
    if form == "svg" and shutil.which("dot") is None:
        raise UsageError(
            f"{path}: drawing SVG needs the program dot, which is not installed",
            "install Graphviz, or name a file that ends in .dot or .mmd",
        )
    return form


def _svg(text: str, path: Path) -> bytes:
    program = shutil.which("dot") or "dot"
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=text.encode(), capture_output=True, timeout=_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"{path}: dot failed: {said or error.returncode}", "write .dot or .mmd instead") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{path}: dot failed: {error}", "write .dot or .mmd instead") from error
    return done.stdout


def _graph_of(found: Found) -> _Graph:
    """Return all paths as one graph: a passage that is reached in two ways is one node with two edges into it."""
    graph = _Graph()
    question = Hop(HopKind.QUESTION, found.trace.question)
    graph.nodes[HopKind.QUESTION] = _Node(HopKind.QUESTION, f"question: {hop_label(question)}")
    for rank, item in enumerate(found.evidence, 1):
        at: Hashable = HopKind.QUESTION
        through: list[Hop] = []
        for hop in complete_path(item):
            if hop.kind is HopKind.LINK:
                through.append(hop)
            else:
                at, through = _add(graph, at, hop, through), []
        graph.nodes[at].evidence = True
        part = "" if item.section.path else f" › passage {item.passage.index + 1}"
        graph.nodes[at].label = f"{rank}. {shortened(place(item), _PLACE)}{part} · {item.score:.4f}"
    for query in found.trace.queries:
        if identity(hop := Hop(HopKind.QUERY, query)) not in graph.nodes:
            _add(graph, HopKind.QUESTION, hop, [])
    _add_conflicts(graph, found)
    return graph


def _add(graph: _Graph, before: Hashable, hop: Hop, through: list[Hop]) -> Hashable:
    key = identity(hop)
    score = f" · {hop.score:.4f}" if hop.score else ""
    label = shortened(hop.label, _PLACE)
    if not label.startswith(f"{hop.kind.value} "):  # `passage 2` says what it is.
        label = f"{hop.kind.value}: {label}"
    graph.nodes.setdefault(key, _Node(hop.kind, f"{label}{score}"))
    words = ", ".join(f"{link_words(link)}{f' {link.score:.4f}' if link.score else ''}" for link in through)
    graph.edges[graph.position(before), graph.position(key), f"via {words}" if words else ""] = None
    return key


def _add_conflicts(graph: _Graph, found: Found) -> None:
    """Join the first pieces of evidence of two documents that disagree."""
    for conflict in found.conflicts:
        ends: dict[str, int] = {}
        for item in found.evidence:
            if conflict in item.conflicts:
                ends.setdefault(item.document.id, graph.position(identity(complete_path(item)[-1])))
        first, *others = [*ends.values()] or [0]
        for other in others:
            graph.disagreeing[first, other, f"disagree: {conflict.subject}"] = None


def _dot(label: str) -> str:
    return f'"{shortened(label, LONGEST).translate(_DOT)}"'


def _mermaid(label: str) -> str:
    text = shortened(label, LONGEST)
    escaped = text.translate(_MERMAID)
    head, dot, rest = escaped.partition(".")
    if dot and head.isdecimal():  # `1. x` would be a list.
        escaped = f"{head}#46;{rest}"
    elif escaped.startswith(("-", "+", "=")):
        escaped = f"#{ord(escaped[0])};{escaped[1:]}"
    return f'"{escaped}"'
