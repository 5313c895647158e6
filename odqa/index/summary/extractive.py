"""The extractive summarizer: structured summaries made only of what the document says, without a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.described import described
from odqa.index.summary.fields import FILLERS, anything
from odqa.index.summary.fitting import Descriptions, Fitting
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope, passage_centrality
from odqa.index.summary.templates import BY_DESCRIPTION, TEMPLATES, Template, named_template, resolve_template
from odqa.schema import FieldKind, ParsedDocument, StructuredSummary, SummaryField

if TYPE_CHECKING:
    from odqa.protocols import Encoder, Vectors
    from odqa.settings import Settings

_FALLBACK_LIMIT = 5
_VERSION = 4
"""Raised with every change that alters summaries, so that an index knows which are out of date."""


class ExtractiveSummarizer:
    """Summarize by selection: every statement is the document's own words, or rests on them.

    Args:
        template: "auto" chooses by the document's shape; else a built-in name, the path of a TOML template, or
            a `Template`.
        min_section_words: sections with fewer words get no summary of their own.
        encoder: tells by meaning what fits the fields that ask by description; without it words alone decide.

    Raises:
        ConfigError: no template has that name, or its file is malformed.
    """

    name = "extractive"

    def __init__(
        self, template: str | Template = "auto", *, min_section_words: int = 40, encoder: Encoder | None = None
    ) -> None:
        if isinstance(template, str) and template != "auto":
            template = named_template(template)
        self.template = template
        self.min_section_words = min_section_words
        known = tuple(TEMPLATES.values()) if isinstance(template, str) else (template,)
        asks = any(field.filler == BY_DESCRIPTION for each in known for field in each.fields)
        self._descriptions = Descriptions(encoder) if encoder is not None and asks else None
        # An encoder that is never asked changes nothing: summaries made with another one are still good.
        judge = encoder.fingerprint if encoder is not None and asks else ""
        digest = hashlib.sha256(repr((template, known, min_section_words, judge)).encode()).hexdigest()
        self.fingerprint = f"{self.name}-{_VERSION}-{digest[:16]}"

    def summarize(self, parsed: ParsedDocument, vectors: Vectors | None = None) -> list[StructuredSummary]:
        """Return the document's summary first, then one for each section worth one.

        A section is worth one when it has words enough and is not the whole document.

        Args:
            parsed: the document with sections and passages.
            vectors: unit vectors of the passages, shape (n_passages, dimension); sentences of passages near the
                document's mean then count as more central, and fields that ask by description look at the
                passages nearest to it.
        """
        template = resolve_template(self.template, parsed.document)
        analysis = Analysis(parsed)
        central = passage_centrality(vectors, len(parsed.passages))
        fitting = Fitting(analysis, self._descriptions, None if central is None else vectors)
        work = _Work(Found(analysis), fitting, template)
        summaries = [work.summary(Scope(analysis, None, central))]
        if len(parsed.sections) > 1:
            scopes = (Scope(analysis, section.index, central) for section in parsed.sections)
            summaries += [work.summary(scope) for scope in scopes if scope.words >= self.min_section_words]
        return summaries


def make_extractive(settings: Settings, encoder: Encoder) -> ExtractiveSummarizer:
    """Return the extractive summarizer with the template that the settings name.

    Raises:
        ConfigError: no template has that name, or its file is malformed.
    """
    return ExtractiveSummarizer(settings.template, encoder=encoder)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the summaries of one document and its sections share."""

    found: Found
    fitting: Fitting
    template: Template

    def summary(self, scope: Scope) -> StructuredSummary:
        fields = []
        for field in self.template.fields:
            limit = field.limit if scope.section is None else max(1, (field.limit + 1) // 2)
            if not len(scope) and not scope.blocks:
                continue
            if field.filler == BY_DESCRIPTION:
                statements = tuple(described(scope, self.found, self.fitting, field, limit))
            else:
                statements = tuple(FILLERS[field.filler](scope, self.found, limit))
            if statements:
                fields.append(SummaryField(field.name, field.kind, statements))
        if not fields and (statements := tuple(anything(scope, self.found, _FALLBACK_LIMIT))):
            fields.append(SummaryField("gist", FieldKind.STATEMENT, statements))
        return StructuredSummary(
            scope.analysis.document.id, scope.section, self.template.name, tuple(fields), "extractive"
        )
