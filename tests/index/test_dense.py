"""FAISS over entries: exact where it says exact, close where it approximates, and never a deleted entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.errors import IndexCorrupt, ModelError
from odqa.index import dense
from odqa.index.codes import choose_code, half_precision
from odqa.index.dense import DenseChoice, DenseIndex

DIMENSION = 32


def _unit(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def _search(vectors: np.ndarray, choice: DenseChoice, live: np.ndarray, queries: np.ndarray) -> np.ndarray:
    index = dense.build_index(lambda: [vectors[:700], vectors[700:]], len(vectors), DIMENSION, choice)
    return DenseIndex(index, choice, live).search(queries, 10)[0]


def test_flat_search_is_exact_and_leaves_deleted_out() -> None:
    vectors, queries = _unit(1500, 1), _unit(20, 2).astype(np.float32)
    live = np.random.default_rng(3).random(1500) > 0.3
    expected = np.argsort(-np.where(live, queries @ vectors.astype(np.float32).T, -2), axis=1)[:, :10]
    found = _search(vectors, dense.choose(1500, DIMENSION, half_precision(DIMENSION)), live, queries)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factory", ["IVF32,SQfp16", "RR32,IVF16,RaBitQ4", "RR32,IVF16,RaBitQ2", "RR32,RaBitQ2"])
def test_codes_find_most_and_leave_deleted_out(factory: str) -> None:
    vectors, queries = _unit(3000, 1), _unit(50, 2).astype(np.float32)
    live = np.random.default_rng(3).random(3000) > 0.3
    exact = np.argsort(-np.where(live, queries @ vectors.astype(np.float32).T, -2), axis=1)[:, :10]
    found = _search(vectors, DenseChoice(factory, 16 if "IVF" in factory else 0, "", True), live, queries)
    assert live[found[found >= 0]].all()
    least = 0.9 if "SQ" in factory else 0.45  # Random vectors are the worst case of coarse codes.
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]) > least


def test_appending_to_a_trained_index_is_searching_all(tmp_path: Path) -> None:
    vectors, choice = _unit(3000, 1), DenseChoice("IVF32,SQfp16", 32, "", True)
    dense.save(dense.build_index(lambda: [vectors[:2000]], 2000, DIMENSION, choice), tmp_path / "a.faiss")
    grown = dense.build_index(lambda: [vectors], 3000, DIMENSION, choice, dense.load(tmp_path / "a.faiss"))
    found, scores = DenseIndex(grown, choice, np.ones(3000, bool)).search(vectors[2500:2510].astype(np.float32), 1)
    assert found[:, 0].tolist() == list(range(2500, 2510))
    np.testing.assert_allclose(scores, 1, atol=1e-2)


def test_fewer_entries_than_asked_for() -> None:
    vectors, choice = _unit(3, 1), dense.choose(3, DIMENSION, half_precision(DIMENSION))
    index = DenseIndex(
        dense.build_index(lambda: [vectors], 3, DIMENSION, choice), choice, np.array([True, False, True])
    )
    found, _ = index.search(vectors[:1].astype(np.float32), 10)
    assert sorted(found[0].tolist()) == [-1, 0, 2]
    empty = DenseIndex(dense.build_index(lambda: [], 0, DIMENSION, choice), choice, np.zeros(0, bool))
    assert empty.search(vectors[:1].astype(np.float32), 5)[0].shape == (1, 0)


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.faiss").write_bytes(b"IxFI" + b"\xff" * 200)
    with pytest.raises(IndexCorrupt):
        dense.load(tmp_path / "x.faiss")


def test_the_rule_grows_with_the_collection() -> None:
    code = choose_code(16, 384)
    small, large = (dense.choose(n, 384, code) for n in (50_000, 5_000_000))
    assert (small.factory, small.probes) == ("RR384,RaBitQ", 0)
    assert large.factory == "RR384,IVF8192,RaBitQ"
    assert large.probes == 512
    assert "5,000,000 entries of 56 bytes" in large.reason
    assert not dense.choose(10, 384, half_precision(384)).stored


def test_two_installations_of_faiss_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dense.check_faiss()
    metadata = tmp_path / "faiss_gpu_cu12-1.10.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: faiss-gpu-cu12\nVersion: 1.10.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match="faiss-cpu and faiss-gpu-cu12 are both installed"):
        dense.check_faiss()


@pytest.mark.gpu
def test_cuda_search_finds_what_the_cpu_finds() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    vectors, queries = _unit(1500, 1), _unit(20, 2).astype(np.float32)
    live = np.random.default_rng(3).random(1500) > 0.3
    choice = dense.choose(1500, DIMENSION, half_precision(DIMENSION))
    index = dense.build_index(lambda: [vectors], 1500, DIMENSION, choice)
    on_gpu = DenseIndex(index, choice, live, "cuda").search(queries, 10)[0]
    on_cpu = DenseIndex(index, choice, live).search(queries, 10)[0]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(on_gpu, on_cpu, strict=True)]) > 0.97
