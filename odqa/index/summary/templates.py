"""The built-in summary templates, and which one a document gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from odqa.errors import ConfigError
from odqa.index.summary.schemas import BY_DESCRIPTION, FILLER_KINDS, Cardinality, Template, TemplateField
from odqa.index.summary.shape import document_kind, strip_numbering
from odqa.index.summary.template_file import load_template
from odqa.schema import Document

__all__ = [
    "BY_DESCRIPTION",
    "FILLER_KINDS",
    "TEMPLATES",
    "Cardinality",
    "Template",
    "TemplateField",
    "choose_template",
    "load_template",
    "named_template",
    "resolve_template",
    "strip_numbering",
]


def _field(name: str, limit: int, description: str, filler: str = "") -> TemplateField:
    filler = filler or name
    return TemplateField(name, description, FILLER_KINDS[filler], limit, filler)


_GIST = _field("gist", 10, "What the text says, in its own most telling sentences.")
_OUTLINE = _field("outline", 14, "Headings, or the leading terms of each topical run.")
_KEY_TERMS = _field("key_terms", 12, "Terms the text is about.")
_ENTITIES = _field("entities", 12, "People, places and organisations it names.")
_PEOPLE = _field("people", 10, "People it names.")
_PLACES = _field("places", 8, "Places it names.")
_FIGURES = _field("figures", 8, "Numbers with their units.")
_TIMELINE = _field("timeline", 8, "Dated events, in order of time.")
_DEFINITIONS = _field("definitions", 5, "What it says things are.")
_QUESTIONS = _field("questions", 6, "Questions that it answers.")
_QUOTES = _field("quotes", 5, "What is said, verbatim.")

_ALL = (
    Template(
        "default",
        "Any prose.",
        (_GIST, _OUTLINE, _KEY_TERMS, _ENTITIES, _FIGURES, _TIMELINE, _DEFINITIONS, _QUESTIONS),
    ),
    Template(
        "report",
        "Reports: purpose, findings, recommendations, figures, dates.",
        (
            _GIST,
            _field("purpose", 2, "What the report is for, and what it covers."),
            _OUTLINE,
            _field("findings", 6, "What was found or concluded."),
            _field("recommendations", 6, "What should be done."),
            _KEY_TERMS,
            _ENTITIES,
            _field("figures", 12, "Numbers with their units."),
            _field("timeline", 12, "Dated events, in order of time."),
            _DEFINITIONS,
            _QUESTIONS,
        ),
    ),
    Template(
        "paper",
        "Scientific papers: contributions, methods and data, findings, limits, terms.",
        (
            _GIST,
            _field("contributions", 5, "What the authors say they do."),
            _field("methods", 4, "How they did it, and with what data."),
            _field("findings", 6, "What they found."),
            _field("limitations", 3, "What they could not do, and leave to others."),
            _OUTLINE,
            _field("key_terms", 16, "Terms the paper is about."),
            _DEFINITIONS,
            _FIGURES,
            _ENTITIES,
            _QUESTIONS,
        ),
    ),
    Template(
        "meeting",
        "Meetings: who said what, what was decided, who does what next, what is in doubt.",
        (
            _GIST,
            _OUTLINE,
            _field("speakers", 12, "Who speaks, the one who speaks most first."),
            _field("positions", 8, "The most central statement of each main speaker."),
            _field("decisions", 6, "What was decided."),
            _field("actions", 6, "What someone is to do."),
            _field("concerns", 4, "Objections, worries and open problems."),
            _KEY_TERMS,
            _ENTITIES,
            _FIGURES,
            _TIMELINE,
            _QUESTIONS,
        ),
    ),
    Template(
        "interview",
        "Interviews and oral histories: people, places, events in time, themes, quotes.",
        (
            _GIST,
            _field("speakers", 4, "Who speaks."),
            _PEOPLE,
            _PLACES,
            _field("organizations", 6, "Employers, schools and other bodies it names."),
            _field("events", 10, "Dated events, in order of time.", "timeline"),
            _field("themes", 12, "Terms the talk returns to.", "key_terms"),
            _field("quotes", 6, "What the person interviewed says, verbatim."),
            _OUTLINE,
            _QUESTIONS,
        ),
    ),
    Template(
        "story",
        "Fiction and narrative: characters, places, what is said.",
        (
            _GIST,
            _field("characters", 12, "People it names.", "people"),
            _PLACES,
            _OUTLINE,
            _field("key_terms", 12, "Terms the story returns to."),
            _QUOTES,
            _field("events", 6, "Dated events, in order of time.", "timeline"),
            _QUESTIONS,
        ),
    ),
    Template(
        "manual",
        "Manuals and instructions: what is needed, steps, warnings, remedies, terms.",
        (
            _GIST,
            _OUTLINE,
            _field("requirements", 5, "What is needed before one begins."),
            _field("steps", 12, "What the reader is told to do."),
            _field("warnings", 6, "What the reader is warned of."),
            _field("remedies", 6, "What to do when something is wrong."),
            _KEY_TERMS,
            _DEFINITIONS,
            _FIGURES,
            _QUESTIONS,
        ),
    ),
    Template(
        "table",
        "Tables and the text around them: columns, their values and extremes.",
        (
            _field("columns", 8, "Row count and column names of each table."),
            _field("values", 10, "The most frequent values of each column of words."),
            _field("extremes", 12, "Lowest and highest value of each column of numbers."),
            _GIST,
            _OUTLINE,
            _KEY_TERMS,
            _ENTITIES,
            _TIMELINE,
            _DEFINITIONS,
            _QUESTIONS,
        ),
    ),
)

TEMPLATES: Mapping[str, Template] = MappingProxyType({template.name: template for template in _ALL})
"""The built-in templates by name."""


def choose_template(document: Document) -> Template:
    """Return the built-in template that a document's blocks, headings and voices call for."""
    return TEMPLATES[document_kind(document)]


def resolve_template(template: str | Template, document: Document) -> Template:
    """Return the template to use for `document`: chosen by its shape for "auto", else the one named.

    Raises:
        ConfigError: no built-in template has that name.
    """
    if isinstance(template, Template):
        return template
    return choose_template(document) if template == "auto" else named_template(template)


def named_template(name: str) -> Template:
    """Return the built-in template called `name`, or the one in the TOML file at that path.

    Raises:
        ConfigError: neither exists, or the file is malformed.
    """
    if name in TEMPLATES:
        return TEMPLATES[name]
    if name.endswith(".toml"):
        return load_template(Path(name))
    known = ", ".join(["auto", *TEMPLATES])
    raise ConfigError(
        f"there is no summary template called {name!r}", f"use one of {known}, or the path of a .toml file"
    )
