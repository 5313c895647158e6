"""Building, adding, changing and removing: what is in the index is what was put in, however it got there."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from odqa.engine import Engine
from odqa.errors import ConfigError, IndexLocked, IndexMismatch, IndexMissing, UsageError
from odqa.index.codes import choose_code
from odqa.index.manifest import commit, read_manifest, writer_lock
from odqa.index.snapshot import Snapshot
from odqa.index.update import compact, remove
from odqa.index.verify import orphans, verify_index
from odqa.schema import Document
from odqa.settings import Settings, resolve
from tests.towns import town, towns

SETTINGS = Settings(encoder="hashing", pooling=4, segment_passages=16)


def contents(index: Path) -> dict[str, object]:
    """Everything that a user can get out of an index, in a form that two indexes can be compared by."""
    snapshot = Snapshot.open(index)
    found: dict[str, object] = {}
    for number in snapshot.live_documents():
        parsed = snapshot.parsed(number)
        found[parsed.document.id] = (
            parsed,
            snapshot.summaries(number),
            snapshot.entries(number),
            snapshot.passage_vectors(number).tobytes(),
            snapshot.summary_vectors(np.array([number])).tobytes(),
        )
    return found


def results(engine: Engine) -> list[list[tuple[str, int, float]]]:
    questions = ["Why was the tramway of Carrow 2 delayed?", "dinner guests", "observatory cost", "report 7 edition"]
    found = [engine.search(question, 8) for question in questions]
    return [[(e.document.id, e.passage.index, round(e.score, 6)) for e in evidence] for evidence in found]


def build(documents: list[Document], index: Path, settings: Settings = SETTINGS) -> Engine:
    return Engine.build(documents, index, settings=settings)


def test_documents_come_out_as_they_went_in(tmp_path: Path) -> None:
    documents = towns(12)
    with build(documents, tmp_path / "t.odqa") as engine:
        for document in documents:
            assert engine.document(document.id) == document
            assert engine.summaries(document.id)[0].section is None
        assert [id_ for id_, _ in engine.documents()] == [d.id for d in documents]
        assert engine.report is not None
        assert (len(engine.report.added), engine.report.unchanged) == (12, 0)
    assert verify_index(tmp_path / "t.odqa") == []
    assert orphans(tmp_path / "t.odqa") == []


def test_building_again_does_nothing(tmp_path: Path) -> None:
    build(towns(6), tmp_path / "t.odqa").close()
    before = (tmp_path / "t.odqa" / "manifest.json").read_bytes()
    with build(towns(6), tmp_path / "t.odqa") as engine:
        assert engine.report is not None
        assert engine.report.unchanged == 6
        assert not engine.report.changed
        assert engine.report.passages == 0
    assert (tmp_path / "t.odqa" / "manifest.json").read_bytes() == before


def test_one_by_one_is_all_at_once(tmp_path: Path) -> None:
    """Adding in steps, in another order, with changes and removals on the way, ends where a single build ends."""
    whole = build(towns(10), tmp_path / "whole.odqa")
    steps = build([town(9), town(3, edition=7), town(77)], tmp_path / "steps.odqa")
    for number in range(9):
        steps.add(town(number))
    steps.remove("towns/0077.txt")
    assert contents(tmp_path / "steps.odqa") == contents(tmp_path / "whole.odqa")
    assert verify_index(tmp_path / "steps.odqa") == []
    for one, other in zip(results(whole), results(steps), strict=True):
        assert sorted(one) == sorted(other)


def test_a_changed_document_replaces_its_old_self(tmp_path: Path) -> None:
    with build(towns(4), tmp_path / "t.odqa") as engine:
        report = engine.add(town(2, edition=9))
        assert report.updated == ["towns/0002.txt"]
        assert engine.document("towns/0002.txt").metadata["edition"] == 9
        assert len(engine.documents()) == 4
        assert all("edition 1 of report 2" not in e.text for e in engine.search("edition of report 2", 20))


def test_compacting_changes_nothing_that_a_user_sees(tmp_path: Path) -> None:
    index = tmp_path / "t.odqa"
    with build(towns(20), index) as engine:
        engine.remove(["towns/0003.txt", "towns/0011.txt"])
        before, found = contents(index), results(engine)
        engine.compact()
        manifest = read_manifest(index)
        assert (len(manifest.segments), manifest.deletions) == (1, {})
        assert contents(index) == before
        assert [sorted(r) for r in results(engine)] == [sorted(r) for r in found]
    assert verify_index(index) == []


def test_many_small_commits_do_not_leave_many_segments(tmp_path: Path) -> None:
    build(towns(60, paragraphs=2), tmp_path / "t.odqa", SETTINGS.replace(segment_passages=2)).close()
    manifest = read_manifest(tmp_path / "t.odqa")
    assert manifest.documents == 60
    assert len(manifest.segments) < 20


def test_removing(tmp_path: Path) -> None:
    with build(towns(8), tmp_path / "t.odqa") as engine:
        with pytest.raises(UsageError, match="nowhere"):
            engine.remove(["towns/0001.txt", "nowhere"])
        assert len(engine.documents()) == 8
        assert engine.remove("towns/000[0-2].txt").removed == [f"towns/000{n}.txt" for n in range(3)]
        assert engine.remove("/towns/0003.txt").removed == ["towns/0003.txt"]
        engine.remove("towns/*")
        assert engine.documents() == []
        assert engine.search("tramway") == []


def test_readers_keep_the_generation_they_opened(tmp_path: Path) -> None:
    index = tmp_path / "t.odqa"
    reader = build(towns(6), index)
    before = results(reader)
    with Engine.open(index) as writer:
        writer.remove("towns/000[0-4].txt")
        writer.compact()
    assert len(reader.documents()) == 6
    assert reader.document("towns/0001.txt") == town(1)
    assert results(reader) == before
    assert reader.refresh()
    assert len(reader.documents()) == 1
    assert not reader.refresh()


def test_the_cache_can_be_deleted_at_any_time(tmp_path: Path) -> None:
    import shutil

    index = tmp_path / "t.odqa"
    with build(towns(6), index) as engine:
        before = results(engine)
    shutil.rmtree(index / "cache")
    with Engine.open(index) as engine:
        assert results(engine) == before
    for path in (index / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(b"not what it was")
    with Engine.open(index) as engine:
        assert results(engine) == before


def test_settings_of_the_index_hold_unless_said_otherwise(tmp_path: Path) -> None:
    build(towns(3), tmp_path / "t.odqa").close()
    with Engine.open(tmp_path / "t.odqa") as engine:
        assert (engine.settings.encoder, engine.settings.pooling) == ("hashing", 4)
        assert engine.add(towns(3)).unchanged == 3
    with Engine.open(tmp_path / "t.odqa", pooling=2) as engine:
        assert len(engine.add(towns(3)).updated) == 3


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    build(towns(2), tmp_path / "t.odqa").close()
    with pytest.raises(IndexMismatch, match="hashing"):
        Engine.open(tmp_path / "t.odqa", encoder="minilm")
    with pytest.raises(IndexMismatch, match="hashing"):
        Engine.build(towns(2), tmp_path / "t.odqa", encoder="minilm")


def test_documents_with_one_id_are_listed(tmp_path: Path) -> None:
    with build([town(1), town(1, edition=2), town(2)], tmp_path / "t.odqa") as engine:
        assert engine.report is not None
        assert ["0001" in failure.reason for failure in engine.report.failures] == [True]
        assert len(engine.documents()) == 2


def test_an_empty_index_is_an_index(tmp_path: Path) -> None:
    with build([], tmp_path / "t.odqa") as engine:
        assert engine.search("anything") == []
    assert verify_index(tmp_path / "t.odqa") == []


def test_files_come_and_go_with_sync(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"The {name} document speaks of the {name} bridge and its {name} toll.\n")
    with Engine.build(folder, tmp_path / "t.odqa", settings=SETTINGS) as engine:
        (folder / "b.txt").unlink()
        (folder / "d.txt").write_text("A new document on the d bridge.\n")
        kept = engine.add([town(1)])
        assert kept.added == ["towns/0001.txt"]
        report = engine.sync(folder)
        assert [Path(id_).name for id_ in report.removed] == ["b.txt"]
        assert [Path(id_).name for id_ in report.added] == ["d.txt"]
        assert {Path(id_).name for id_, _ in engine.documents()} == {"a.txt", "c.txt", "d.txt", "0001.txt"}


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    build(towns(2), tmp_path / "t.odqa").close()
    with writer_lock(tmp_path / "t.odqa"):
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            assert pool.apply(_try_to_compact, (str(tmp_path / "t.odqa"),)) == IndexLocked.__name__
    compact(tmp_path / "t.odqa", resolve({"encoder": "hashing"}))


def _try_to_compact(index: str) -> str:
    try:
        compact(Path(index), resolve({"encoder": "hashing"}))
    except IndexLocked as error:
        return type(error).__name__
    return "no error"


def test_workers_parse_the_same(tmp_path: Path) -> None:
    build(towns(6), tmp_path / "one.odqa").close()
    build(towns(6), tmp_path / "two.odqa", SETTINGS.replace(workers=2)).close()
    assert contents(tmp_path / "one.odqa") == contents(tmp_path / "two.odqa")


def test_no_index_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"there is no index here .*odqa index build"):
        Engine.open(tmp_path / "none.odqa")
    (tmp_path / "file.odqa").write_text("x")
    with pytest.raises(IndexMissing, match="not an index"):
        Engine.open(tmp_path / "file.odqa")
    (tmp_path / "begun.odqa" / "segments").mkdir(parents=True)
    with pytest.raises(IndexMissing, match="did not finish"):
        Engine.open(tmp_path / "begun.odqa")


def test_an_index_of_another_format_is_refused(tmp_path: Path) -> None:
    build(towns(1), tmp_path / "t.odqa").close()
    path = tmp_path / "t.odqa" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(IndexMismatch, match="format 99"):
        Engine.open(tmp_path / "t.odqa")


def test_wrong_settings_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pooling"):
        Engine.build(towns(1), tmp_path / "t.odqa", poolin=3)
    with pytest.raises(ConfigError, match="at least 1"):
        Engine.build(towns(1), tmp_path / "t.odqa", pooling=0)
    assert not (tmp_path / "t.odqa").exists()


def test_vectors_are_unit_and_entries_smaller_than_passages(tmp_path: Path) -> None:
    build(towns(8, paragraphs=30), tmp_path / "t.odqa", SETTINGS.replace(pooling=64)).close()
    snapshot = Snapshot.open(tmp_path / "t.odqa")
    entries = np.concatenate(list(snapshot.entry_vectors(chunk=5)))
    np.testing.assert_allclose(np.linalg.norm(entries, axis=1), 1, atol=1e-5)
    whole = int(snapshot.first_passage[-1]) * snapshot.dimension * 2
    assert len(entries) * choose_code(64, snapshot.dimension).size <= whole / 64
    for number in snapshot.live_documents():
        vectors = np.asarray(snapshot.passage_vectors(number), np.float32)
        first = int(snapshot.first_entry[number])
        for entry in snapshot.entries(number):
            mean = vectors[entry.first : entry.last].mean(axis=0)
            np.testing.assert_allclose(entries[first + entry.index], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("changed", [{"template": "report"}, {"pooling": 64}, {"template": "story", "pooling": 1}])
def test_another_template_or_pooling_encodes_no_passage_again(tmp_path: Path, changed: dict[str, object]) -> None:
    documents = [*towns(9), Document("empty", "Nothing", "", (), "/empty")]
    build(documents, tmp_path / "t.odqa").close()
    with build([*documents, town(20)], tmp_path / "t.odqa", SETTINGS.replace(**changed)) as engine:
        assert engine.report is not None
        assert engine.report.added == ["towns/0020.txt"]
        assert sorted(engine.report.updated) == sorted(document.id for document in documents)
        assert engine.report.passages == len(engine.snapshot.parsed(engine.snapshot.by_id["towns/0020.txt"]).passages)
        if template := changed.get("template"):
            assert {summary.schema for summary in engine.summaries("towns/0003.txt")} == {template}
        build([*documents, town(20)], tmp_path / "afresh.odqa", SETTINGS.replace(**changed)).close()
        assert contents(tmp_path / "t.odqa") == contents(tmp_path / "afresh.odqa")
    with build([*documents, town(20)], tmp_path / "t.odqa", SETTINGS.replace(**changed)) as engine:
        assert engine.report is not None
        assert not engine.report.changed
    assert verify_index(tmp_path / "t.odqa") == []


@pytest.mark.parametrize(
    ("setting", "value"), [("encoder", "someone/model"), ("summarizer", "theirs"), ("template", "theirs.toml")]
)
def test_an_index_cannot_choose_what_is_loaded(tmp_path: Path, setting: str, value: str) -> None:
    index = tmp_path / "t.odqa"
    build(towns(1), index).close()
    manifest = read_manifest(index)
    commit(index, manifest.next(settings={**manifest.settings, setting: value}))
    with pytest.raises(IndexMismatch, match=f"{setting} = '{value}'"):
        Engine.open(index)
    with pytest.raises(IndexMismatch, match=f"{setting} = '{value}'"):
        remove(index, resolve(), ["towns/*"])


def test_settings_know_the_built_in_templates() -> None:
    from odqa.index.summary.templates import TEMPLATES
    from odqa.settings import _TEMPLATES

    assert set(_TEMPLATES) == set(TEMPLATES)


def test_sync_sees_records_and_spares_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "docs"
    folder.mkdir()
    records = [{"id": n, "text": f"Record {n} tells of a lamp.", "url": f"https://example.org/{n}"} for n in range(3)]
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "note.txt").write_text("A note on the lamp of the harbour.\n")
    with Engine.build("docs", tmp_path / "t.odqa", settings=SETTINGS) as engine:
        path.write_text("".join(json.dumps(record) + "\n" for record in records[:2]))
        (folder / "note.txt").write_bytes(b"\0\1\2\3" * 99)
        report = engine.sync(name for name in ["docs"])
        assert report.removed == [f"{path}#2"]
        assert [Path(failure.source).name for failure in report.failures] == ["note.txt"]
        assert len(engine.documents()) == 3
        assert engine.remove("docs/*.jsonl*").removed == [f"{path}#0", f"{path}#1"]
