"""An explanation as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from odqa.schema import Answerability, Calculation, Conflict, Copy, Evidence, Found, Hop, Trace

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes away."""


def to_dict(found: Found) -> dict[str, Any]:
    """Return everything that retrieval found, and how, as JSON values.

    The keys, spans being `[start, end]` in characters of the document's canonical text:

        version       1
        question      as asked
        evidence      best first, each as `evidence_to_dict` says
        conflicts     {kind: figure|date|version, subject, sides: [{document, title, source, date, span, value}]}
        answerability {probability, threshold, answerable, reason, signals: {name: number}}, or null
        trace         as `trace_to_dict` says

    Args:
        found: what retrieval has to say about a question.
    """
    return {
        "version": SCHEMA_VERSION,
        "question": found.trace.question,
        "evidence": [evidence_to_dict(item, found.conflicts) for item in found.evidence],
        "conflicts": [conflict_to_dict(conflict) for conflict in found.conflicts],
        "answerability": answerability_to_dict(found.answerability),
        "trace": trace_to_dict(found.trace),
    }


def evidence_to_dict(item: Evidence, conflicts: Sequence[Conflict] | None = None) -> dict[str, Any]:
    """Return a piece of evidence as JSON values.

    Its keys are those that the evidence of an answer has always had (`odqa.reader.render.to_dict`: document, title,
    source, section, passage, span, text, score, scores, path), and:

        path         {kind: question|query|document|entry|passage|link, label, score}, question first, and where they
                     are known link (hyperlink|cell|title|name), document and span
        copies       {document, title, source, span, similarity}: other places that say the same
        calculations {operation, statement, value, unit, cells: [span], confidence}
        conflicts    positions in the list of conflicts

    Args:
        item: the evidence.
        conflicts: the list that positions count in; the evidence's own if None.
    """
    known = item.conflicts if conflicts is None else conflicts
    return {
        "document": item.document.id,
        "title": item.document.title,
        "source": item.document.source or item.document.id,
        "section": list(item.section.path),
        "passage": item.passage.index,
        "span": list(item.passage.span),
        "text": item.text,
        "score": _number(item.score),
        "scores": _numbers(item.scores),
        "path": [_hop(hop) for hop in item.path],
        "copies": [_copy(copy) for copy in item.copies],
        "calculations": [_calculation(calculation) for calculation in item.calculations],
        "conflicts": [list(known).index(conflict) for conflict in item.conflicts],
    }


def trace_to_dict(trace: Trace) -> dict[str, Any]:
    """Return how evidence was found as JSON values.

    The keys: question; hops, how many were allowed, and why; queries, what else was asked; stages
    `{name, seconds, detail}` in order; cut `{label, document, reason, score, detail}`, with reason `rank`, `copy`,
    `not opened` or `reranked`, the best first; settings by name.
    """
    return {
        "question": trace.question,
        "hops": trace.hops,
        "why": trace.why,
        "queries": list(trace.queries),
        "stages": [
            {"name": stage.name, "seconds": _number(stage.seconds), "detail": stage.detail} for stage in trace.stages
        ],
        "cut": [
            {
                "label": cut.label,
                "document": cut.document_id,
                "reason": cut.reason.value,
                "score": _number(cut.score),
                "detail": cut.detail,
            }
            for cut in trace.cut
        ],
        "settings": dict(trace.settings),
    }


def answerability_to_dict(known: Answerability | None) -> dict[str, Any] | None:
    """Return whether the evidence answers the question as JSON values; None where it was not computed."""
    if known is None:
        return None
    return {
        "probability": _number(known.probability),
        "threshold": _number(known.threshold),
        "answerable": bool(known.answerable),
        "reason": known.reason,
        "signals": _numbers(known.signals),
    }


def conflict_to_dict(conflict: Conflict) -> dict[str, Any]:
    """Return a disagreement as JSON values."""
    sides = [
        {
            "document": side.document_id,
            "title": side.title,
            "source": side.source,
            "date": side.date,
            "span": list(side.span),
            "value": side.value,
        }
        for side in conflict.sides
    ]
    return {"kind": conflict.kind.value, "subject": conflict.subject, "sides": sides}


def _hop(hop: Hop) -> dict[str, Any]:
    value: dict[str, Any] = {"kind": hop.kind.value, "label": hop.label, "score": _number(hop.score)}
    if hop.link is not None:
        value["link"] = hop.link.value
    if hop.document_id:
        value["document"] = hop.document_id
    if hop.span is not None:
        value["span"] = list(hop.span)
    return value


def _copy(copy: Copy) -> dict[str, Any]:
    return {
        "document": copy.document_id,
        "title": copy.title,
        "source": copy.source,
        "span": list(copy.span),
        "similarity": _number(copy.similarity),
    }


def _calculation(calculation: Calculation) -> dict[str, Any]:
    value = calculation.value
    return {
        "operation": calculation.operation,
        "statement": calculation.statement,
        "value": value if isinstance(value, str) else _number(value),
        "unit": calculation.unit,
        "cells": [list(span) for span in calculation.cells],
        "confidence": _number(calculation.confidence),
    }


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    """Return a number as JSON has it, NumPy's too; None for what is none."""
    number = float(value)
    return number if math.isfinite(number) else None
