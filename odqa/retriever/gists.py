"""What the documents of the evidence are about, for a reader that wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from odqa.schema import Evidence

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot


def with_gists(snapshot: Snapshot, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return evidence with the gist of each document's structured summary.

    Args:
        snapshot: where the summaries are.
        evidence: what was found.
    """
    gists: dict[str, str] = {}
    for item in evidence:
        id_ = item.document.id
        if id_ not in gists:
            number = snapshot.by_id.get(id_)
            # A writer may have removed it after it was found.
            summaries = () if number is None else snapshot.summaries(number)
            gists[id_] = next((summary.gist for summary in summaries if summary.section is None), "")
    return tuple(replace(item, summary=gists[item.document.id]) for item in evidence)
