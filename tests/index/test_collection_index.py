"""The collection level of an index: made on first use, kept in the cache, brought up to date after a write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from odqa.engine import Engine
from odqa.schema import Collection
from odqa.settings import Settings
from tests.towns import town, towns

SETTINGS = Settings(encoder="hashing", pooling=4)


def build(path: Path, count: int) -> Engine:
    return Engine.build(towns(count, paragraphs=3), path, settings=SETTINGS)


def kept(engine: Engine) -> Path:
    return engine.path / "cache" / engine.snapshot.manifest.stamp / "collection.json"


def check(engine: Engine, collection: Collection) -> None:
    """Every document is in one leaf, and every mention is of characters that the document has."""
    documents = [id_ for id_, _ in engine.documents()]
    assert sorted(collection.root.documents) == sorted(documents)
    for cluster in (collection.root, *collection.root.leaves):
        for field in cluster.fields:
            for statement in field.statements:
                assert statement.mentions
                for mention in statement.mentions:
                    text = engine.document(mention.document_id).text
                    assert mention.spans
                    assert all(0 <= span.start < span.end <= len(text) for span in mention.spans)


def test_it_is_made_on_first_use_and_then_kept(tmp_path: Path) -> None:
    with build(tmp_path / "t.odqa", 12) as engine:
        assert not kept(engine).exists()
        made = engine.collection()
        check(engine, made)
        assert made.summarized == len(list(made.root.leaves)) == 3
        assert engine.collection() is made
        data = kept(engine).read_bytes()
    with Engine.open(tmp_path / "t.odqa") as engine:
        assert engine.collection().summarized == 0
        assert engine.collection().root == made.root
        assert kept(engine).read_bytes() == data


def test_after_a_write_only_what_changed_is_summarized(tmp_path: Path) -> None:
    with build(tmp_path / "t.odqa", 16) as engine:
        first = engine.collection()
        engine.add(town(40, paragraphs=3))
        second = engine.collection()
        check(engine, second)
        assert (first.summarized, second.summarized) == (4, 1)
        engine.remove("towns/0003.txt")
        third = engine.collection()
        check(engine, third)
        assert third.summarized == 1
        engine.add(town(5, paragraphs=3, edition=2))
        check(engine, engine.collection())
        assert 1 <= engine.collection().summarized <= 2  # it may have moved from one cluster to another
        before = engine.collection().root
        engine.compact()
        assert engine.collection().summarized == 0
        assert engine.collection().root == before


def test_the_same_documents_give_the_same_bytes_however_they_came(tmp_path: Path) -> None:
    with build(tmp_path / "a.odqa", 12) as one, build(tmp_path / "b.odqa", 5) as other:
        other.add(towns(12, paragraphs=3)[::-1])
        assert one.collection().root == other.collection().root
        assert kept(one).read_bytes() == kept(other).read_bytes()


@pytest.mark.parametrize("damage", [b"", b"{}\n{}", b"nonsense"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    with build(tmp_path / "t.odqa", 9) as engine:
        made, data = engine.collection(), kept(engine).read_bytes()
        kept(engine).write_bytes(damage)
    with Engine.open(tmp_path / "t.odqa") as engine:
        assert engine.collection().root == made.root
        assert engine.collection().summarized == 3
        assert kept(engine).read_bytes() == data


def test_a_file_of_another_index_is_not_believed(tmp_path: Path) -> None:
    with build(tmp_path / "a.odqa", 12) as one:
        one.collection()
        stolen = kept(one)
        documents = [town(number, paragraphs=3) for number in range(20, 32)]
        with Engine.build(documents, tmp_path / "b.odqa", settings=SETTINGS) as other:
            shutil.copyfile(stolen, kept(other))
            check(other, other.collection())


def test_without_a_cache_that_can_be_written_it_is_made_all_the_same(tmp_path: Path) -> None:
    build(tmp_path / "t.odqa", 9).close()
    shutil.rmtree(tmp_path / "t.odqa" / "cache")
    (tmp_path / "t.odqa" / "cache").write_text("not a folder")
    with Engine.open(tmp_path / "t.odqa") as engine:
        check(engine, engine.collection())
        assert engine.collection() is engine.collection()


def test_an_empty_index_has_an_empty_collection(tmp_path: Path) -> None:
    with Engine.build([], tmp_path / "t.odqa", settings=SETTINGS) as engine:
        assert engine.collection().root.documents == ()
        engine.add(town(1))
        check(engine, engine.collection())
