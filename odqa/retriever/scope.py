"""Where to look for evidence: what a caller says, and what the retriever is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypedDict

from odqa.errors import UsageError
from odqa.schema import Answerability, Found, Trace

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot


class SearchOptions(TypedDict, total=False):
    """What a caller may say.

    Attributes:
        exhaustive: score every passage of the collection instead of those in the selected documents.
        within: ids of the documents to look in.
        where: a condition on the documents' metadata, such as `year >= 2019 and type = report`.
        hops: most steps from the question to its evidence.
    """

    exhaustive: bool
    within: str | Iterable[str] | None
    where: str | None
    hops: int | None


class Scope(TypedDict):
    """What the retriever is told, documents by their numbers."""

    exhaustive: bool
    within: list[int] | None
    hops: int | None


def make_scope(snapshot: Snapshot, options: SearchOptions, within: Sequence[int] | None) -> Scope:
    """Return the scope that options describe.

    Args:
        snapshot: the collection.
        options: as the caller gave them.
        within: numbers of the documents that they name; None for all.

    Raises:
        UsageError: `hops` is below one, or the condition cannot be understood.
    """
    hops = options.get("hops")
    if hops is not None and hops < 1:
        raise UsageError(f"hops must be at least 1, not {hops}", "1 follows no links")
    inside = None if within is None else list(within)
    if where := options.get("where"):
        from odqa.retriever.conditions import parse_where
        from odqa.retriever.where import matching

        fitting = matching(snapshot, parse_where(where)).tolist()
        inside = fitting if inside is None else sorted(set(inside) & set(fitting))
    return {"exhaustive": options.get("exhaustive", False), "within": inside, "hops": hops}


def nothing_fits(question: str, options: SearchOptions) -> Found:
    """Return what is found where no document may be looked in."""
    reason = f"No document fits the condition ‘{options.get('where')}’."
    return Found((), Trace(question, why="no document to look in"), Answerability(0.0, 1.0, reason))
