"""Small collections for tests of links, written without what links do not need."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.files import HashMemory
from odqa.index.links.graph import LinkGraph, open_links
from odqa.index.manifest import Manifest, commit
from odqa.index.segment import write_segment
from odqa.index.snapshot import Snapshot
from odqa.index.tables import IndexedDocument
from odqa.schema import Document, MetadataValue

FILLER = "The river rose in spring and the mill stood idle for a month while the men waited for stone."


def page(id_: str, title: str, *paragraphs: str, **metadata: MetadataValue) -> Document:
    builder = DocumentBuilder(id_, title=title)
    for paragraph in paragraphs or (FILLER,):
        builder.paragraph(paragraph)
    return builder.build(metadata)


def links_of(path: Path, *documents: Document) -> tuple[Snapshot, LinkGraph]:
    """Write documents as one segment, with nothing that links do not need, which takes a tenth of a build's time."""
    parsed = [parse(document, lambda texts: [len(text.split()) for text in texts]) for document in documents]
    items = [
        IndexedDocument(one, (), (), np.zeros((len(one.passages), 4), np.float32), np.zeros(4, np.float32), "")
        for one in parsed
    ]
    memory = HashMemory(path / "hashes.json")
    segments = (write_segment(path / "l.odqa" / "segments", items, 4, memory),)
    commit(path / "l.odqa", Manifest(1, segments, {}, {}, {"dimension": 4}))
    snapshot = Snapshot.open(path / "l.odqa")
    return snapshot, open_links(snapshot)


def everywhere(snapshot: Snapshot) -> np.ndarray:
    return np.arange(int(snapshot.first_passage[-1]))
