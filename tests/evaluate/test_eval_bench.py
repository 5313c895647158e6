"""What evaluation measures with: vectors kept by text, indexes kept by content, questions drawn the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from odqa.data.datasets import Dataset, Gold, Question
from odqa.engine import Engine
from odqa.errors import LoadError, UsageError
from odqa.evaluate.bench import open_bench, prepare_index, sample
from odqa.evaluate.vectors import CachedEncoder
from odqa.index.hashing import HashingEncoder
from odqa.index.snapshot import Snapshot
from odqa.schema import Document
from odqa.settings import Settings, resolve
from tests.towns import towns

TEXTS = ["The pier sank.", "The pier sank.", "", "The motion was lost by four votes.", "\udcff"]
RESOLVED = resolve({"encoder": "hashing", "pooling": 4})


class Counting(HashingEncoder):
    """Counts what it is given to encode."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str], **options: object) -> np.ndarray:
        self.seen += texts
        return super().encode(texts)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def dataset(tmp_path: Path, documents: list[Document], *, edition: str = "1") -> Dataset:
    file = tmp_path / "documents.txt"
    file.write_text(edition)
    questions = [Question(f"q{n}", f"What was built at {d.title}?", "work", 1, (Gold(d.id),), ()) for n, d in
                 enumerate(documents)]  # fmt: skip
    return Dataset("towns", lambda: iter(documents), lambda: iter(questions), files=(file,))


def test_what_was_encoded_once_is_never_encoded_again(tmp_path: Path) -> None:
    encoder = Counting()
    with CachedEncoder(encoder, tmp_path) as cached:
        first = cached.encode(TEXTS)
        cached.encode(TEXTS, kind="query")
    assert len(encoder.seen) == 2 * 4  # twice each distinct text: once as a passage, once as a question
    encoder.seen.clear()
    again = CachedEncoder(encoder, tmp_path)
    np.testing.assert_array_equal(again.encode(TEXTS), first)
    assert encoder.seen == []
    np.testing.assert_array_equal(first, HashingEncoder(Settings()).encode(TEXTS).astype(np.float16))


def test_a_damaged_vector_file_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with CachedEncoder(Counting(), tmp_path) as cached:
        expected = cached.encode(TEXTS)
    (file,) = tmp_path.rglob("*.npy")
    for damage in (b"", b"not an array", file.read_bytes()[:-7]):
        file.write_bytes(damage)
        encoder = Counting()
        with CachedEncoder(encoder, tmp_path) as cached:
            np.testing.assert_array_equal(cached.encode(TEXTS), expected)
        assert encoder.seen
        (file,) = tmp_path.rglob("*.npy")


def test_an_index_made_with_kept_vectors_is_the_index(tmp_path: Path, cache: Path) -> None:
    with CachedEncoder(Counting()) as encoder:
        kept = prepare_index(dataset(tmp_path, towns(6)), RESOLVED, encoder)
    assert kept is not None
    Engine.build(towns(6), tmp_path / "plain.odqa", settings=RESOLVED.settings).close()
    found = []
    for path in (kept, tmp_path / "plain.odqa"):
        snapshot = Snapshot.open(path)
        found.append([snapshot.passage_vectors(number).tobytes() for number in snapshot.live_documents()])
    assert found[0] == found[1]


def test_the_index_is_kept_until_the_data_or_the_settings_change(tmp_path: Path, cache: Path) -> None:
    read: list[str] = []

    def counted(set_: Dataset) -> Dataset:
        def documents() -> object:
            for document in set_.documents():
                read.append(document.id)
                yield document

        return Dataset(set_.name, documents, set_.questions, files=set_.files)  # type: ignore[arg-type]

    set_ = counted(dataset(tmp_path, towns(3)))
    for _ in range(2):
        with open_bench(set_, RESOLVED) as bench:
            assert len(bench.searchable.documents()) == 3
            assert bench.searchable.search("What was built at Brindle 1?", 1)[0].document.id == "towns/0001.txt"
    assert len(read) == 3
    with open_bench(set_, resolve({"encoder": "hashing", "pooling": 5})):
        assert len(read) == 6
    with open_bench(counted(dataset(tmp_path, towns(2), edition="2")), RESOLVED) as bench:
        assert len(bench.searchable.documents()) == 2


def test_a_damaged_index_is_made_anew(tmp_path: Path, cache: Path) -> None:
    set_ = dataset(tmp_path, towns(3))
    with open_bench(set_, RESOLVED):
        pass
    for file in cache.rglob("documents.arrow"):
        file.write_bytes(b"damaged")
    with open_bench(set_, RESOLVED) as bench:
        assert len(bench.searchable.documents()) == 3


def test_two_documents_of_one_id_are_an_error(tmp_path: Path, cache: Path) -> None:
    twice = [*towns(2), *towns(1)]
    with pytest.raises(LoadError, match="second document"), open_bench(dataset(tmp_path, twice), RESOLVED):
        pass


def test_questions_are_drawn_alike_in_every_run_and_stay_in_order(tmp_path: Path) -> None:
    questions = list(dataset(tmp_path, towns(40)).questions())
    drawn = sample(questions, 10)
    assert drawn == sample(questions, 10)
    assert drawn != questions[:10]
    assert [q.id for q in drawn] == [q.id for q in questions if q in drawn]
    assert sample(questions, 10, seed=2) != drawn
    assert sample(questions, 400) == questions


def test_a_wrong_limit_or_type_is_told(tmp_path: Path, cache: Path) -> None:
    set_ = dataset(tmp_path, towns(2))
    with pytest.raises(UsageError, match="limit"), open_bench(set_, RESOLVED, limit=0):
        pass
    with pytest.raises(UsageError, match="its types: work"), open_bench(set_, RESOLVED, types=["plot"]):
        pass
