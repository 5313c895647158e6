"""Pooled entries: what stands for which passages, and with which words."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index import pool
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.schema import ParsedDocument
from odqa.settings import Settings
from tests.towns import town

ENCODER = HashingEncoder(Settings())


def parsed(paragraphs: int) -> ParsedDocument:
    return parse(town(1, paragraphs=paragraphs), ENCODER.count_tokens, max_tokens=40)


@given(st.integers(1, 12), st.integers(1, 40))
def test_runs_cover_every_passage_once_and_are_long_enough(paragraphs: int, size: int) -> None:
    document = parsed(paragraphs)
    runs = pool.runs(document, size)
    assert [number for first, last in runs for number in range(first, last)] == list(range(len(document.passages)))
    assert len(runs) <= max(1, len(document.passages) // size)


def test_a_run_of_one_passage_is_that_passage() -> None:
    builder = DocumentBuilder("note", title="A note on the tide")
    builder.paragraph("The tide came in at six and the causeway was under water until noon.")
    document = parse(builder.build(), ENCODER.count_tokens)
    (passage,) = document.passages
    summaries = ExtractiveSummarizer("auto").summarize(document)
    spans = pool.runs(document, 12)
    ((speaks, lexical),) = pool.entry_texts(document, summaries, spans)
    assert speaks == ""
    assert "tide" in lexical
    vectors = ENCODER.encode([document.passage_input(passage)])
    pooled = pool.pool_vectors(vectors, spans, pool.encode_texts([speaks], ENCODER))
    np.testing.assert_allclose(pooled, vectors, atol=1e-6)


def test_a_longer_run_lies_between_its_passages_and_its_summary() -> None:
    document = parsed(6)
    spans = pool.runs(document, 100)
    texts = pool.entry_texts(document, ExtractiveSummarizer("auto").summarize(document), spans)
    vectors = ENCODER.encode([document.passage_input(passage) for passage in document.passages])
    summary = pool.encode_texts([speaks for speaks, _ in texts], ENCODER)
    (pooled,) = pool.pool_vectors(vectors, spans, summary)
    mean = vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))
    assert np.isclose(np.linalg.norm(pooled), 1)
    assert pooled @ summary[0] > mean @ summary[0]
    assert pooled @ mean > summary[0] @ mean
