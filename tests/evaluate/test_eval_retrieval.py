"""The systems find what they say they find, and their figures are those of what they found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.datasets import Dataset, Gold, Question
from odqa.engine import Engine
from odqa.errors import LoadError, UsageError
from odqa.evaluate.bench import Bench, plain_encoder
from odqa.evaluate.measures import document_judgements, score_run
from odqa.evaluate.retrieval import ranking
from odqa.evaluate.retrieval.answerable import measure_answerability
from odqa.evaluate.retrieval.systems import OkapiBM25, make_system, system_names
from odqa.evaluate.retrieval.task import SYSTEMS, measure_retrieval, score_trec_run
from odqa.evaluate.retrieval.trec import write_run
from odqa.evaluate.vectors import CachedEncoder
from odqa.index.encoder import make_encoder
from odqa.retriever.search import HybridRetriever
from odqa.schema import Span
from odqa.settings import Settings, resolve
from tests.towns import NAMES, town, towns

COUNT = 36
SETTINGS = Settings(encoder="hashing", pooling=4, passage_tokens=40, segment_passages=64, documents=200, candidates=500)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> CachedEncoder:
    return CachedEncoder(make_encoder(SETTINGS), tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, encoder: CachedEncoder) -> Iterator[Engine]:
    """An index in several segments, with a document that was removed and one that was replaced."""
    index = tmp_path_factory.mktemp("retrieval") / "t.odqa"
    given = {name: getattr(SETTINGS, name) for name in ("pooling", "passage_tokens", "segment_passages", "documents")}
    Engine.build(towns(COUNT), index, settings=SETTINGS).close()
    with Engine(index, resolve({"encoder": "hashing", "candidates": 500, **given}), encoder=encoder) as engine:
        engine.remove("towns/0003.txt")
        engine.add([town(5, edition=2)])
        yield engine


def questions() -> list[Question]:
    """One for each of some towns, whose gold is the sentence on its last page, and some of other kinds."""
    asked = []
    for number in range(8, 20):
        text = town(number).text
        start = text.index("Here ends edition")
        gold = Gold(f"towns/{number:04d}.txt", (Span(start, len(text)),))
        name = f"{NAMES[number % len(NAMES)]} {number}"
        asked.append(Question(f"end {number}", f"Where does report {number} on {name} end?", "end", 1, (gold,), ()))
    pair = (Gold("towns/0021.txt"), Gold("towns/0022.txt"))
    lost = (Gold("towns/0003.txt", (Span(0, 9),)),)
    return [
        *asked,
        Question(
            "pair", "What do Brindle 21 and Carrow 22\n have in common?", "compare", 2, pair, (), marked=2, mapped=1
        ),
        Question("lost", "What was built at Dunmere 3?", "end", 1, lost, (), marked=1, mapped=1),
        Question("open", "What is a sea wall for?", "end", 1, (), ()),
    ]


def bench(engine: Engine | None, encoder: CachedEncoder, asked: Sequence[Question] | None = None) -> Bench:
    asked = questions() if asked is None else asked
    resolved = engine.resolved if engine is not None else resolve({"encoder": "hashing"})
    return Bench(Dataset("towns", questions=lambda: iter(asked)), asked, engine, resolved, encoder)


INDEXED = ("hipporag", "hipporag2", "raptor")
"""Systems that make an index of their own: see test_eval_graphs.py."""

TEXTS = ["the cat sat", "the cat saw the other cat", "a dog"]


def test_bm25_worked_by_hand() -> None:
    """Without `the` and `a` the texts have 2, 4 and 1 words, 7/3 on average; `cat` is in two of three of them."""
    found, scores = OkapiBM25(TEXTS, k1=0.9, b=0.4).search("Cats!", 10)
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    norm = {length: 0.9 * (1 - 0.4 + 0.4 * length / (7 / 3)) for length in (2, 4)}
    assert found.tolist() == [1, 0]
    np.testing.assert_allclose(scores, [idf * 2 / (2 + norm[4]), idf * 1 / (1 + norm[2])], rtol=1e-5)


def test_bm25_counts_a_word_as_often_as_it_is_asked_and_no_stop_words() -> None:
    bm25 = OkapiBM25(TEXTS)
    once, twice = bm25.search("dog", 1)[1], bm25.search("the dog dogs", 1)[1]
    np.testing.assert_allclose(twice, 2 * once)
    assert bm25.search("the a", 5)[0].size == bm25.search("", 5)[0].size == bm25.search("horse", 5)[0].size == 0
    plain = OkapiBM25(TEXTS, language="none")
    assert plain.search("the", 5)[0].tolist() == [1, 0]
    assert plain.search("cats", 5)[0].size == 0
    assert OkapiBM25(["les chevaux", "le chien"], language="fr").search("cheval", 5)[0].tolist() == [0]


@pytest.mark.parametrize("texts", [[], ["", " "], ["the"]])
def test_bm25_over_nothing_finds_nothing(texts: list[str]) -> None:
    assert OkapiBM25(texts).search("the cat", 5)[0].size == 0


WORDS = st.lists(st.sampled_from(["ox", "elk", "bee", "cod", "7", "ö"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=9), WORDS, st.integers(1, 9))
def test_bm25_is_the_formula(texts: list[list[str]], question: list[str], limit: int) -> None:
    found, scores = OkapiBM25(map(" ".join, texts), language="none").search(" ".join(question), limit)
    mean = max(sum(map(len, texts)) / len(texts), 1)
    expected = []
    for text in texts:
        score = 0.0
        for word in question:
            df = sum(word in other for other in texts)
            tf = text.count(word)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + 0.9 * (1 - 0.4 + 0.4 * len(text) / mean)) if tf else 0
        expected.append(score)
    order = [place for place in sorted(range(len(texts)), key=lambda place: -expected[place]) if expected[place] > 0]
    np.testing.assert_allclose(scores, [expected[place] for place in order[:limit]], rtol=1e-4)
    np.testing.assert_allclose([expected[place] for place in found.tolist()], scores, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in system_names() if name not in INDEXED])
def test_every_system_finds_the_town_that_is_named_and_only_documents_that_count(engine: Engine, name: str) -> None:
    texts = ["What was built at Carrow 22?", "the engineer of Dunmere 3", "edition 2 of report 5"]
    rankings = list(make_system(name, engine, 20)(texts))
    assert len(rankings) == len(texts)
    live = {id_ for id_, _ in engine.documents()}
    for found in rankings:
        assert 0 < len(found.documents) <= 20
        assert len(set(found.documents)) == len(found.documents)
        assert set(found.documents) <= live
        assert len(set(found.passages)) == len(found.passages) <= 20
        if found.passages:
            assert found.passages[0].rpartition("#")[0] == found.documents[0]
            for passage in found.passages:
                id_, _, index = passage.rpartition("#")
                assert int(index) < len(engine.snapshot.parsed(engine.snapshot.by_id[id_]).passages)
    if name != "dense":
        assert "towns/0022.txt" in rankings[0].documents[:3]
    assert list(make_system(name, engine, 20)([])) == []


def test_dense_is_the_cosine_of_the_best_passage(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions are encoded without the cache, whose half precision would change the last digits."""
    texts = ["the dinner at the opening", "tramway flood", "observatory"]
    expected = []
    for query in plain_encoder(engine.encoder).encode(texts, kind="query"):
        best = {
            id_: float(max(engine.snapshot.passage_vectors(number).astype(np.float32) @ query))
            for id_, number in engine.snapshot.by_id.items()
        }
        expected.append(best)
    for held in (1 << 20, 1):  # Vectors in single precision, and as the index has them.
        monkeypatch.setattr(ranking, "_HELD_PASSAGES", held)
        for found, best in zip(make_system("dense", engine, 200)(texts), expected, strict=True):
            assert set(found.documents) == set(best)
            values = [best[id_] for id_ in found.documents]
            np.testing.assert_allclose(values, sorted(best.values(), reverse=True), atol=1e-6)


def test_with_every_document_open_pooled_search_ranks_what_exhaustive_search_ranks(engine: Engine) -> None:
    texts = ["tramway flood", "the engineer wrote", "observatory of Hollin 8"]
    pooled, exhaustive = (list(make_system(name, engine, 60)(texts)) for name in ("pooled", "exhaustive"))
    for one, other in zip(pooled, exhaustive, strict=True):
        assert one.documents == other.documents
        assert one.passages == other.passages


def test_an_unknown_system_is_a_usage_error(engine: Engine, encoder: CachedEncoder) -> None:
    with pytest.raises(UsageError, match=r"no retrieval system 'splade'.*bm25-reference"):
        make_system("splade", engine)
    with pytest.raises(UsageError, match="splade"):
        measure_retrieval(bench(engine, encoder), systems=["splade"])


def test_the_result_holds_the_figures_of_what_was_found(engine: Engine, encoder: CachedEncoder) -> None:
    asked = bench(engine, encoder)
    runs: dict[str, dict[str, list[str]]] = {}
    result = measure_retrieval(asked, cutoffs=(10, 1, 5, 10), runs=runs)
    assert (result.task, result.dataset, result.n) == ("retrieval", "towns", 14)
    assert list(result.baselines) == list(SYSTEMS[1:])
    # Without the cache, whose rounding of questions may turn what is nearly a tie.
    plain = HybridRetriever(engine.snapshot, engine.retriever.derived, plain_encoder(encoder), engine.settings)
    own = {
        question.id: plain.rank_documents(plain.rank(" ".join(question.text.split())))[:10]
        for question in asked.questions
        if question.gold
    }
    assert runs["pooled"] == own
    expected = score_run(document_judgements(asked.questions), own, (1, 5, 10))
    for row, (id_, figures) in zip(result.rows, expected.items(), strict=True):
        assert row["id"] == id_
        assert {name: row["metrics"][name] for name in figures} == figures
        for name, run in runs.items():
            if name in result.baselines:
                again = score_run(document_judgements(asked.questions), run, (1, 5, 10))[id_]
                assert {figure: row["baselines"][name][figure] for figure in again} == again
    for name in ("R@10", "nDCG@10", "RR", "Success@1", "all_gold@10", "pieces@10"):
        assert result.metrics[name] == pytest.approx(sum(row[name] for row in expected.values()) / 14)
    assert result.metrics["Success@5"] > 0.7
    assert 0 < result.metrics["p50_ms"] <= result.metrics["p95_ms"]
    json.dumps([result.rows, result.metrics, result.baselines, result.groups, result.curves, result.corpus])


def test_passages_are_measured_where_their_characters_are_known(engine: Engine, encoder: CachedEncoder) -> None:
    result = measure_retrieval(bench(engine, encoder), systems=["bm25", "bm25-reference"])
    by_id = {row["id"]: row for row in result.rows}
    assert "passage_R@10" not in by_id["pair"]["metrics"]
    assert by_id["lost"]["metrics"]["passage_R@100"] == by_id["lost"]["metrics"]["R@100"] == 0
    figures = [row["metrics"]["passage_R@10"] for row in result.rows if row["id"] != "pair"]
    assert result.metrics["passage_R@10"] == pytest.approx(sum(figures) / 13)
    assert result.metrics["passage_R@10"] > 0.7
    assert "passage_R@10" in result.baselines["bm25"]
    assert "passage_R@10" not in result.baselines["bm25-reference"]
    assert all(figures["mean_ms"] > 0 for figures in result.baselines.values())
    assert set(result.curves["recall"][0]) == {"k", "pooled", "bm25", "bm25-reference"}
    assert set(result.curves["passage_recall"][0]) == {"k", "pooled", "bm25"}
    assert [point["k"] for point in result.curves["recall"]] == [1, 2, 5, 10, 20, 100]
    assert [point["pooled"] for point in result.curves["recall"]] == [
        result.metrics[f"R@{k}"] for k in (1, 2, 5, 10, 20, 100)
    ]
    assert result.groups["type"]["compare"]["n"] == result.groups["hops"]["2"]["n"] == 1
    assert result.groups["type"]["end"]["n"] == 13
    assert result.groups["type"]["compare"]["pieces@10"] == by_id["pair"]["metrics"]["pieces@10"]


def test_what_was_not_counted_or_not_there_is_told(engine: Engine, encoder: CachedEncoder) -> None:
    result = measure_retrieval(bench(engine, encoder), systems=[])
    notes = " ".join(result.notes)
    assert "1 of 15 questions have no gold evidence and are not counted." in notes
    assert "1 of 15 gold documents are not in the index and count as missed." in notes
    assert "over 13 of 14 questions" in notes
    assert "1 of 3 pieces of marked evidence were not found in the text." in notes
    live = [engine.document(id_) for id_, _ in engine.documents()]
    assert result.corpus["documents"] == len(live) == COUNT - 1
    assert result.corpus["characters"] == sum(len(document.text) for document in live)
    assert result.corpus["passages"] == sum(
        len(engine.snapshot.parsed(number).passages) for number in engine.snapshot.live_documents()
    )
    assert (result.corpus["gold_marked"], result.corpus["gold_mapped"]) == (3, 2)
    assert result.corpus["questions_without_gold"] == 1
    assert result.baselines == {}


def test_rows_show_gold_and_evidence_verbatim(engine: Engine, encoder: CachedEncoder) -> None:
    result = measure_retrieval(bench(engine, encoder), systems=[])
    row = result.rows[0]
    assert row["gold"][0]["document_id"] == "towns/0008.txt"
    assert row["gold"][0]["quote"] == "Here ends edition 1 of report 8."
    assert 0 < len(row["evidence"]) <= 5
    for shown in row["evidence"]:
        text = engine.document(shown["document_id"]).text
        assert Span(*shown["span"]).of(text).startswith(shown["text"].removesuffix("…"))
        assert len(shown["text"]) <= 400
    scores = [shown["score"] for shown in row["evidence"]]
    assert scores == sorted(scores, reverse=True)


def test_the_time_of_a_question_holds_that_of_its_encoding(engine: Engine, encoder: CachedEncoder) -> None:
    """The engine's own figures neither use nor fill the cache of vectors, so that a second run is not flattered."""
    measure_answerability(bench(engine, encoder))
    before = encoder.hits
    measure_answerability(bench(engine, encoder))
    judged = encoder.hits - before
    before, known = encoder.hits, encoder.misses
    measure_retrieval(bench(engine, encoder), systems=["exhaustive"])
    # Judging, which is not timed, is all that asks the cache.
    assert (encoder.hits - judged, encoder.misses) == (before, known)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda found: measure_retrieval(found, cutoffs=()), "cut-offs"),
        (lambda found: measure_retrieval(found, cutoffs=(0, 5)), "cut-offs must be at least 1, not 0, 5"),
    ],
)
def test_impossible_cutoffs(
    engine: Engine, encoder: CachedEncoder, call: Callable[[Bench], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        call(bench(engine, encoder))


def test_without_gold_or_documents_there_is_nothing_to_measure(engine: Engine, encoder: CachedEncoder) -> None:
    with pytest.raises(UsageError, match="no question of towns says which document answers it"):
        measure_retrieval(bench(engine, encoder, questions()[-1:]))
    with pytest.raises(UsageError, match="no documents to search"):
        measure_retrieval(bench(None, encoder))


def test_a_run_that_was_written_is_measured_alike(engine: Engine, encoder: CachedEncoder, tmp_path: Path) -> None:
    runs: dict[str, dict[str, list[str]]] = {}
    own = measure_retrieval(bench(engine, encoder), systems=["bm25"], runs=runs)
    write_run(tmp_path / "bm25.run", runs["bm25"])
    for searched in (engine, None):
        result = score_trec_run(bench(searched, encoder), tmp_path / "bm25.run")
        assert result.task == "retrieval"
        assert result.n == own.n
        for name, value in result.metrics.items():
            assert value == pytest.approx(own.baselines["bm25"][name])
        assert result.metrics["Success@5"] > 0.5
        assert [row["id"] for row in result.rows] == [row["id"] for row in own.rows]
        assert set(result.curves["recall"][0]) == {"k", "bm25"}


def test_what_a_foreign_run_lacks_or_invents_is_told(engine: Engine, encoder: CachedEncoder, tmp_path: Path) -> None:
    path = tmp_path / "other.run"
    write_run(path, {"pair": ["towns/0021.txt", "towns/9999.txt"], "unheard of": ["towns/0001.txt"]})
    result = score_trec_run(bench(engine, encoder), path, cutoffs=(1, 10))
    assert result.metrics["R@10"] == pytest.approx(0.5 / 14)
    notes = " ".join(result.notes)
    assert "lacks 13 of 14 questions, which score 0." in notes
    assert "1 of the 2 documents of the run are not in the index." in notes
    write_run(path, {"17": ["towns/0001.txt"]})
    with pytest.raises(UsageError, match="answers none of the questions of towns"):
        score_trec_run(bench(engine, encoder), path)
    path.write_text("pair towns/0001.txt\n")
    with pytest.raises(LoadError, match=r"other\.run, line 1: 2 columns"):
        score_trec_run(bench(engine, encoder), path)
