"""Pooled entries: what stands for which passages, in how many bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index import pool
from odqa.index.codes import choose_code, half_precision, rows_for
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.settings import Settings

ENCODER = HashingEncoder(Settings())


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def inertia(vectors: np.ndarray, runs: list[tuple[int, int]]) -> float:
    return sum(float(((vectors[a:b] - vectors[a:b].mean(axis=0)) ** 2).sum()) for a, b in runs)


def ward_by_the_book(vectors: np.ndarray, count: int) -> list[tuple[int, int]]:
    runs = [(place, place + 1) for place in range(len(vectors))]
    while len(runs) > count:
        merged = [[*runs[:i], (runs[i][0], runs[i + 1][1]), *runs[i + 2 :]] for i in range(len(runs) - 1)]
        runs = min(merged, key=lambda each: inertia(vectors.astype(np.float64), each))
    return runs


@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 50))
def test_runs_are_those_of_ward(passages: int, count: int, seed: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(passages, 8)))
    assert pool.runs(vectors, count) == ward_by_the_book(vectors, count)


def test_a_turn_of_the_subject_is_where_runs_are_cut() -> None:
    subjects = unit(np.random.default_rng(1).normal(size=(4, 32)))
    lengths = [9, 2, 14, 5]
    noise = np.random.default_rng(2).normal(scale=0.05, size=(sum(lengths), 32))
    vectors = unit(np.repeat(subjects, lengths, axis=0) + noise)
    assert pool.runs(vectors, 4) == [(0, 9), (9, 11), (11, 25), (25, 30)]


def test_the_vector_of_a_run_is_the_direction_of_its_mean() -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(7, 16)))
    found = pool.entry_vectors(vectors, np.array([0, 1, 5]))
    means = np.stack([vectors[0], vectors[1:5].mean(axis=0), vectors[5:].mean(axis=0)])
    np.testing.assert_allclose(found, unit(means), atol=1e-6)
    assert pool.entry_vectors(vectors, np.zeros(0, np.int64)).shape == (0, 16)


@given(st.integers(0, 500), st.integers(1, 100), st.sampled_from([256, 384, 768, 1000]))
def test_entries_keep_to_their_budget_but_a_document_has_one(passages: int, pooling: int, dimension: int) -> None:
    rows = rows_for(passages, pooling, dimension)
    assert (rows == 0) == (passages == 0)
    assert rows <= passages
    taken, allowed = rows * choose_code(pooling, dimension).size, passages * 2 * dimension / pooling
    assert taken <= allowed or rows == 1


def test_codes_are_as_precise_as_the_budget_allows() -> None:
    assert choose_code(1, 384) == half_precision(384)
    sizes = [choose_code(pooling, 384).size for pooling in (1, 2, 4, 8, 16, 64)]
    assert sizes == [768, 384, 212, 116, 56, 56]
    assert rows_for(1000, 16, 384) == 857


@pytest.mark.parametrize("pooling", [1, 2, 4, 8, 16])
def test_faiss_takes_as_many_bytes_as_a_code_says(pooling: int) -> None:
    import faiss

    code = choose_code(pooling, 384)
    assert faiss.index_factory(384, code.factory, faiss.METRIC_INNER_PRODUCT).sa_code_size() == code.size


def test_one_passage_is_its_own_summary_and_more_have_one() -> None:
    builder = DocumentBuilder("note", title="A note on the tide")
    builder.paragraph("The tide came in at six and the causeway was under water until noon.")
    short = parse(builder.build(), ENCODER.count_tokens)
    builder.paragraph("At seven the ferry left from the northern pier. " * 30)
    long = parse(builder.build(), ENCODER.count_tokens, max_tokens=40)
    summarizer = ExtractiveSummarizer("auto")
    assert pool.summary_text(short, summarizer.summarize(short)) == ""
    text = pool.summary_text(long, summarizer.summarize(long))
    assert text.startswith("A note on the tide\n")
    vectors = pool.encode_summaries(["", text], ENCODER)
    assert not vectors[0].any()
    np.testing.assert_allclose(vectors[1], ENCODER.encode([text])[0])
    assert pool.summary_text(long, []) == ""
