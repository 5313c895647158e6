"""The baselines that most of multi-hop retrieval is measured against do what their papers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import Dataset, Gold, Question
from odqa.engine import Engine
from odqa.errors import UsageError
from odqa.evaluate.bench import Bench, plain_encoder
from odqa.evaluate.retrieval.graphs import hipporag, names, raptor, stored
from odqa.evaluate.retrieval.graphs.hipporag import find_synonyms, personalized_pagerank, transitions
from odqa.evaluate.retrieval.graphs.names import named_sentences, phrase_key, question_names
from odqa.evaluate.retrieval.ranking import FlatPassages, Prepared, System
from odqa.evaluate.retrieval.rrf import Titles
from odqa.evaluate.retrieval.systems import make_system
from odqa.evaluate.retrieval.task import measure_retrieval
from odqa.evaluate.vectors import CachedEncoder
from odqa.index.encoder import make_encoder
from odqa.schema import Document
from odqa.settings import Settings, resolve
from tests.towns import towns

QUESTION = "In which town was the director of Marsh Lantern raised?"


def page(title: str, *sentences: str) -> Document:
    builder = DocumentBuilder(title, title=title)
    builder.paragraph(" ".join(sentences))
    return builder.build()


def pages() -> list[Document]:
    """A film and its director, who is raised in a town that the film's page does not name; and other reports."""
    return [
        page(
            "Marsh Lantern (film)", "Marsh Lantern is a film directed by Edda Quell.", "It was praised for its light."
        ),
        page("Edda Quell", "Edda Quell was raised in Varnholt.", "Her father kept bees."),
        page("The Lantern", "The Lantern is a town magazine about raised beds.", "A director edits it."),
        page("Quell", "Quell is the name of a town."),
        *towns(8),
    ]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODQA_CACHE", str(folder))
        patch.setattr(raptor, "MOST_CLUSTERS", 6)  # Fifty mixtures for each cluster would take half a minute.
        yield folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("graphs") / "g.odqa"
    given = {"encoder": "hashing", "passage_tokens": 40, "segment_passages": 64}
    Engine.build(pages(), index, settings=Settings(**given)).close()  # type: ignore[arg-type]
    encoder = CachedEncoder(make_encoder(Settings(encoder="hashing")))
    with Engine(index, resolve(given), encoder=encoder) as engine:
        engine.remove("towns/0003.txt")
        yield engine


def first(system: System, question: str = QUESTION) -> list[str]:
    (ranking,) = system([question])
    return list(ranking.documents)


def test_pagerank_solves_its_equation() -> None:
    """mass = damping · W · mass + (1 − damping) · start; what reaches a node without edges starts again."""
    rng = np.random.default_rng(1)
    weights = np.triu(rng.random((9, 9)) * (rng.random((9, 9)) < 0.4), 1)
    weights += weights.T
    weights[4] = weights[:, 4] = 0
    start = rng.random(9)
    mass = personalized_pagerank(transitions(csr_array(weights)), start, 0.5)
    totals = weights.sum(axis=0)
    walk = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    walk[:, totals == 0] = (start / start.sum())[:, None]
    expected = np.linalg.solve(np.eye(9) - 0.5 * walk, 0.5 * start / start.sum())
    np.testing.assert_allclose(mass, expected, atol=2e-6)
    assert mass.sum() == pytest.approx(1)


def test_pagerank_worked_by_hand() -> None:
    """Two nodes that only lead to each other, from one of them: 2/3 stay, 1/3 is where the walk goes."""
    walk = transitions(csr_array(np.array([[0.0, 3.0], [3.0, 0.0]])))
    np.testing.assert_allclose(personalized_pagerank(walk, np.array([5.0, 0.0])), [2 / 3, 1 / 3], atol=1e-5)


def test_sentences_have_the_title_and_the_names_in_them(engine: Engine) -> None:
    sentences = {sentence.text: sentence.phrases for sentence in named_sentences(engine.snapshot)}
    said = "Marsh Lantern (film): Marsh Lantern is a film directed by Edda Quell."
    assert sentences[said] == ("marsh lantern", "edda quell")
    assert sentences["Marsh Lantern (film): It was praised for its light."] == ("marsh lantern",)
    assert sentences["Edda Quell: Edda Quell was raised in Varnholt."] == ("edda quell", "varnholt")
    assert not any("Dunmere 3" in text for text in sentences)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who directed Marsh Lantern?", ["marsh lantern"]),
        ("who directed marsh lantern and what is a quell", ["marsh lantern"]),
        ("What did Edda Quell and Ruth Aldane see in Oslo?", ["edda quell", "ruth aldane", "oslo"]),
        ("Why do bees dance?", []),
        ("Quell?", ["quell"]),
        ("", []),
    ],
)
def test_names_of_questions(question: str, expected: list[str]) -> None:
    known = frozenset({"marsh lantern", "quell", "edda quell", "bees"})
    assert sorted(question_names(question, known)) == sorted(expected)


def test_phrases_are_compared_by_their_letters() -> None:
    assert phrase_key("  Ahlborn & Reyes, Ltd. ") == "ahlborn reyes ltd"
    assert phrase_key("STRASSE") == phrase_key("straße")
    assert phrase_key("…") == ""


def test_synonyms_are_all_pairs_from_a_cosine_of_four_fifths(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    phrases = [f"phrase {n}" if n else "ab" for n in range(40)]  # Two letters are too few to be alike.
    expected = {(i, j) for i in range(1, 40) for j in range(i + 1, 40) if vectors[i] @ vectors[j] > 0.8}
    for block in (1024, 7):
        monkeypatch.setattr(hipporag, "_BLOCK", block)
        pairs, cosines = find_synonyms(phrases, vectors)
        assert set(map(tuple, pairs.tolist())) == expected
        assert len(pairs) == len(expected)
        np.testing.assert_allclose(cosines, [vectors[i] @ vectors[j] for i, j in pairs], atol=1e-6)
    assert find_synonyms([], np.zeros((0, 3), np.float32))[0].shape == (0, 2)


@pytest.mark.parametrize(("name", "among"), [("hipporag", 2), ("hipporag2", 3)])
def test_hipporag_walks_to_the_page_that_the_question_does_not_name(engine: Engine, name: str, among: int) -> None:
    found = first(make_system(name, engine, 10))
    assert set(found[:among]) >= {"Marsh Lantern (film)", "Edda Quell"}
    assert "towns/0003.txt" not in found


def test_hipporag_starts_from_rare_phrases_and_ranks_by_their_mass(engine: Engine) -> None:
    """The whole of the first paper's formula, with dense matrices: s = 1 / |passages|, mass · counts."""
    arrays = hipporag.build_graph(engine)
    phrases = arrays["phrases"].tolist()
    weights = np.zeros((len(phrases),) * 2)
    for pairs, values in (("relations", "relation_counts"), ("synonyms", "synonym_cosines")):
        for (one, two), value in zip(arrays[pairs].tolist(), arrays[values].tolist(), strict=True):
            weights[one, two] += value
            weights[two, one] += value
    counts = np.zeros((int(engine.snapshot.first_passage[-1]), len(phrases)))
    for (passage, phrase), count in zip(arrays["contains"].tolist(), arrays["contains_counts"].tolist(), strict=True):
        counts[passage, phrase] = count
    start = np.zeros(len(phrases))
    for phrase in ("marsh lantern", "quell"):
        start[phrases.index(phrase)] = 1 / (counts[:, phrases.index(phrase)] > 0).sum()
    totals = weights.sum(axis=0)
    walk = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    walk[:, totals == 0] = (start / start.sum())[:, None]
    mass = np.linalg.solve(np.eye(len(phrases)) - 0.5 * walk, 0.5 * start / start.sum())
    scores = counts @ mass
    (ranking,) = make_system("hipporag", engine, 5)(["Does Marsh Lantern show Quell?"])
    best = np.argsort(-scores, kind="stable")[:3]
    owners = np.searchsorted(engine.snapshot.first_passage, best, side="right") - 1
    assert (
        list(dict.fromkeys(engine.snapshot.ids[owner] for owner in owners))
        == list(ranking.documents)[: len(set(owners))]
    )


def test_without_a_name_hipporag_is_dense_retrieval(engine: Engine) -> None:
    question = "why was the stone late"
    assert first(make_system("hipporag", engine, 5), question) == first(make_system("dense", engine, 5), question)


def test_clusters_cover_everything_and_are_split_where_they_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(3, 20)) * 5
    vectors = np.concatenate([centre + rng.normal(size=(30, 20)) for centre in centres]).astype(np.float32)
    clusters = raptor.cluster(vectors, np.ones(90, np.int64))
    assert set(np.concatenate(clusters).tolist()) == set(range(90))
    assert len({members.tobytes() for members in clusters}) == len(clusters) >= 3
    for members in clusters:
        assert len(set((members // 30).tolist())) == 1
    again = raptor.cluster(vectors, np.ones(90, np.int64))
    assert [members.tolist() for members in again] == [members.tolist() for members in clusters]


def test_raptor_summaries_are_made_of_sentences_and_stand_for_passages(engine: Engine) -> None:
    nodes, sentences = raptor._read(engine)
    arrays = raptor.build_tree(engine)
    assert len(arrays["summary_vectors"]) == len(arrays["layers"]) == len(arrays["leaf_ends"]) > 0
    assert (np.diff(arrays["layers"]) >= 0).all()
    lower = arrays["leaves"][: arrays["leaf_ends"][np.count_nonzero(arrays["layers"] == 1) - 1]]
    assert set(lower.tolist()) == set(range(len(nodes)))
    summary = raptor._summarized(nodes, np.arange(5), sentences)
    assert list(summary.leaves) == [0, 1, 2, 3, 4]
    assert {*summary.sentences} <= {place for node in nodes[:5] for place in node.sentences}
    tokens = [sentences.tokens[place] for place in summary.sentences]
    assert sum(tokens) - max(tokens) < raptor.SUMMARY_TOKENS


def test_raptor_ranks_passages_and_those_below_summaries_as_near_as_these(engine: Engine) -> None:
    system = raptor.Raptor(engine, 400)
    (ranking,) = system([QUESTION])
    flat = FlatPassages(engine)
    query = plain_encoder(engine.encoder).encode([QUESTION], kind="query")[0]
    cosines = flat.cosines(query)
    arrays = raptor.build_tree(engine)
    ends = [0, *arrays["leaf_ends"].tolist()]
    own = list(cosines)
    for summary, vector in enumerate(arrays["summary_vectors"].astype(np.float32)):
        for leaf in arrays["leaves"][ends[summary] : ends[summary + 1]]:
            own[leaf] = max(own[leaf], float(vector @ query))
    expected = sorted(range(len(own)), key=lambda leaf: (-own[leaf], -cosines[leaf]))
    passages = flat.numbers[np.array(expected)]
    owners = np.searchsorted(engine.snapshot.first_passage, passages, side="right") - 1
    assert list(ranking.documents) == list(dict.fromkeys(engine.snapshot.ids[owner] for owner in owners))


def test_rrf_is_the_formula_over_dense_and_bm25(engine: Engine) -> None:
    question = "the engineer of Carrow 2 and the tramway"
    flat = FlatPassages(engine)
    rankings = [
        flat.search(flat.encode([question])[0], 100).tolist(),
        engine.retriever.derived.lexical.passages(question, 100)[0].tolist(),
    ]
    scores = {
        passage: sum(1 / (60 + found.index(passage) + 1) for found in rankings if passage in found)
        for passage in {*rankings[0], *rankings[1]}
    }
    (ranking,) = make_system("rrf", engine, 10)([question])
    order = sorted(scores, key=lambda passage: (-scores[passage], passage))[:10]
    owners = np.searchsorted(engine.snapshot.first_passage, order, side="right") - 1
    assert [passage.rpartition("#")[0] for passage in ranking.passages] == [engine.snapshot.ids[n] for n in owners]


def test_titles_are_found_as_whole_words_the_longest_first(engine: Engine) -> None:
    titles, ids = Titles(engine.snapshot), engine.snapshot.ids
    found = titles.mentioned_in(["Edda Quell saw Marsh Lantern.", "Quells and the lantern, quell, EDDA QUELL"])
    assert [ids[number] for number in found] == ["Edda Quell", "Marsh Lantern (film)"]
    assert [ids[number] for number in titles.mentioned_in(["Quell's"])] == ["Quell"]
    assert titles.mentioned_in(["Works at Dunmere 3", ""]) == []


def test_titles_bring_the_page_that_the_question_does_not_name(engine: Engine) -> None:
    question = "Where did the maker of Marsh Lantern grow up?"
    plain, titled = (first(make_system(name, engine, 10), question) for name in ("rrf", "rrf-titles"))
    assert "Edda Quell" not in plain[:5]
    assert "Edda Quell" in titled[:5]


def test_an_index_is_kept_until_the_documents_or_the_code_change(engine: Engine, cache: Path) -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"numbers": np.arange(3), "words": np.array(["a", "bc"])}

    one, two = (stored.stored(engine, "thing", [names], make) for _ in range(2))
    assert len(made) == 1
    assert two.arrays["words"].tolist() == ["a", "bc"]
    assert two.seconds == one.seconds > 0
    (path,) = (cache / "evaluate" / "systems").glob(f"thing-{engine.snapshot.manifest.stamp}-*.npz")
    stored.stored(engine, "thing", [names, hipporag], make)
    assert len(made) == 2
    path.write_bytes(path.read_bytes()[:50])
    stored.stored(engine, "thing", [names], make)
    assert len(made) == 3


def test_too_large_a_collection_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_PASSAGES", 10)
    for name in ("hipporag", "hipporag2", "raptor"):
        with pytest.raises(UsageError, match=r"would take hours.*it is measured up to 10 \(leave it out of --systems"):
            make_system(name, engine, 10)


def test_an_evaluation_tells_the_time_of_every_system_and_of_its_index(engine: Engine) -> None:
    asked = [Question("q", QUESTION, "bridge", 2, (Gold("Marsh Lantern (film)"), Gold("Edda Quell")), ())]
    assert isinstance(engine.encoder, CachedEncoder)
    bench = Bench(Dataset("films", questions=lambda: iter(asked)), asked, engine, engine.resolved, engine.encoder)
    chosen = ["rrf", "rrf-titles", "hipporag", "hipporag2", "raptor"]
    result = measure_retrieval(bench, systems=chosen)
    assert list(result.baselines) == chosen
    for figures in result.baselines.values():
        assert figures["mean_ms"] > 0
        assert {"R@2", "all_gold@10"} <= set(figures)
    assert result.baselines["hipporag"]["all_gold@2"] == 1
    for name in ("HippoRAG: ", "HippoRAG 2: ", "RAPTOR: "):
        assert any(note.startswith(name) and "beside the index" in note for note in result.notes)
    assert isinstance(raptor.Raptor(engine, 5), Prepared)


def test_over_nothing_there_is_nothing_to_find(tmp_path: Path) -> None:
    settings = Settings(encoder="hashing")
    with Engine.build([page("", "...")], tmp_path / "e.odqa", settings=settings) as engine:
        for name in ("rrf", "rrf-titles", "hipporag", "hipporag2", "raptor"):
            assert all(ranking.documents in ([], [""]) for ranking in make_system(name, engine, 5)(["Why?", "Oslo"]))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_question_has_names_or_none(question: str) -> None:
    for name in question_names(question, frozenset({"a b"})):
        assert name == phrase_key(name)
        assert name in phrase_key(question)
