"""Everything between a question and its evidence: copies, rerankers, what was left out, and what it is judged by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.errors import ConfigError
from odqa.schema import CutReason, Document
from odqa.settings import Settings
from tests.towns import towns

QUESTION = "When did the night ferry to Skell stop in winter?"
NEWS = (
    "The night ferry to Skell stopped for the winter on the ninth of November, as it does every year, said the master."
)


def page(id_: str, title: str, text: str) -> Document:
    builder = DocumentBuilder(id_, title=title)
    builder.paragraph(text)
    return builder.build()


def documents() -> list[Document]:
    return [
        page("a", "Packet", NEWS),
        page("b", "Gazette", NEWS),
        page("c", "Herald", NEWS.replace("ninth", "tenth")),
        page("d", "Almanac", "The ferry to Skell is a small boat. It has a deck and a bell."),
        *towns(12, paragraphs=4),
    ]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("find") / "f.odqa"
    with Engine.build(documents(), index, settings=Settings(encoder="hashing", pooling=4)) as engine:
        yield engine


def test_the_same_words_count_once_with_both_their_places(engine: Engine) -> None:
    found = engine.find(QUESTION, 6)
    assert len(found.evidence) == 6, "what is collapsed makes room"
    ids = [item.document.id for item in found.evidence]
    assert len({"a", "b"} & set(ids)) == 1
    kept = next(item for item in found.evidence if item.document.id in "ab")
    (copy,) = kept.copies
    assert {kept.document.id, copy.document_id} == {"a", "b"}
    assert copy.span.of(engine.document(copy.document_id).text) == kept.text
    assert any(cut.reason is CutReason.COPY and cut.document_id == copy.document_id for cut in found.trace.cut)


def test_another_date_is_no_copy(engine: Engine) -> None:
    ids = [item.document.id for item in engine.search(QUESTION, 6)]
    assert "c" in ids


def test_what_comes_next_is_named_and_not_read(engine: Engine) -> None:
    found = engine.find(QUESTION, 2)
    below = [cut for cut in found.trace.cut if cut.reason is CutReason.RANK]
    assert below
    assert [cut.score for cut in below] == sorted((cut.score for cut in below), reverse=True)
    assert below[0].score <= found.evidence[-1].score


def test_the_trace_says_what_was_done_and_how_long_it_took(engine: Engine) -> None:
    trace = engine.find(QUESTION, 3).trace
    assert trace.question == QUESTION
    names = [stage.name for stage in trace.stages]
    assert {"encode", "pooled", "passages", "read", "tables", "judge"} <= set(names)
    assert all(stage.seconds >= 0 for stage in trace.stages)
    assert trace.settings["hops"] == engine.settings.hops


def test_more_than_there_is_gives_all_there_is(engine: Engine) -> None:
    found = engine.find(QUESTION, 10_000, within=["a", "b", "d"])
    assert {item.document.id for item in found.evidence} | {"a", "b"} == {"a", "b", "d"}


def test_a_reranker_reorders_what_was_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    index = tmp_path_factory.mktemp("rerank") / "r.odqa"
    settings = Settings(pooling=4, rerank_ms=0, rerank_passages=5)
    with Engine.build(documents()[:6], index, settings=settings) as engine:
        plain = {(item.document.id, item.passage.index) for item in engine.search(QUESTION, 5)}
    with Engine.open(index, settings=settings.replace(reranker="maxsim")) as engine:
        found = engine.find(QUESTION, 5)
        assert {(item.document.id, item.passage.index) for item in found.evidence} == plain
        assert "rerank" in {stage.name for stage in found.trace.stages}
        assert all("maxsim" in item.scores for item in found.evidence)
        assert found.evidence[0].document.id in "abc"
        fewer = engine.find(QUESTION, 2)
        assert any(cut.reason is CutReason.RERANKED for cut in fewer.trace.cut)


def test_an_encoder_without_vectors_of_tokens_cannot_rerank(engine: Engine) -> None:
    with (
        Engine.open(engine.path, settings=engine.settings.replace(reranker="maxsim")) as other,
        pytest.raises(ConfigError, match="maxsim"),
    ):
        other.search(QUESTION)
