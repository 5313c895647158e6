"""The extractive summarizer: structured summaries made only of what the document says, without a model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.summary.analysis import Analysis, Floats
from odqa.index.summary.fields import FILLERS, anything
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.templates import TEMPLATES, Template, named_template, resolve_template
from odqa.schema import FieldKind, ParsedDocument, StructuredSummary, SummaryField

if TYPE_CHECKING:
    from odqa.protocols import Encoder, Vectors
    from odqa.settings import Settings

_FALLBACK_LIMIT = 5
_VERSION = 1
"""Raised with every change that alters summaries, so that an index knows which are out of date."""


class ExtractiveSummarizer:
    """Summarize by selection: every statement is the document's own words, or rests on them.

    Args:
        template: "auto" chooses by the document's shape; else a built-in name, the path of a TOML template, or
            a `Template`.
        min_section_words: sections with fewer words get no summary of their own.

    Raises:
        ConfigError: no template has that name, or its file is malformed.
    """

    name = "extractive"

    def __init__(self, template: str | Template = "auto", *, min_section_words: int = 40) -> None:
        if isinstance(template, str) and template != "auto":
            template = named_template(template)
        self.template = template
        self.min_section_words = min_section_words
        known = tuple(TEMPLATES.values()) if isinstance(template, str) else (template,)
        digest = hashlib.sha256(repr((template, known, min_section_words)).encode()).hexdigest()
        self.fingerprint = f"{self.name}-{_VERSION}-{digest[:16]}"

    def summarize(self, parsed: ParsedDocument, vectors: Vectors | None = None) -> list[StructuredSummary]:
        """Return the document's summary first, then one for each section worth one.

        A section is worth one when it has words enough and is not the whole document.

        Args:
            parsed: the document with sections and passages.
            vectors: unit vectors of the passages, shape (n_passages, dimension); sentences of passages near the
                document's mean then count as more central.
        """
        template = resolve_template(self.template, parsed.document)
        analysis = Analysis(parsed)
        found = Found(analysis)
        is_known = vectors is not None and 0 < len(vectors) == len(parsed.passages)
        central = _passage_centrality(vectors) if vectors is not None and is_known else None
        summaries = [_summary(Scope(analysis, None, central), found, template)]
        if len(parsed.sections) > 1:
            scopes = (Scope(analysis, section.index, central) for section in parsed.sections)
            summaries += [_summary(s, found, template) for s in scopes if s.words >= self.min_section_words]
        return summaries


def make_extractive(settings: Settings, encoder: Encoder) -> ExtractiveSummarizer:
    """Return the extractive summarizer with the template that the settings name.

    Raises:
        ConfigError: no template has that name, or its file is malformed.
    """
    return ExtractiveSummarizer(settings.template)


def _passage_centrality(vectors: Vectors) -> Floats:
    """Cosine of each passage's vector to their mean."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    cosine: Floats = vectors.astype(np.float64) @ (mean / norm if norm > 0 else mean)
    return cosine


def _summary(scope: Scope, found: Found, template: Template) -> StructuredSummary:
    fields = []
    for field in template.fields:
        limit = field.limit if scope.section is None else max(1, (field.limit + 1) // 2)
        statements = tuple(FILLERS[field.filler](scope, found, limit)) if len(scope) or scope.blocks else ()
        if statements:
            fields.append(SummaryField(field.name, field.kind, statements))
    if not fields and (statements := tuple(anything(scope, _FALLBACK_LIMIT))):
        fields.append(SummaryField("gist", FieldKind.STATEMENT, statements))
    return StructuredSummary(scope.analysis.document.id, scope.section, template.name, tuple(fields), "extractive")
