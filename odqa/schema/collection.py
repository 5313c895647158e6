"""A collection as a person reads it: clusters of documents with summaries of their own, and the tree over them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from odqa.schema.document import Span
from odqa.schema.summary import FieldKind


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters of one document that a statement rests on (never empty)."""

    document_id: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class CitedStatement:
    """A statement that may rest on several documents.

    Attributes:
        text: the statement as a person reads it.
        mentions: what it rests on, the document nearest to what is summarized first; a few of many.
        weight: importance within its field, 0–1.
        label: for dates the normalised date, for figures the unit, for entities the kind; else "".
        support: how well its document supports it, 0–1, as a verifier scored it; 1 for a document's own words.
        documents: how many documents say so.
    """

    text: str
    mentions: tuple[Mention, ...]
    weight: float = 1.0
    label: str = ""
    support: float = 1.0
    documents: int = 1


@dataclass(frozen=True, slots=True)
class CitedField:
    """One named field of a cluster's summary, or of a node of the tree."""

    name: str
    kind: FieldKind
    statements: tuple[CitedStatement, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that belong together, and what they say: a leaf, or a cluster of clusters.

    Attributes:
        id: "" for the whole collection, else a number for each level, as in `3` and `3.2`; it lasts until the
            documents are clustered afresh.
        title: its most distinctive terms; the title of the document where it has only one.
        fields: `gist`, `key_terms`, `entities`, `period` (the earliest and the latest date), `figures` and
            `questions`, those that have something to say.
        members: ids of the documents of a leaf, nearest to its centre first; empty for a cluster of clusters.
        children: the clusters of a cluster of clusters.
    """

    id: str
    title: str
    fields: tuple[CitedField, ...]
    members: tuple[str, ...] = ()
    children: tuple[Cluster, ...] = ()

    def __getitem__(self, name: str) -> tuple[CitedStatement, ...]:
        """Return the statements of the field called `name`; empty where the cluster lacks it."""
        return next((f.statements for f in self.fields if f.name == name), ())

    @property
    def documents(self) -> tuple[str, ...]:
        """Ids of all its documents, cluster by cluster, nearest to the centre first."""
        return self.members + tuple(id_ for child in self.children for id_ in child.documents)

    @property
    def leaves(self) -> Iterator[Cluster]:
        """The clusters that hold documents, in order."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves


@dataclass(frozen=True, slots=True)
class Collection:
    """All documents of an index as clusters.

    Attributes:
        root: the whole collection; a collection too small to cluster is one leaf.
        summarized: leaves that were summarized from their documents to make this; the others were kept from before.
        clustered: number of documents when they were last clustered afresh.
    """

    root: Cluster
    summarized: int
    clustered: int

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The clusters of the topmost level; the whole where there is only one."""
        return self.root.children or (self.root,)


class NodeKind(StrEnum):
    """What a node of the tree stands for, from the outside in."""

    COLLECTION = "collection"
    CLUSTER = "cluster"
    DOCUMENT = "document"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One node of the tree that a person reads.

    Attributes:
        kind: what it stands for.
        id: of the cluster or the document; a section has its document's.
        title: of the document or section, or the cluster's terms.
        fields: its summary; empty for a section too short for one.
        documents: number of documents below it, itself included.
        section: index of the section; None for all else.
        span: characters of the section; None for all else.
        template: template of a document's summary; else "".
        method: who made the summary, e.g. `extractive`.
    """

    kind: NodeKind
    id: str
    title: str
    fields: tuple[CitedField, ...]
    documents: int = 1
    section: int | None = None
    span: Span | None = None
    template: str = ""
    method: str = "extractive"

    def __getitem__(self, name: str) -> tuple[CitedStatement, ...]:
        """Return the statements of the field called `name`; empty where the node lacks it."""
        return next((f.statements for f in self.fields if f.name == name), ())
