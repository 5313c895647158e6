"""Summary templates: which fields a structured summary has, what fills each, and which template fits a document."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from odqa.errors import ConfigError
from odqa.schema import BlockKind, Document, FieldKind

FILLER_KINDS: Mapping[str, FieldKind] = MappingProxyType(
    {
        "gist": FieldKind.STATEMENT,
        "outline": FieldKind.HEADING,
        "key_terms": FieldKind.TERM,
        "entities": FieldKind.ENTITY,
        "people": FieldKind.ENTITY,
        "places": FieldKind.ENTITY,
        "organizations": FieldKind.ENTITY,
        "speakers": FieldKind.ENTITY,
        "figures": FieldKind.FIGURE,
        "extremes": FieldKind.FIGURE,
        "dates": FieldKind.DATE,
        "timeline": FieldKind.DATE,
        "definitions": FieldKind.STATEMENT,
        "questions": FieldKind.QUESTION,
        "quotes": FieldKind.QUOTE,
        "positions": FieldKind.QUOTE,
        "decisions": FieldKind.STATEMENT,
        "actions": FieldKind.STATEMENT,
        "recommendations": FieldKind.STATEMENT,
        "findings": FieldKind.STATEMENT,
        "contributions": FieldKind.STATEMENT,
        "warnings": FieldKind.STATEMENT,
        "steps": FieldKind.STATEMENT,
        "columns": FieldKind.STATEMENT,
        "values": FieldKind.STATEMENT,
    }
)
"""Every filler a template may name, with the kind of the statements it makes."""

_MAX_LIMIT = 200
_FIELD_KEYS = ("name", "description", "kind", "limit", "filler")
_TEMPLATE_KEYS = ("name", "description", "fields")


@dataclass(frozen=True, slots=True)
class TemplateField:
    """One field of a template.

    Attributes:
        name: what the field is called in the summary.
        description: what it holds, for people and for generative summarizers.
        kind: what its statements are.
        limit: most statements for a whole document; a section gets half of it.
        filler: what fills it, a key of `FILLER_KINDS`.
    """

    name: str
    description: str
    kind: FieldKind
    limit: int
    filler: str


@dataclass(frozen=True, slots=True)
class Template:
    """The schema of a structured summary: named fields, in the order in which they are read."""

    name: str
    description: str
    fields: tuple[TemplateField, ...]


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

_ALL = (
    Template(
        "default",
        "Any prose.",
        (_GIST, _OUTLINE, _KEY_TERMS, _ENTITIES, _FIGURES, _TIMELINE, _DEFINITIONS, _QUESTIONS),
    ),
    Template(
        "report",
        "Reports: findings, recommendations, figures, dates.",
        (
            _GIST,
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
        "Scientific papers: contributions, findings, terms.",
        (
            _GIST,
            _field("contributions", 5, "What the authors say they do."),
            _field("findings", 6, "What they found."),
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
        "Meetings: who said what, what was decided, who does what next.",
        (
            _GIST,
            _OUTLINE,
            _field("speakers", 12, "Who speaks, the one who speaks most first."),
            _field("positions", 8, "The most central statement of each main speaker."),
            _field("decisions", 6, "What was decided."),
            _field("actions", 6, "What someone is to do."),
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
            _field("quotes", 5, "What is said, verbatim."),
            _field("events", 6, "Dated events, in order of time.", "timeline"),
            _QUESTIONS,
        ),
    ),
    Template(
        "manual",
        "Manuals and instructions: steps, warnings, terms.",
        (
            _GIST,
            _OUTLINE,
            _field("steps", 12, "What the reader is told to do."),
            _field("warnings", 6, "What the reader is warned of."),
            _KEY_TERMS,
            _DEFINITIONS,
            _FIGURES,
            _QUESTIONS,
        ),
    ),
    Template(
        "table",
        "Tables: columns, their values and extremes.",
        (
            _field("columns", 8, "Row count and column names of each table."),
            _field("values", 10, "The most frequent values of each column of words."),
            _field("extremes", 12, "Lowest and highest value of each column of numbers."),
            _GIST,
            _KEY_TERMS,
            _ENTITIES,
        ),
    ),
)

TEMPLATES: Mapping[str, Template] = MappingProxyType({template.name: template for template in _ALL})
"""The built-in templates by name."""

_PAPER = re.compile(
    r"(?:abstract|related work|previous work|methods?|methodology|materials and methods|results?|experiment\w*"
    r"|evaluation|discussion|references|acknowledge?ments?)\b.*"
)
_PAPER_WEAK = re.compile(r"(?:introduction|conclusions?|conclusions? and .*|future work|background|model|data)")
_REPORT = re.compile(
    r".*\b(?:findings|recommendations?|executive summary|terms of reference|final report|annual report"
    r"|scope of (?:the )?report|purpose and summary|conclusions and .*|lessons learned)\b.*"
)
_MANUAL = re.compile(
    r".*\b(?:steps?|warnings?|cautions?|installation|installing|troubleshooting|getting started|set-?up|maintenance"
    r"|usage|safety|how to|operating instructions|configuration|instructions|prerequisites|quick ?start)\b.*"
)
_NUMBERING = re.compile(
    r"(?:(?:chapter|section|part|appendix)\s+(?:\d+|[ivxlc]+|[a-z])\b[.:)]?|\d+(?:\.\d+)*[.):]?|[ivxlc]+[.)]|[a-z][.)])\s+"
    r"(?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b)",
    re.IGNORECASE,
)
_OPENING_QUOTE = ('"', "“", "«", "„")
_QUESTIONER = re.compile(r"q|question|interviewer|int|host|moderator|reporter", re.IGNORECASE)


def strip_numbering(heading: str) -> str:
    """Return a heading without its number: `2.1 The course` → `The course`."""
    match = _NUMBERING.match(heading)
    return heading[match.end() :] if match else heading


def choose_template(document: Document) -> Template:
    """Return the built-in template that a document's blocks, headings and dialogue call for."""
    size: Counter[BlockKind] = Counter()
    for block in document.blocks:
        size[block.kind] += block.span.end - block.span.start
    total = sum(size.values()) or 1
    if size[BlockKind.TURN] > 0.5 * total:
        return TEMPLATES["interview" if _is_interview(document) else "meeting"]
    if size[BlockKind.TABLE] > 0.6 * total:
        return TEMPLATES["table"]
    headings = [
        strip_numbering(block.span.of(document.text).strip()).rstrip(".:").lower()
        for block in document.blocks
        if block.kind is BlockKind.HEADING
    ]
    paper = (
        len({h for h in headings if _PAPER.fullmatch(h)}) + len({h for h in headings if _PAPER_WEAK.fullmatch(h)}) / 2
    )
    title = document.title.lower()
    report = len({heading for heading in [*headings, title] if _REPORT.fullmatch(heading)}) + 2 * ("report" in title)
    manual = len({heading for heading in headings if _MANUAL.fullmatch(heading)})
    name, count = max((("report", report), ("paper", paper), ("manual", manual)), key=lambda pair: pair[1])
    if count >= 2:
        return TEMPLATES[name]
    return TEMPLATES["story" if _is_story(document) else "default"]


def _is_interview(document: Document) -> bool:
    """Two voices carry it, and one of them mostly asks."""
    turns: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for block in document.blocks:
        if block.kind is BlockKind.TURN and block.speaker:
            turns[block.speaker] += 1
            asked[block.speaker] += document.text.find("?", block.span.start, block.span.end) >= 0
    if any(_QUESTIONER.fullmatch(speaker.strip(". ")) for speaker in turns):
        return True
    leading = turns.most_common(2)
    if len(leading) < 2 or sum(count for _, count in leading) < 0.85 * turns.total():
        return False
    shares = sorted(asked[speaker] / count for speaker, count in leading)
    return shares[1] >= 0.5 and shares[1] >= 2 * shares[0]


def _is_story(document: Document) -> bool:
    """At least one paragraph in six opens with speech, and speech is not rare."""
    prose = [block for block in document.blocks if block.kind is BlockKind.PARAGRAPH]
    spoken = sum(document.text.startswith(_OPENING_QUOTE, block.span.start) for block in prose)
    return spoken >= 5 and 6 * spoken >= len(prose)


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


def load_template(path: str | Path) -> Template:
    """Read a template from a TOML file: `name`, `description`, and a `[[fields]]` table for each field.

    A field has `name`, `filler` (defaults to its name), `limit` (defaults to 8), `description` and `kind`; the
    kind follows from the filler and is checked where given.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or a key is missing, unknown or holds a wrong value.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the template {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the template {path} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the template {path} is not TOML: {error}") from error
    _reject_unknown(path, "", table, _TEMPLATE_KEYS)
    name = _string(path, "name", table, default=path.stem)
    entries = table.get("fields")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: key 'fields' must be one or more [[fields]] tables")
    fields = tuple(_read_field(path, number, entry) for number, entry in enumerate(entries))
    repeated = [field for field, count in Counter(field.name for field in fields).items() if count > 1]
    if repeated:
        raise ConfigError(f"{path}: two fields are called {repeated[0]!r}", "give each [[fields]] its own name")
    return Template(name, _string(path, "description", table, default=""), fields)


def _read_field(path: Path, number: int, entry: object) -> TemplateField:
    where = f"fields[{number}]."
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: key 'fields[{number}]' must be a table")
    _reject_unknown(path, where, entry, _FIELD_KEYS)
    name = _string(path, "name", entry, where=where)
    filler = _string(path, "filler", entry, where=where, default=name)
    if filler not in FILLER_KINDS:
        raise ConfigError(
            f"{path}: key '{where}filler' names no filler: {filler!r}", f"use one of {', '.join(FILLER_KINDS)}"
        )
    kind = FILLER_KINDS[filler]
    if entry.get("kind", kind.value) != kind.value:
        raise ConfigError(f"{path}: key '{where}kind' must be {kind.value!r} for filler {filler!r}", "or leave it out")
    limit = entry.get("limit", 8)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MAX_LIMIT:
        raise ConfigError(f"{path}: key '{where}limit' must be a whole number from 1 to {_MAX_LIMIT}, not {limit!r}")
    return TemplateField(name, _string(path, "description", entry, where=where, default=""), kind, limit, filler)


def _reject_unknown(path: Path, where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"{path}: unknown key '{where}{key}'", f"known keys are {', '.join(known)}")


def _string(path: Path, key: str, table: Mapping[str, object], *, where: str = "", default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise ConfigError(f"{path}: key '{where}{key}' is missing")
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise ConfigError(f"{path}: key '{where}{key}' must be text, not {value!r}")
    return value.strip()
