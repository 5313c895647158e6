"""The collection level of a corpus: made once, then changed only where documents came or went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.collection.clustering import nearest, partition
from odqa.index.collection.corpus import Corpus, SnapshotCorpus, unit
from odqa.index.collection.summarize import Counts, count, summarize_clusters, summarize_documents
from odqa.index.collection.terms import KEPT, class_tfidf, total_weights
from odqa.schema import CitedField, Cluster, Collection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROWN, _SHRUNK = 1.5, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A cluster of documents, as it is kept from one generation to the next.

    Attributes:
        id: its name.
        title: its title.
        fields: its summary.
        keys: keys of its documents, nearest to the centre first.
        centre: normalised mean of their vectors, shape (dimension,).
        terms: weights of its heaviest terms, for comparison with other clusters.
    """

    id: str
    title: str
    fields: tuple[CitedField, ...]
    keys: NDArray[np.uint64]
    centre: NDArray[np.float32]
    terms: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """All leaves of a collection.

    Attributes:
        clustered: number of documents when they were last clustered afresh.
        threshold: support from which a generated statement could speak for a cluster.
        leaves: in the order of their names.
    """

    clustered: int
    threshold: float
    leaves: tuple[Leaf, ...]


def open_collection(corpus: SnapshotCorpus, *, threshold: float) -> Collection:
    """Return the collection level of a generation: as it was kept, or brought up to date from what was kept.

    What had to be made is kept in the cache of the generation, if that can be written.

    Args:
        corpus: the documents of the generation.
        threshold: support from which a generated statement may speak for a cluster.
    """
    from odqa.index.collection.storage import NAME, read, write

    snapshot = corpus.snapshot
    path = snapshot.index / "cache" / snapshot.manifest.stamp / NAME
    kept = read(path, snapshot.dimension)
    leaves, summarized = update(corpus, kept, threshold=threshold)
    if not _mentioned(leaves) <= set(corpus.ids):
        leaves, summarized = update(corpus, None, threshold=threshold)  # The file was not made from this index.
    if leaves is not kept:
        with suppress(OSError):
            write(path, leaves)
    return compose(corpus, leaves, summarized)


def make_collection(corpus: Corpus, *, threshold: float) -> Collection:
    """Return the collection level of documents that no index keeps."""
    return compose(corpus, *update(corpus, None, threshold=threshold))


def update(corpus: Corpus, kept: Leaves | None, *, threshold: float) -> tuple[Leaves, int]:
    """Bring leaves up to date, and say how many of them had to be summarized.

    New documents go to the nearest cluster and removed ones leave theirs; only the clusters that this changes are
    summarized again. Once the documents are half as many again as when they were clustered, or half as many, all
    are clustered afresh.

    Args:
        corpus: the documents as they are now.
        kept: the leaves as they were; None where there are none.
        threshold: support from which a generated statement may speak for a cluster.
    """
    documents = len(corpus.ids)
    if kept is None or not kept.leaves or kept.threshold != threshold or _is_outgrown(kept.clustered, documents):
        members = {name: list(rows) for name, rows in _partition(corpus).items()}
        made = _summarize(corpus, members, {}, threshold)
        return Leaves(documents, threshold, tuple(made.values())), len(made)
    members = _moved(corpus, kept.leaves)
    changed = {name: rows for name, rows in members.items() if rows}
    unchanged = {leaf.id: leaf for leaf in kept.leaves if leaf.id not in members}
    if not members:
        return kept, 0
    made = _summarize(corpus, changed, unchanged, threshold)
    together = {**unchanged, **made}
    ordered = tuple(together[leaf.id] for leaf in kept.leaves if leaf.id in together)
    return Leaves(kept.clustered, threshold, ordered), len(made)


def _is_outgrown(clustered: int, documents: int) -> bool:
    return not _SHRUNK < documents / max(clustered, 1) < _GROWN


def _mentioned(leaves: Leaves) -> set[str]:
    statements = (s for leaf in leaves.leaves for field in leaf.fields for s in field.statements)
    return {mention.document_id for statement in statements for mention in statement.mentions}


def _partition(corpus: Corpus) -> Mapping[str, NDArray[np.int64]]:
    return partition(corpus.vectors) if len(corpus.ids) else {}


def _moved(corpus: Corpus, leaves: Iterable[Leaf]) -> dict[str, list[int]]:
    """Return the rows of the leaves whose documents have changed; of a leaf that lost all of them, none."""
    row_of = {int(key): row for row, key in enumerate(corpus.keys)}
    before = {leaf.id: [int(key) for key in leaf.keys] for leaf in leaves}
    now = {name: [row_of[key] for key in keys if key in row_of] for name, keys in before.items()}
    placed = {row for rows in now.values() for row in rows}
    touched = {name for name, keys in before.items() if len(now[name]) != len(keys)}
    new = [row for row in range(len(corpus.ids)) if row not in placed]
    if new:
        names = list(before)
        centres = np.stack([leaf.centre for leaf in leaves])
        for row, number in zip(new, nearest(corpus.vectors[new], centres).tolist(), strict=True):
            now[names[number]].append(row)
            touched.add(names[number])
    return {name: now[name] for name in before if name in touched}


def _summarize(
    corpus: Corpus, members: Mapping[str, list[int]], others: Mapping[str, Leaf], threshold: float
) -> dict[str, Leaf]:
    """Summarize clusters in the light of the others, which stay as they are."""
    centres: dict[str, NDArray[np.float32]] = {}
    ordered: dict[str, list[int]] = {}
    counts: dict[str, Counts] = {}
    for name, rows in members.items():
        own = corpus.vectors[rows]
        centres[name] = unit(own.mean(axis=0, dtype=np.float64).astype(np.float32))
        # Rounded, so that another order of summation does not change the order of documents.
        near = np.round(own @ centres[name], 5)
        ordered[name] = [rows[i] for i in np.lexsort((np.array(rows), -near))]
        counts[name] = count(corpus, ordered[name])
    weights = {name: found.weights(KEPT) for name, found in counts.items()}
    total = total_weights([*weights.values(), *(leaf.terms for leaf in others.values())])
    made = {}
    for name, rows in ordered.items():
        title, fields = summarize_documents(
            corpus, rows, centres[name], counts[name], total, len(members) + len(others), threshold
        )
        made[name] = Leaf(name, title, fields, corpus.keys[rows], centres[name], weights[name])
    return made


def compose(corpus: Corpus, leaves: Leaves, summarized: int) -> Collection:
    """Put leaves together as one collection: the largest cluster first, under clusters of clusters if there are any."""
    id_of = {int(key): id_ for key, id_ in zip(corpus.keys, corpus.ids, strict=True)}

    def cluster(leaf: Leaf) -> Cluster:
        return Cluster(leaf.id, leaf.title, leaf.fields, tuple(id_of[int(key)] for key in leaf.keys))

    if len(leaves.leaves) < 2:
        one = [cluster(leaf) for leaf in leaves.leaves] or [Cluster("", "", ())]
        return Collection(Cluster("", one[0].title, one[0].fields, one[0].members), summarized, leaves.clustered)
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves.leaves:
        groups.setdefault(leaf.id.rpartition(".")[0], []).append(leaf)
    terms = {name: total_weights(leaf.terms for leaf in own) for name, own in groups.items()}
    total = total_weights(terms.values())
    children = []
    for name, own in groups.items():
        inside = sorted(map(cluster, own), key=lambda c: -len(c.members))
        if name:
            children.append(summarize_clusters(name, inside, class_tfidf(terms[name], total, len(groups))))
        else:
            children += inside
    children.sort(key=lambda c: -len(c.documents))
    root = summarize_clusters("", children, class_tfidf(total, total, 1))
    return Collection(root, summarized, leaves.clustered)
