"""Pooling is measured on what an index would hold, against references that differ in one thing, by honest figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from odqa.data.datasets import Dataset, Gold, Question
from odqa.engine import Engine
from odqa.errors import UsageError
from odqa.evaluate.bench import Bench
from odqa.evaluate.pooling import figures as pooled_figures
from odqa.evaluate.pooling import ivf
from odqa.evaluate.pooling.figures import Run, Scores
from odqa.evaluate.pooling.search import (
    ListsRetriever,
    PassageScores,
    PlainDenseFirstRetriever,
    ScoredRetriever,
    derived_of,
)
from odqa.evaluate.pooling.task import measure_pooling
from odqa.evaluate.pooling.view import PooledView, mean_spans, pool_snapshot
from odqa.evaluate.result import Result
from odqa.evaluate.vectors import CachedEncoder
from odqa.index.codes import choose_code
from odqa.index.encoder import make_encoder
from odqa.retriever.fusion import reciprocal_rank
from odqa.retriever.search import HybridRetriever
from odqa.schema import Document, Span
from odqa.settings import Settings, resolve
from tests.towns import NAMES, town

SETTINGS = Settings(
    encoder="hashing", pooling=4, passage_tokens=40, documents=6, candidates=60, segment_passages=200, hops=1
)
COUNT = 30
QUESTIONS = [
    "Why was the work of Carrow 22 delayed?",
    "the observatory of Hollin and what it cost",
    "a dinner for many guests after the flood",
    "nobody had measured it twice",
    "Farholt 5",
    "the of and",
]


def documents() -> list[Document]:
    """Towns of many lengths: some of them a single entry at every size."""
    return [town(number, paragraphs=2 + 5 * (number % 4)) for number in range(COUNT)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> CachedEncoder:
    return CachedEncoder(make_encoder(SETTINGS), tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory, encoder: CachedEncoder) -> Iterator[dict[int, Engine]]:
    """Real indexes of three poolings, each with a document that was removed and one that was replaced."""
    opened = {}
    for size in (2, 4, 40):
        path = tmp_path_factory.mktemp("pooling") / f"{size}.odqa"
        settings = SETTINGS.replace(pooling=size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("odqa.index.update.make_encoder", lambda _: encoder)
            Engine.build([*documents(), town(40), town(41)], path, settings=settings).close()
            Engine.open(path, settings=settings).remove(["towns/0041.txt"])
            Engine.open(path, settings=settings).add([town(40, edition=2)])
        opened[size] = Engine(path, resolve(dict(_given(settings))), encoder=encoder)
    yield opened
    for engine in opened.values():
        engine.close()


def _given(settings: Settings) -> Iterator[tuple[str, object]]:
    return ((name, getattr(settings, name)) for name in settings.__dataclass_fields__)


def retriever(engine: Engine, size: int, *, shared: bool) -> HybridRetriever:
    snapshot, lexical = engine.snapshot, engine.retriever.derived.lexical
    pooled, _ = pool_snapshot(snapshot, [size])
    view = PooledView(snapshot, pooled[size])
    if not shared:
        return HybridRetriever(view, derived_of(lexical, lexical, view.dense_index()), engine.encoder, engine.settings)
    scores = PassageScores(snapshot, lexical)
    derived = derived_of(lexical, scores, view.dense_index())
    return ScoredRetriever(view, derived, engine.encoder, engine.settings, scores)


def exhaustive(engine: Engine) -> ScoredRetriever:
    scores = PassageScores(engine.snapshot, engine.retriever.derived.lexical)
    derived = derived_of(engine.retriever.derived.lexical, scores, engine.retriever.derived.dense)
    return ScoredRetriever(engine.snapshot, derived, engine.encoder, engine.settings, scores)


@pytest.mark.parametrize(("known", "size"), [(4, 2), (4, 40), (40, 4), (2, 2)])
def test_a_view_holds_and_finds_what_an_index_of_that_size_does(
    engines: dict[int, Engine], known: int, size: int
) -> None:
    real = engines[size]
    found = retriever(engines[known], size, shared=False)
    for number in real.snapshot.live_documents():
        mine = found.snapshot.by_id[real.snapshot.ids[number]]
        assert found.snapshot.entries(mine) == real.snapshot.entries(number)
        assert found.snapshot.searchable(mine) == real.snapshot.searchable(number)
        rows = [slice(*s.first_entry[n : n + 2].tolist()) for s, n in ((found.snapshot, mine), (real.snapshot, number))]
        vectors = [np.concatenate(list(s.entry_vectors())) for s in (found.snapshot, real.snapshot)]
        np.testing.assert_array_equal(vectors[0][rows[0]], vectors[1][rows[1]])
    for question in QUESTIONS:
        mine, theirs = found.rank(question), real.retriever.rank(question)
        # The codes of an index are centred on what it held when it was begun, so they may choose other candidates.
        assert len(set(named(found, mine.passages)) ^ set(named(real.retriever, theirs.passages))) <= 8
        shared = mine.parts["entry"].keys() & {
            found.snapshot.by_id[real.snapshot.ids[number]] for number in theirs.parts["entry"]
        }
        entry = by_id(real.retriever, theirs.parts["entry"])
        assert shared
        assert all(entry[found.snapshot.ids[number]] == mine.parts["entry"][number] for number in shared)


def named(retriever: HybridRetriever, passages: np.ndarray) -> list[tuple[str, int]]:
    first = retriever.snapshot.first_passage
    owners = np.searchsorted(first, passages, side="right") - 1
    return [(retriever.snapshot.ids[o], int(p - first[o])) for o, p in zip(owners, passages, strict=True)]


def by_id(retriever: HybridRetriever, parts: dict[int, float]) -> dict[str, float]:
    return {retriever.snapshot.ids[number]: pytest.approx(score) for number, score in parts.items()}


def test_scores_looked_up_are_scores_computed(engines: dict[int, Engine]) -> None:
    engine = engines[4]
    shared, plain = retriever(engine, 2, shared=True), retriever(engine, 2, shared=False)
    assert isinstance(shared, ScoredRetriever)
    full = ScoredRetriever(
        engine.snapshot,
        derived_of(engine.retriever.derived.lexical, shared.shared, engine.retriever.derived.dense),
        engine.encoder,
        engine.settings,
        shared.shared,
    )
    for row in shared.shared.over(QUESTIONS, engine.encoder.encode(QUESTIONS, kind="query")):
        pairs = [
            (shared.rank(QUESTIONS[row]), plain.rank(QUESTIONS[row])),
            (full.rank(QUESTIONS[row], exhaustive=True), engine.retriever.rank(QUESTIONS[row], exhaustive=True)),
        ]
        for looked_up, computed in pairs:
            assert looked_up.passages.tolist() == computed.passages.tolist()
            for part in ("dense", "bm25"):
                assert dict(looked_up.parts[part]) == pytest.approx(dict(computed.parts[part]), abs=1e-5)


def test_plain_means_are_plain_and_as_many_as_the_entries(engines: dict[int, Engine]) -> None:
    assert mean_spans(0, 4) == []
    assert mean_spans(3, 4) == [(0, 3)]
    assert mean_spans(8, 4) == [(0, 4), (4, 8)]
    assert mean_spans(11, 4) == [(0, 4), (4, 11)]
    snapshot = engines[4].snapshot
    _, means = pool_snapshot(snapshot, [3])
    view = PooledView(snapshot, means[3])
    number = snapshot.by_id["towns/0003.txt"]
    passages = snapshot.passage_vectors(number).astype(np.float32)
    entries = view.entries(number)
    assert len(entries) == max(1, len(passages) // 3)
    own = np.concatenate(list(view.entry_vectors()))[slice(*view.first_entry[number : number + 2].tolist())]
    for entry, vector in zip(entries, own, strict=True):
        mean = passages[entry.first : entry.last].mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-3)


def test_bare_vectors_open_the_documents_of_the_nearest_entries(engines: dict[int, Engine]) -> None:
    engine = engines[4]
    snapshot = PooledView(engine.snapshot, pool_snapshot(engine.snapshot, [4])[1][4])
    scores = PassageScores(engine.snapshot, engine.retriever.derived.lexical)
    derived = derived_of(engine.retriever.derived.lexical, scores, snapshot.dense_index())
    like = bare = PlainDenseFirstRetriever(snapshot, derived, engine.encoder, engine.settings, scores)
    for row in like.shared.over(QUESTIONS, engine.encoder.encode(QUESTIONS, kind="query")):
        query = engine.encoder.encode([QUESTIONS[row]], kind="query")[0]
        values = np.concatenate(list(snapshot.entry_vectors())) @ query
        order = np.argsort(-values, kind="stable")
        nearest = list(dict.fromkeys(snapshot.entry_document[order].tolist()))[: engine.settings.documents]
        # Half precision may order what is nearly equal otherwise, so the last one and its like are let in.
        least = values[order[engine.settings.candidates - 1]] - 1e-3
        let_in = snapshot.entry_document[values >= values[snapshot.entry_document == nearest[-1]].max() - 1e-3]
        read = [range(*snapshot.entry_passage[e : e + 2].tolist()) for e in np.flatnonzero(values >= least)]
        read += [range(*snapshot.first_passage[n : n + 2].tolist()) for n in let_in]
        ranked = bare.rank(QUESTIONS[row])
        assert set(ranked.passages.tolist()) <= {passage for some in read for passage in some}
        best = snapshot.entry_document[np.flatnonzero(values >= values.max() - 1e-3)]
        assert next(iter(ranked.parts["document"])) in best


def test_inverted_lists_find_what_faiss_finds_in_them(engines: dict[int, Engine]) -> None:
    import faiss

    engine = engines[4]
    like = exhaustive(engine)
    lists = ivf.train(engine.snapshot, 12, seed=3)
    assert len(lists) == 12
    numbers = like.shared.live
    assert (np.flatnonzero(lists.list_of >= 0) == numbers).all()
    vectors = np.concatenate([np.asarray(v, np.float32) for _, v in engine.snapshot.live_passage_vectors()])
    reference = faiss.IndexIVFFlat(lists.quantizer, engine.snapshot.dimension, 12, faiss.METRIC_INNER_PRODUCT)
    reference.add(vectors)
    reference.nprobe = 3
    probing = ListsRetriever(like, lists, 3, dense_first=False)
    queries = engine.encoder.encode(QUESTIONS, kind="query")
    scored = []
    for row in like.shared.over(QUESTIONS, queries):
        ranked = probing.rank(QUESTIONS[row], exhaustive=True)
        scores, found = reference.search(queries[row : row + 1], engine.settings.candidates)
        expected = dict(zip(numbers[found[0][found[0] >= 0]].tolist(), scores[0][found[0] >= 0].tolist(), strict=True))
        assert dict(ranked.parts["dense"]) == pytest.approx(expected, abs=1e-5)
        bm25 = engine.retriever.rank(QUESTIONS[row], exhaustive=True).parts["bm25"]
        assert dict(ranked.parts["bm25"]) == dict(bm25)
        inside = set(np.flatnonzero(lists.probed(lists.nearest(queries[row : row + 1], 3)[0])).tolist())
        scored.append(len(inside))
        bare = ListsRetriever(like, lists, 3, dense_first=True).rank(QUESTIONS[row], exhaustive=True)
        assert set(bare.passages.tolist()) <= inside
    probes, mean = lists.probes_for(queries, float(np.mean(scored)))
    assert (probes, mean) == (3, pytest.approx(np.mean(scored)))
    assert lists.probes_for(queries, 1e9) == (12, pytest.approx(len(numbers)))


def test_probing_every_list_is_exhaustive_search(engines: dict[int, Engine]) -> None:
    like = exhaustive(engines[4])
    lists = ivf.train(engines[4].snapshot, 10**6, seed=3)
    assert len(lists) == len(like.shared.live)  # As many lists as passages is as many as there can be.
    every = [ListsRetriever(like, lists, len(lists), dense_first=alone) for alone in (False, True)]
    for row in like.shared.over(QUESTIONS, engines[4].encoder.encode(QUESTIONS, kind="query")):
        expected = like.rank(QUESTIONS[row], exhaustive=True)
        for retriever in every:
            ranked = retriever.rank(QUESTIONS[row], exhaustive=True)
            assert ranked.passages.tolist() == expected.passages.tolist()
            assert dict(ranked.parts["bm25"]) == dict(expected.parts["bm25"])


def test_another_question_than_was_scored_is_refused(engines: dict[int, Engine]) -> None:
    like = exhaustive(engines[4])
    next(like.shared.over(QUESTIONS, engines[4].encoder.encode(QUESTIONS, kind="query")))
    with pytest.raises(ValueError, match="another question"):
        like.rank(QUESTIONS[1], exhaustive=True)


def test_figures_between_points_lie_on_the_line_and_beyond_them_nowhere() -> None:
    points = [(4.0, 1.0), (12.0, 0.8), (20.0, 0.6), (20.0, 0.4)]
    assert pooled_figures.at(points, 8) == pytest.approx([0.9])
    assert pooled_figures.at(points, 12) == pytest.approx([0.8])
    assert pooled_figures.at(points, 16) == pytest.approx([0.65])  # Towards the mean of two points at 20.
    assert pooled_figures.at(points, 20.1) is None
    assert pooled_figures.at(points, 3) is None
    assert pooled_figures.at([], 3) is None


def test_recall_kept_by_hand() -> None:
    """Exhaustive search finds both documents of one question and one of another; pooling finds one of three."""
    gold = {"q": [frozenset({"a"}), frozenset({"b"})], "r": [frozenset({"c"})]}
    runs = {
        ("exhaustive", 0): Run(100, documents={"q": ["a", "b"], "r": ["c"]}),
        ("pooled", 8): Run(10, documents={"q": ["b", "x"], "r": ["c"]}),
        ("pooled", 32): Run(5, documents={"q": ["b", "x"], "r": ["x"]}),
    }
    scores = Scores(runs, gold, {})
    assert scores.means["pooled", 8] == pytest.approx(
        {"R@10": 0.75, "Success@10": 1.0, "all_gold@10": 0.5, "nDCG@10": (0.6131471927654584 + 1) / 2}
    )
    assert scores.points("pooled") == [(10.0, 0.75, 0.75), (20.0, 0.25, 0.25)]


def bench(engine: Engine, questions: list[Question], encoder: CachedEncoder) -> Bench:
    return Bench(Dataset("towns"), questions, engine, engine.resolved, encoder)


def question(number: int, *, kind: str = "cause", gold: bool = True) -> Question:
    name = f"{NAMES[number % len(NAMES)]} {number}"
    found = documents()[number].text.index("delayed because")
    evidence = (Gold(f"towns/{number:04d}.txt", (Span(found, found + 8),)),) if gold else ()
    return Question(str(number), f"Why was the work of {name} delayed?", kind, 1, evidence, (), marked=1, mapped=1)


@pytest.fixture(scope="module")
def measured(engines: dict[int, Engine], encoder: CachedEncoder) -> Result:
    questions = [question(number, kind="odd" if number % 2 else "even") for number in range(0, COUNT, 3)]
    return measure_pooling(bench(engines[4], [*questions, question(1, gold=False)], encoder), sizes=[2, 9, 20])


def test_a_measurement_accounts_for_itself(measured: Result, engines: dict[int, Engine]) -> None:
    snapshot = engines[4].snapshot
    curve = measured.curves["pooling"]
    assert [point["size"] for point in measured.curves["nominal size"]] == [2, 4, 9, 20]
    assert measured.corpus["entries"] == int(snapshot.live[snapshot.entry_document].sum())
    passages = measured.corpus["passages"]
    taken = measured.corpus["entries"] * choose_code(4, snapshot.dimension).size
    assert measured.metrics["megabytes"] == taken / 1e6
    assert measured.metrics["compression"] == pytest.approx(passages * snapshot.dimension * 2 / taken)
    assert measured.metrics["compression"] == curve[1]["compression"]
    assert measured.metrics["compression"] != 4  # Short documents have an entry too.
    assert measured.baselines["exhaustive"]["compression"] == 1
    assert measured.baselines["exhaustive"]["megabytes"] == passages * snapshot.dimension * 2 / 1e6
    assert measured.n == len(measured.rows) == 10
    assert {"exhaustive", "exhaustive-plain", "exhaustive-dense", "ivf", "mean", "mean-hybrid"} < set(
        measured.baselines
    )
    assert {"kept", "ivf_kept", "mean_kept", "mean_hybrid_kept", "entries_kept", "mean_entries_kept"} < set(curve[0])
    assert "passage_R@10" not in measured.baselines["entries"]  # It ranks documents.
    for system in ("ivf", "ivf-dense"):  # Equal memory, and no less work.
        assert measured.baselines[system]["megabytes"] == pytest.approx(measured.metrics["megabytes"], rel=0.01)
        assert measured.baselines[system]["passages_scored"] >= measured.metrics["passages_scored"]
    assert measured.metrics["passages_scored"] < passages
    assert any("name no document" in note for note in measured.notes)
    assert {"pool", "search", "train lists", "search lists"} <= set(measured.seconds)


def test_what_is_kept_is_a_ratio_of_recalls(measured: Result) -> None:
    rows = measured.rows
    pooled = np.mean([row["metrics"]["R@10"] for row in rows])
    reference = np.mean([row["baselines"]["exhaustive"]["R@10"] for row in rows])
    assert measured.metrics["kept_at_setting"] == pytest.approx(pooled / reference)
    assert measured.metrics["R@10"] == pytest.approx(pooled)
    assert measured.baselines["exhaustive"]["kept"] == 1
    assert measured.baselines["exhaustive"]["passage_kept"] == 1
    assert 0 < measured.metrics["passage_R@10"] <= 1
    assert {kind: group["n"] for kind, group in measured.groups["type"].items()} == {"even": 5, "odd": 5}
    odd = [row for row in rows if row["type"] == "odd"]
    expected = [np.mean([row[part]["R@10"] for row in odd]) for part in ("metrics",)]
    assert measured.groups["type"]["odd"]["R@10"] == pytest.approx(expected[0])


def test_a_compression_that_short_documents_forbid_has_no_figure(measured: Result) -> None:
    reached = [point["compression"] for point in measured.curves["pooling"]]
    assert max(reached) < 32
    assert "kept@32x" not in measured.metrics
    assert "ivf@32x" not in measured.baselines
    assert [note for note in measured.notes if "kept@32x is left out" in note]
    assert ("kept@8x" in measured.metrics) == (min(reached) <= 8 <= max(reached))


def test_exhaustive_is_the_engines_own_and_plain_is_its_two_rankings(
    measured: Result, engines: dict[int, Engine]
) -> None:
    engine, hits, plain_hits = engines[4], [], []
    for row in measured.rows:
        ranked = engine.retriever.rank(row["question"], exhaustive=True)
        hits.append(row["gold"][0] in engine.retriever.rank_documents(ranked)[:10])
        fused, _ = reciprocal_rank([np.array(list(ranked.parts[part])) for part in ("dense", "bm25")])
        ids = dict.fromkeys(id_ for id_, _ in named(engine.retriever, fused))
        plain_hits.append(row["gold"][0] in list(ids)[:10])
    assert measured.baselines["exhaustive"]["R@10"] == pytest.approx(np.mean(hits))
    assert measured.baselines["exhaustive-plain"]["R@10"] == pytest.approx(np.mean(plain_hits))


def test_types_can_be_chosen_and_wrong_calls_are_errors(engines: dict[int, Engine], encoder: CachedEncoder) -> None:
    questions = [question(0, kind="cause"), question(3, kind="plot"), question(1, gold=False)]
    found = measure_pooling(bench(engines[4], questions, encoder), sizes=[4], types=["cause"])
    assert [row["id"] for row in found.rows] == ["0"]
    for sizes, types, message in (([], None, "sizes"), ([0, 4], None, "sizes"), ([4], ["story"], "cause, plot")):
        with pytest.raises(UsageError, match=message):
            measure_pooling(bench(engines[4], questions, encoder), sizes=sizes, types=types)
    with pytest.raises(UsageError, match="no question"):
        measure_pooling(bench(engines[4], questions[2:], encoder))
