"""Figures of tables and of texts by themselves, where a collection has both and questions need both.

A question over tables has a table to find and then a passage that a cell of it leads to (OTT-QA: Chen et al. 2021).
One ranking holds both; each kind is also judged in the order in which that ranking has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from odqa.evaluate.measures import Judgements, score_run
from odqa.schema import PassageKind

if TYPE_CHECKING:
    from odqa.evaluate.retrieval.trec import Run
    from odqa.index.snapshot import Snapshot

KINDS = ("tables", "texts")
DEEPER = 3
"""How much deeper to rank where the two share a ranking."""


def table_documents(snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of the documents that have rows of a table among their passages."""
    found: set[str] = set()
    for segment in snapshot.segments:
        kinds, first = segment.tables["passages"]["kind"].to_pylist(), segment.offsets["passages"]
        rows = [place for place, kind in enumerate(kinds) if kind == PassageKind.ROW]
        documents = set((first.searchsorted(rows, side="right") - 1).tolist())
        found.update(segment.ids[document] for document in documents)
    return frozenset(found)


def judge_kinds(judgements: Judgements, tables: frozenset[str]) -> dict[str, dict[str, list[frozenset[str]]]]:
    """Return the pieces of evidence that are tables, and those that are not, by question; empty unless both occur."""
    judged: dict[str, dict[str, list[frozenset[str]]]] = {kind: {} for kind in KINDS}
    for question, pieces in judgements.items():
        for kind, wanted in zip(KINDS, (True, False), strict=True):
            if own := [piece for piece in pieces if all((id_ in tables) is wanted for id_ in piece)]:
                judged[kind][question] = own
    return judged if all(judged.values()) else {}


def score_kinds(
    judged: Mapping[str, Judgements], run: Run, tables: frozenset[str], cutoffs: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Return `tables_pieces@k` and `texts_pieces@k` by question: the share of its tables, or texts, that are found.

    Args:
        judged: by `judge_kinds`.
        run: ids of documents of both kinds, best first.
        tables: ids of those that are tables.
        cutoffs: depths, counted in documents of the one kind.
    """
    rows: dict[str, dict[str, float]] = {}
    for kind, judgements in judged.items():
        own = {
            question: [id_ for id_ in run.get(question, ()) if (id_ in tables) is (kind == "tables")]
            for question in judgements
        }
        for question, row in score_run(judgements, own, cutoffs).items():
            shown = {f"{kind}_{name}": value for name, value in row.items() if name.startswith("pieces@")}
            rows.setdefault(question, {}).update(shown)
    return rows
