"""The pieces of an HTML page. Text becomes HTML in one place, `element`, which escapes whatever is not HTML already.

Questions and documents are other people's text: a script in a question is shown, never run. The page forbids scripts
altogether and loads nothing, so that it can be kept, mailed and opened anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from odqa import fs
from odqa.errors import LoadError
from odqa.evaluate.report.plots import Chart, points_table, swatch
from odqa.evaluate.report.terms import BOUNDS, figure, meaning, number, words
from odqa.evaluate.result import Figures

_VOID = frozenset({"meta", "br", "link"})
_CLIPPED = 900  # characters
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Html(str):
    """Text that is HTML, with everything in it escaped that has to be."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | None) -> Html:
    """Return an element; children that are not `Html` are escaped, as are the values of attributes.

    Args:
        tag: name of the element.
        children: text or elements.
        attributes: a trailing underscore is dropped (`class_`) and others are hyphens; those that are None are left
            out.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{named}>")
    inner = "".join(child if isinstance(child, Html) else escape(child, quote=False) for child in children)
    return Html(f"<{tag}{named}>{inner}</{tag}>")


def write_page(path: Path, title: str, kicker: str, facts: Sequence[str], sections: Iterable[str]) -> None:
    """Write a whole page.

    Args:
        path: where; its folder is made if it is not there.
        title: heading.
        kicker: what kind of page it is, above the heading.
        facts: short statements below the heading.
        sections: the rest; empty ones are left out.

    Raises:
        LoadError: the file cannot be written.
    """
    style = files("odqa.evaluate.report").joinpath("report.css").read_text("utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(style)),
    )
    top = element(
        "header",
        element("p", kicker, class_="kicker"),
        element("h1", title),
        element("p", *(element("span", fact) for fact in facts), class_="facts"),
    )
    body = element("body", element("main", top, *(section for section in sections if section)))
    page = f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fs.write_atomic(path, page.encode("utf-8", "replace"))
    except OSError as error:
        raise LoadError(f"{path}: cannot write the report: {error.strerror or error}", "name another file") from error


def clip(text: str) -> str:
    """Return text cut to what a reader will read of it."""
    return text if len(text) <= _CLIPPED else f"{text[:_CLIPPED].rstrip()} …"


def section(title: str, *children: str, about: str = "") -> Html:
    """Return a section under a heading; nothing if it has no content."""
    content = [child for child in children if child]
    if not content:
        return Html()
    lead = element("p", about, class_="about") if about else Html()
    return element("section", element("h2", title), lead, *content)


def remarks(notes: Sequence[str]) -> Html:
    """Return what a reader has to know before the figures; nothing if there is nothing."""
    if not notes:
        return Html()
    items = (element("li", *_with_code(note)) for note in notes)
    return element("aside", element("h2", "Read this first"), element("ul", *items), class_="remarks")


def _with_code(note: str) -> Iterator[str]:
    """Yield a note in pieces, those between backticks as code."""
    for place, piece in enumerate(note.split("`")):
        yield element("code", piece) if place % 2 else piece


def tile(name: str, value: object, detail: str = "", *, about: str | None = None) -> Html:
    """Return a figure in large type with what it means."""
    return element(
        "div",
        element("dt", words(name)),
        element("dd", figure(name, value), class_="value"),
        element("dd", detail, class_="detail") if detail else Html(),
        element("dd", meaning(name) if about is None else about, class_="meaning"),
        class_="tile",
    )


def tiles(content: Iterable[str]) -> Html:
    """Return tiles in a grid; nothing without any."""
    inner = list(content)
    return element("dl", *inner, class_="tiles many" if len(inner) > 6 else "tiles") if inner else Html()


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str = "") -> Html:
    """Return a table that scrolls on its own where it is wider than the page; its first column stays in sight.

    Args:
        header: names of the columns.
        rows: cells, text or `Html`; the first of each is its heading.
        class_: for the style sheet.
    """
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = (
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    )
    whole = element("table", element("thead", head), element("tbody", *body), class_=class_ or None)
    # A region that scrolls can be reached with the keyboard only if it takes the focus.
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=header[0] or "Figures")


def bar(name: str, value: object, most: float, *, main: bool = False, detail: str = "") -> Html:
    """Return a figure with a bar under it.

    Args:
        name: its name.
        value: the figure.
        most: the figure of a full bar.
        main: draw it in the colour of the engine.
        detail: what to write below, such as an interval.
    """
    below = element("small", detail) if detail else Html()
    shown = element("span", figure(name, value), below, class_="figure")
    if not isinstance(value, int | float) or not math.isfinite(value) or most <= 0:
        return shown
    width = f"width:{100 * min(max(value / most, 0.0), 1.0):.1f}%"
    kind = "bar engine" if main else "bar"
    return element("span", shown, element("span", element("i", style=width), class_=kind), class_="barred")


def full(values: Iterable[object]) -> float:
    """Return the figure of a full bar: 1 for shares, else the largest."""
    known = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    largest = max(known, default=0.0)
    return 1.0 if 0 <= largest <= 1 else largest


def systems_table(systems: Mapping[str, Figures], order: Sequence[str] = ()) -> Html:
    """Return figures by metric, one column for each system, the engine's in its colour; nothing without figures.

    Args:
        systems: figures by system; the first is the engine.
        order: metrics to list first.
    """
    rows = []
    for metric in _columns(systems.values(), order):
        values = [figures.get(metric) for figures in systems.values()]
        most = full(values)
        details = [bounds(metric, figures) for figures in systems.values()]
        name = element("span", words(metric), title=meaning(metric) or None)
        cells = (
            bar(metric, value, most, main=not place, detail=detail)
            for place, (value, detail) in enumerate(zip(values, details, strict=True))
        )
        rows.append([name, *cells])
    return table(["", *systems], rows, class_="figures") if rows else Html()


def bounds(metric: str, figures: Figures) -> str:
    """Return the interval of a metric where it stands among the figures under names of its own; "" where not."""
    low, high = (figures.get(f"{metric}{end}") for end in BOUNDS[:2])
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _columns(systems: Iterable[Figures], order: Sequence[str]) -> list[str]:
    """Return the names of the figures, those of `order` first; bounds of another figure are not figures here."""
    there = dict.fromkeys(name for figures in systems for name in figures if name != "n")
    own = [name for name in there if not any(name.endswith(e) and name.removesuffix(e) in there for e in BOUNDS)]
    return [*(name for name in order if name in own), *(name for name in own if name not in order)]


def groups_table(kinds: Mapping[str, Figures], order: Sequence[str] = ()) -> Html:
    """Return figures by kind of question, one row for each kind, with how many there are of it.

    Args:
        kinds: figures by kind; `n` is how many.
        order: metrics to list first.
    """
    metrics = _columns(kinds.values(), order)
    most = {name: full(figures.get(name) for figures in kinds.values()) for name in metrics}
    rows = [
        [
            words(kind) or "(none)",
            figure("n", figures.get("n")),
            *(bar(name, figures.get(name), most[name], main=not place) for place, name in enumerate(metrics)),
        ]
        for kind, figures in kinds.items()
    ]
    return table(["", "n", *map(words, metrics)], rows, class_="figures") if rows else Html()


def chart_figure(chart: Chart, points: Sequence[Figures]) -> Html:
    """Return a chart with its key, and its figures to unfold."""
    key: list[str] = []
    if len(chart.series) > 1:
        key = [element("li", Html(swatch(place)), words(name)) for place, name in enumerate(chart.series)]
    header, rows = points_table(chart, points)
    numbers = table(
        [words(name) for name in header], ([figure(*c) for c in zip(header, row, strict=True)] for row in rows)
    )
    return element(
        "figure",
        element("figcaption", element("h3", chart.title), element("p", chart.about) if chart.about else Html()),
        element("ul", *key, class_="key") if key else Html(),
        Html(chart.svg),
        element("details", element("summary", "Figures"), numbers),
    )


def pairs(values: Mapping[str, object]) -> Html:
    """Return names with their values, in columns."""
    if not values:
        return Html()
    items = (element("div", element("dt", words(name)), element("dd", number(value))) for name, value in values.items())
    return element("dl", *items, class_="pairs")
