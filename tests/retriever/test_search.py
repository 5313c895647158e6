"""Two-stage search finds what exhaustive search finds, explains itself, and bears threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from odqa.engine import Engine
from odqa.errors import UsageError
from odqa.retriever.fusion import reciprocal_rank
from odqa.schema import EventKind, HopKind
from odqa.settings import Settings
from tests.towns import towns

SETTINGS = Settings(encoder="hashing", pooling=4, segment_passages=64)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("search") / "t.odqa"
    with Engine.build(towns(40, paragraphs=12), index, settings=SETTINGS) as engine:
        yield engine


def test_reciprocal_rank_by_hand() -> None:
    items, scores = reciprocal_rank([np.array([7, 3]), np.array([3, 9])], k=60)
    assert items.tolist() == [3, 7, 9]
    np.testing.assert_allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62])
    items, scores = reciprocal_rank([np.array([1]), np.array([2])], k=1, weights=[1.0, 3.0])
    assert items.tolist() == [2, 1]
    np.testing.assert_allclose(scores, [1.5, 0.5])
    assert reciprocal_rank([])[0].size == 0


def test_the_town_that_is_asked_about_comes_first(engine: Engine) -> None:
    found = engine.search("Why was the work of Carrow 22 delayed?", 5)
    assert found[0].document.id == "towns/0022.txt"
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)


def test_opening_every_document_is_exhaustive_search(engine: Engine) -> None:
    """The pooled stage may only leave documents out: with all of them open, both searches see the same passages."""
    wide = engine.settings.replace(documents=1000, candidates=2000)
    from odqa.retriever.search import HybridRetriever

    retriever = HybridRetriever(engine.snapshot, engine.retriever.derived, engine.encoder, wide)
    for question in ("tramway flood", "the engineer wrote", "observatory of Hollin 8"):
        pooled, exhaustive = retriever.rank(question), retriever.rank(question, exhaustive=True)
        for part in ("dense", "bm25", "document_bm25"):
            assert dict(pooled.parts[part]) == pytest.approx(dict(exhaustive.parts[part]), abs=1e-5)


def test_dense_scores_are_cosines(engine: Engine) -> None:
    question = "the dinner at the opening"
    query = engine.encoder.encode([question], kind="query")[0]
    for evidence in engine.search(question, 6):
        if "dense" in evidence.scores:
            parsed = engine.snapshot.parsed(engine.snapshot.by_id[evidence.document.id])
            vector = engine.encoder.encode([parsed.passage_input(evidence.passage)])[0]
            assert evidence.scores["dense"] == pytest.approx(float(vector @ query), abs=2e-3)


def test_evidence_is_verbatim_and_its_path_is_shown(engine: Engine) -> None:
    for evidence in engine.search("library of Brindle 1", 10):
        assert evidence.text == evidence.document.text[evidence.passage.span.start : evidence.passage.span.end]
        kinds = [hop.kind for hop in evidence.path]
        assert kinds[0] is HopKind.QUESTION
        assert kinds[-1] is HopKind.PASSAGE
        assert HopKind.DOCUMENT in kinds
        assert evidence.path[0].label == "library of Brindle 1"


def test_fewer_than_asked_for_is_not_padded(engine: Engine) -> None:
    found = engine.search("tramway", 10_000)
    keys = [(e.document.id, e.passage.index) for e in found]
    assert len(keys) == len(set(keys)) < 10_000


@pytest.mark.parametrize(("question", "k"), [("", 5), ("   ", 5), ("why?", 0), ("why?", -1), ("x" * 20_000, 5)])
def test_questions_that_mean_nothing_are_refused(engine: Engine, question: str, k: int) -> None:
    with pytest.raises(UsageError):
        engine.search(question, k)


def test_threads_and_tasks_share_one_engine(engine: Engine) -> None:
    questions = [f"Why was the work of town {n} delayed?" for n in range(24)]
    expected = [[e.passage for e in engine.search(q, 5)] for q in questions]
    with ThreadPoolExecutor(8) as pool:
        assert [[e.passage for e in found] for found in pool.map(lambda q: engine.search(q, 5), questions)] == expected

    async def stream_all() -> list[list[EventKind]]:
        async def one(question: str) -> list[EventKind]:
            return [event.kind async for event in engine.stream(question)]

        return await asyncio.gather(*(one(question) for question in questions[:6]))

    for kinds in asyncio.run(stream_all()):
        assert kinds[0] is EventKind.EVIDENCE
        assert kinds[-1] is EventKind.DONE


def test_a_closed_engine_says_so(engine: Engine) -> None:
    other = Engine.open(engine.path)
    other.close()
    with pytest.raises(UsageError, match="closed"):
        other.search("anything")


def test_a_stream_ends_with_what_ask_answers(engine: Engine) -> None:
    question = "Why was the work of Carrow 22 delayed?"
    events = list(engine.events(question))
    answer = engine.ask(question)
    assert events[0].evidence == answer.evidence
    assert [event.claim for event in events[1:-1]] == list(answer.claims)
    assert events[-1].answer is not None
    assert events[-1].answer.text == answer.text
    assert {"encode", "pooled", "passages", "tables", "judge", "read", "verify", "total"} <= set(answer.timings)
    assert answer.trace is not None
    assert answer.answerability is not None
    assert 0 <= answer.answerability.probability <= 1
    with pytest.raises(UsageError, match="style"):
        engine.ask(question, style="sonnet")
