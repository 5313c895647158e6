"""Tables and texts judged by themselves, where one ranking holds both."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.evaluate.retrieval.kinds import judge_kinds, score_kinds, table_documents
from odqa.settings import Settings
from tests.towns import towns


def test_documents_with_rows_are_tables(tmp_path: Path) -> None:
    builder = DocumentBuilder("t", title="Ferries")
    builder.table([["Ferry", "Cost"], ["Orrin", "2"]])
    with Engine.build(
        [*towns(2), builder.build()], tmp_path / "k.odqa", settings=Settings(encoder="hashing")
    ) as engine:
        assert table_documents(engine.snapshot) == {"t"}


def test_each_kind_is_ranked_by_itself() -> None:
    tables = frozenset({"t1", "t2"})
    judgements = {"q": [frozenset({"t2"}), frozenset({"a", "b"})], "only": [frozenset({"t1"})]}
    judged = judge_kinds(judgements, tables)
    assert judged == {
        "tables": {"q": [frozenset({"t2"})], "only": [frozenset({"t1"})]},
        "texts": {"q": [frozenset({"a", "b"})]},
    }
    rows = score_kinds(judged, {"q": ["x", "t1", "b", "t2"], "only": ["a"]}, tables, [1, 2])
    assert rows["q"] == pytest.approx(
        {"tables_pieces@1": 0, "tables_pieces@2": 1, "texts_pieces@1": 0, "texts_pieces@2": 1}
    )
    assert rows["only"] == pytest.approx({"tables_pieces@1": 0, "tables_pieces@2": 0})


def test_a_collection_of_one_kind_has_no_such_figures() -> None:
    assert judge_kinds({"q": [frozenset({"a"})]}, frozenset()) == {}
    assert judge_kinds({"q": [frozenset({"t"})]}, frozenset({"t"})) == {}
