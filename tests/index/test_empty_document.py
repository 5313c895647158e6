"""A document without text is a document: it is indexed, and finds nothing."""

from __future__ import annotations

from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.settings import Settings
from tests.towns import town


def test_a_document_without_text_is_indexed_and_never_found(tmp_path: Path) -> None:
    empty = DocumentBuilder("empty", title="Works at Nowhere").build()
    with Engine.build([town(0), empty], tmp_path / "t.odqa", settings=Settings(encoder="hashing")) as engine:
        assert [id_ for id_, _ in engine.documents()] == [town(0).id, "empty"]
        assert {found.document.id for found in engine.search("What are the works at Nowhere?")} == {town(0).id}
