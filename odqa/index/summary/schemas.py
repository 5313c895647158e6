"""What a summary template is made of: fields with a name, a description, a kind and a cardinality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from odqa.errors import ConfigError
from odqa.schema import FieldKind

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
        "concerns": FieldKind.STATEMENT,
        "recommendations": FieldKind.STATEMENT,
        "findings": FieldKind.STATEMENT,
        "purpose": FieldKind.STATEMENT,
        "contributions": FieldKind.STATEMENT,
        "methods": FieldKind.STATEMENT,
        "limitations": FieldKind.STATEMENT,
        "requirements": FieldKind.STATEMENT,
        "warnings": FieldKind.STATEMENT,
        "remedies": FieldKind.STATEMENT,
        "steps": FieldKind.STATEMENT,
        "columns": FieldKind.STATEMENT,
        "values": FieldKind.STATEMENT,
    }
)
"""Every filler a template may name, with the kind of the statements it makes."""

BY_DESCRIPTION = "description"
"""The filler of a field that holds whatever fits its name and description best, of any kind."""

MAX_LIMIT = 200


class Cardinality(StrEnum):
    """How many statements a field has."""

    ONE = "one"
    """Exactly one is expected: a document without one leaves its reader wanting."""
    OPTIONAL = "optional"
    """One, or none."""
    MANY = "many"
    """As many as there are, up to the field's limit."""


@dataclass(frozen=True, slots=True)
class TemplateField:
    """One field of a template.

    Attributes:
        name: what the field is called in the summary.
        description: what it holds, for people, for generative summarizers, and for `BY_DESCRIPTION`.
        kind: what its statements are.
        limit: most statements for a whole document; a section gets half of it.
        filler: what fills it, a key of `FILLER_KINDS`, or `BY_DESCRIPTION`.
        cardinality: how many statements it has. A summarizer that selects invents nothing: where a document
            holds nothing of the kind the field is left out, whatever its cardinality.

    Raises:
        ConfigError: there is no such filler, it makes statements of another kind, or limit and cardinality differ.
    """

    name: str
    description: str
    kind: FieldKind
    limit: int
    filler: str = BY_DESCRIPTION
    cardinality: Cardinality = Cardinality.MANY

    def __post_init__(self) -> None:
        if self.filler != BY_DESCRIPTION and self.filler not in FILLER_KINDS:
            raise ConfigError(
                f"field {self.name!r}: there is no filler {self.filler!r}",
                f"use one of {', '.join([BY_DESCRIPTION, *FILLER_KINDS])}",
            )
        if FILLER_KINDS.get(self.filler, self.kind) is not self.kind:
            raise ConfigError(
                f"field {self.name!r}: the filler {self.filler!r} makes statements of kind "
                f"{FILLER_KINDS[self.filler].value!r}, not {self.kind.value!r}",
                f"set the kind to {FILLER_KINDS[self.filler].value!r}, or the filler to {BY_DESCRIPTION!r}",
            )
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ConfigError(f"field {self.name!r}: the limit must be from 1 to {MAX_LIMIT}, not {self.limit}")
        if self.cardinality is not Cardinality.MANY and self.limit != 1:
            raise ConfigError(
                f"field {self.name!r}: cardinality {self.cardinality.value!r} has a limit of 1, not {self.limit}",
                "set the cardinality to 'many'",
            )


@dataclass(frozen=True, slots=True)
class Template:
    """The schema of a structured summary: named fields, in the order in which they are read."""

    name: str
    description: str
    fields: tuple[TemplateField, ...]
