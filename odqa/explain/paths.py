"""The paths to all evidence as one tree or one graph: what several paths share is there once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from odqa.explain.labels import is_question, place
from odqa.schema import Evidence, Found, Hop, HopKind

_TURNS = (HopKind.LINK, HopKind.QUERY)


@dataclass(slots=True)
class Step:
    """A step of one or more paths.

    Attributes:
        hop: the step.
        evidence: ranks, from 1, of the evidence whose paths end here; more than one only if a passage is listed twice.
        next: the steps that follow, in the order of the best evidence that they lead to.
    """

    hop: Hop
    evidence: list[int] = field(default_factory=list)
    next: dict[Hashable, Step] = field(default_factory=dict)


def merge_paths(found: Found) -> Step:
    """Return the tree of all paths, the question at its root; shared beginnings are merged."""
    root = Step(Hop(HopKind.QUESTION, found.trace.question))
    for rank, item in enumerate(found.evidence, 1):
        step = root
        for hop in complete_path(item):
            step = step.next.setdefault(identity(hop), Step(hop))
        step.evidence.append(rank)
    return root


def complete_path(item: Evidence) -> list[Hop]:
    """Return the hops to a piece of evidence behind the question, with the document and span where they lack them.

    A path always ends in the evidence's own passage. Between two links or queries, hops stand in one document.
    """
    hops = [hop for hop in item.path if not is_question(hop)]
    if not hops or hops[-1].kind is not HopKind.PASSAGE:
        hops.append(Hop(HopKind.PASSAGE, place(item), item.score))
    hops[-1] = replace(hops[-1], document_id=item.document.id, span=item.passage.span)
    document_id = item.document.id
    for position in range(len(hops) - 1, -1, -1):
        hop = hops[position]
        if hop.kind in _TURNS:
            document_id = ""
        else:
            document_id = hop.document_id or document_id
            hops[position] = replace(hop, document_id=document_id)
    return hops


def identity(hop: Hop) -> Hashable:
    """Return what two hops have in common that are the same place: not their scores, and of passages not the label."""
    if hop.kind is HopKind.PASSAGE and hop.span is not None:
        return hop.kind, hop.document_id, hop.span
    if hop.kind is HopKind.DOCUMENT and hop.document_id:
        return hop.kind, hop.document_id
    return hop.kind, hop.document_id, hop.label, hop.link
