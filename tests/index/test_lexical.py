"""BM25 gives the ranking of a reference implementation, and the same scores however the index came about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.errors import ConfigError
from odqa.index.lexical import make_analyzer
from odqa.settings import Settings
from tests.towns import town, towns

SETTINGS = Settings(encoder="hashing", pooling=4, segment_passages=16)


def test_passage_ranking_is_that_of_rank_bm25(tmp_path: Path) -> None:
    """Equal lengths take tantivy's rounded length norm out of the comparison; then scores are proportional."""
    rng = np.random.default_rng(0)
    words = [f"w{i}x" for i in range(60)]
    documents = []
    for number in range(120):
        builder = DocumentBuilder(f"d{number}", title=f"t{number}z")
        builder.paragraph(" ".join(rng.choice(words, 20, p=None)))
        documents.append(builder.build())
    with Engine.build(documents, tmp_path / "t.odqa", settings=SETTINGS.replace(language="none")) as engine:
        snapshot, lexical = engine.snapshot, engine.retriever.derived.lexical
        analyze = make_analyzer("none").analyze
        texts = [snapshot.parsed(n).passage_text(snapshot.parsed(n).passages[0]) for n in range(120)]
        # Robertson's idf with +1 inside the logarithm is tantivy's; rank-bm25's Okapi differs only in its idf.
        oracle = BM25Okapi([analyze(text) for text in texts], k1=1.2, b=0.75)
        n = len(texts)
        for word, frequency in oracle_frequencies(texts, analyze).items():
            oracle.idf[word] = np.log(1 + (n - frequency + 0.5) / (frequency + 0.5))
        for question in ("w1x", "w2x w3x", "w4x w5x w6x w7x"):
            expected = oracle.get_scores(analyze(question))
            found, scores = lexical.passages(question, n)
            np.testing.assert_allclose(scores, expected[found], rtol=1e-4)
            assert set(found.tolist()) == set(np.flatnonzero(expected).tolist())
            assert (np.diff(scores) <= 1e-6).all()


def oracle_frequencies(texts: list[str], analyze) -> dict[str, int]:  # type: ignore[no-untyped-def]
    frequencies: dict[str, int] = {}
    for text in texts:
        for word in set(analyze(text)):
            frequencies[word] = frequencies.get(word, 0) + 1
    return frequencies


def test_scores_after_adding_and_removing_are_those_of_a_rebuild(tmp_path: Path) -> None:
    with Engine.build(towns(3), tmp_path / "grown.odqa", settings=SETTINGS) as grown:
        grown.add([town(50), town(51)])
        grown.add(towns(9))
        grown.remove(["towns/0050.txt", "towns/0051.txt"])
        with Engine.build(towns(9), tmp_path / "whole.odqa", settings=SETTINGS) as whole:
            for question in ("tramway", "the engineer of Carrow 2 and the flood", "dinner for 40 guests"):
                assert scores(grown, question) == pytest.approx(scores(whole, question))


def scores(engine: Engine, question: str) -> dict[tuple[str, int], float]:
    snapshot, lexical = engine.snapshot, engine.retriever.derived.lexical
    ids = snapshot.column("id")
    result: dict[tuple[str, int], float] = {}
    for number, score in zip(*lexical.documents(question, 100), strict=True):
        result[ids[number], -1] = float(score)
    for passage, score in zip(*lexical.passages(question, 1000), strict=True):
        number = int(np.searchsorted(snapshot.first_passage, passage, side="right")) - 1
        result[ids[number], int(passage - snapshot.first_passage[number])] = float(score)
    return result


def test_looking_inside_documents_scores_as_looking_everywhere(tmp_path: Path) -> None:
    with Engine.build(towns(9), tmp_path / "t.odqa", settings=SETTINGS) as engine:
        lexical, first = engine.retriever.derived.lexical, engine.snapshot.first_passage
        everywhere = dict(zip(*(a.tolist() for a in lexical.passages("tramway flood", 1000)), strict=True))
        inside = dict(zip(*(a.tolist() for a in lexical.passages("tramway flood", 1000, [2, 5])), strict=True))
        expected = {
            passage: score
            for passage, score in everywhere.items()
            if first[2] <= passage < first[3] or first[5] <= passage < first[6]
        }
        assert inside == pytest.approx(expected)
        assert lexical.passages("tramway", 10, [])[0].size == 0


def test_words_meet_in_their_stems_and_without_accents() -> None:
    analyze = make_analyzer("en").analyze
    assert analyze("The Piers") == analyze("pier") == ["pier"]
    assert make_analyzer("fr").analyze("les cafés") == make_analyzer("fr").analyze("café")
    assert make_analyzer("none").analyze("The Café") == ["the", "cafe"]
    with pytest.raises(ConfigError, match="language 'xx'"):
        make_analyzer("xx")


@pytest.mark.parametrize("question", ["", "the of", "?!", "\u0000", "AND OR NOT ( ] title:x ~", "a" * 5000, "é" * 300])
def test_any_question_is_a_question(tmp_path_factory: pytest.TempPathFactory, question: str) -> None:
    index = tmp_path_factory.getbasetemp() / "any.odqa"
    with Engine.build(towns(2), index, settings=SETTINGS) as engine:
        engine.retriever.derived.lexical.passages(question, 5)
        engine.retriever.derived.lexical.documents(question, 5)


def test_rank_bm25_is_a_choice(tmp_path: Path) -> None:
    with Engine.build(towns(12), tmp_path / "t.odqa", settings=SETTINGS) as engine:
        question = "Why was the work of Carrow 2 delayed?"
        best = engine.search(question, 3)[0].document.id
        with Engine.open(tmp_path / "t.odqa", bm25="rank-bm25") as other:
            assert other.search(question, 3)[0].document.id == best == "towns/0002.txt"
            lexical = other.retriever.derived.lexical
            inside, _ = lexical.passages("flood tramway", 100, [3])
            first = other.snapshot.first_passage
            assert inside.size
            assert ((inside >= first[3]) & (inside < first[4])).all()
            assert lexical.passages("", 5)[0].size == 0
