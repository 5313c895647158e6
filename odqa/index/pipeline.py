"""What an index was made with, as fingerprints: what is to be made anew when some of it changes, and what is not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.index import pool

if TYPE_CHECKING:
    from odqa.protocols import Encoder, Summarizer
    from odqa.settings import Settings

VERSION = 2
"""Raised with every change of how documents are read and cut into passages."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that decides what a document becomes in the index, apart from the document, as three fingerprints.

    Attributes:
        encoding: of passages and their vectors.
        summary: of the structured summaries.
        pooling: of the pooled entries.
    """

    encoding: str
    summary: str
    pooling: str

    def __str__(self) -> str:
        return f"{self.encoding}-{self.summary}-{self.pooling}"

    def keeps_vectors(self, other: str) -> bool:
        """Tell whether passages and vectors made by the pipeline written as `other` are those of this one."""
        return other.split("-")[:1] == [self.encoding]

    def keeps_summaries(self, other: str) -> bool:
        """Tell whether the summaries made by the pipeline written as `other` are those of this one too."""
        return other.split("-")[:2] == [self.encoding, self.summary]


def make_pipeline(settings: Settings, encoder: Encoder, summarizer: Summarizer) -> Pipeline:
    """Return the pipeline that settings, encoder and summarizer make."""
    return Pipeline(
        _fingerprint(VERSION, settings.passage_tokens, encoder.fingerprint),
        _fingerprint(settings.summarizer, settings.template, summarizer.fingerprint),
        _fingerprint(pool.VERSION, settings.pooling, encoder.fingerprint),
    )


def _fingerprint(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
