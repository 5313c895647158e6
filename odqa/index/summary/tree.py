"""The tree that a person reads: collection, clusters, documents, sections, each with what it says.

Nodes are made as they are walked, so that the tree of a large index costs no more memory than a few documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from odqa.schema import (
    CitedField,
    CitedStatement,
    Cluster,
    Collection,
    Document,
    Mention,
    NodeKind,
    Section,
    Span,
    StructuredSummary,
    TreeNode,
)

if TYPE_CHECKING:
    from odqa.index.collection.corpus import Corpus

_DEPTHS = {kind: depth for depth, kind in enumerate(NodeKind)}


class SummaryTree:
    """A collection as nodes.

    Args:
        title: what a person calls the collection.
        corpus: its documents.
        collection: its clusters.
        threshold: support under which a statement counts as unsupported.
        deepest: the last kind of node that it shows.
    """

    def __init__(
        self,
        title: str,
        corpus: Corpus,
        collection: Collection,
        threshold: float,
        deepest: NodeKind = NodeKind.SECTION,
    ) -> None:
        self.title, self.collection = title, collection
        self.threshold, self.deepest = threshold, deepest
        self._corpus = corpus

    def __len__(self) -> int:
        """The number of documents."""
        return len(self._corpus.ids)

    @property
    def characters(self) -> int:
        """About how long the texts of all documents are together."""
        return self._corpus.characters

    @property
    def root(self) -> TreeNode:
        """The node of the whole collection."""
        whole = self.collection.root
        return TreeNode(NodeKind.COLLECTION, "", self.title, whole.fields, len(whole.documents))

    def __iter__(self) -> Iterator[tuple[int, TreeNode]]:
        """Yield every node with its depth, a node before its children and these in order; the root has depth 0."""
        yield 0, self.root
        yield from self._below(self.collection.root, 1)

    def document_node(self, document_id: str) -> TreeNode:
        """Return the node of a document."""
        row = self._rows[document_id]
        own = self._corpus.summary(row)
        fields = _fields(own)
        title = self._corpus.titles[row] or document_id
        template, method = (own.schema, own.method) if own is not None else ("", "")
        return TreeNode(NodeKind.DOCUMENT, document_id, title, fields, template=template, method=method)

    def sections(self, document_id: str) -> Iterator[tuple[int, TreeNode]]:
        """Yield the sections of a document with their depth below it, from 1; none for a document of one section."""
        row = self._rows[document_id]
        sections = self._corpus.parsed(row).sections
        summaries = {summary.section: summary for summary in self._corpus.summaries(row)}
        if len(sections) > 1:
            for depth, section in _nested(sections, self._corpus.titles[row]):
                summary = summaries.get(section.index)
                if summary is not None or section.title:
                    yield depth, _section_node(document_id, section, summary)

    def document(self, document_id: str) -> Document:
        """Return a document with its text."""
        return self._corpus.parsed(self._rows[document_id]).document

    def cited(self, document_id: str) -> set[Span]:
        """Return all characters of a document that its summaries point to."""
        fields = (field for summary in self._corpus.summaries(self._rows[document_id]) for field in summary.fields)
        return {span for field in fields for statement in field.statements for span in statement.spans}

    def number(self, document_id: str) -> int:
        """Return the place of a document in the order of ids, from 1."""
        return self._rows[document_id] + 1

    def is_unsupported(self, statement: CitedStatement) -> bool:
        """Tell whether a statement was generated and is not borne out by its document."""
        return statement.support < self.threshold

    def shows(self, kind: NodeKind) -> bool:
        """Tell whether nodes of a kind belong to the tree."""
        return _DEPTHS[kind] <= _DEPTHS[self.deepest]

    def _below(self, cluster: Cluster, depth: int) -> Iterator[tuple[int, TreeNode]]:
        for child in cluster.children if self.shows(NodeKind.CLUSTER) else ():
            yield depth, cluster_node(child)
            yield from self._below(child, depth + 1)
        for document_id in cluster.members if self.shows(NodeKind.DOCUMENT) else ():
            yield depth, self.document_node(document_id)
            if self.shows(NodeKind.SECTION):
                for below, node in self.sections(document_id):
                    yield depth + below, node

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {id_: row for row, id_ in enumerate(self._corpus.ids)}


def cluster_node(cluster: Cluster) -> TreeNode:
    """Return the node of a cluster."""
    return TreeNode(NodeKind.CLUSTER, cluster.id, cluster.title, cluster.fields, len(cluster.documents))


def _section_node(document_id: str, section: Section, summary: StructuredSummary | None) -> TreeNode:
    fields = _fields(summary)
    named = [statement.text for field in fields if field.kind.value == "term" for statement in field.statements]
    title = section.title or ", ".join(named[:3]) or f"Section {section.index + 1}"
    template, method = (summary.schema, summary.method) if summary is not None else ("", "")
    return TreeNode(
        NodeKind.SECTION,
        document_id,
        title,
        fields,
        section=section.index,
        span=section.span,
        template=template,
        method=method,
    )


def _fields(summary: StructuredSummary | None) -> tuple[CitedField, ...]:
    """Return the fields of a summary with the document named in every statement."""
    if summary is None:
        return ()
    return tuple(
        CitedField(
            field.name,
            field.kind,
            tuple(
                CitedStatement(s.text, (Mention(summary.document_id, s.spans),), s.weight, s.label, s.support)
                for s in field.statements
            ),
        )
        for field in summary.fields
    )


def _nested(sections: Sequence[Section], title: str) -> Iterator[tuple[int, Section]]:
    """Yield sections with their depth, from 1: under the last heading of a lower level.

    The heading that repeats the document's title holds nothing together that the document does not.
    """
    above: list[int] = []
    for section in sections:
        if section.level:
            while above and above[-1] >= section.level:
                above.pop()
            yield len(above) + 1, section
            if section.title.casefold() != title.casefold():
                above.append(section.level)
        else:
            above.clear()
            yield 1, section
