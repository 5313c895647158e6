"""The whole of `odqa eval summaries` on small collections, without a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from importlib.metadata import EntryPoint
from pathlib import Path
from statistics import fmean

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import Dataset, Gold, Question
from odqa.data.datasets.types import GoldSummary
from odqa.errors import UsageError
from odqa.evaluate.bench import Bench, open_bench
from odqa.evaluate.compare import compare
from odqa.evaluate.report.page import write_report
from odqa.evaluate.result import Result
from odqa.evaluate.storage import load, save
from odqa.evaluate.summaries import measure_summaries
from odqa.evaluate.summaries.search import FULL, search
from odqa.evaluate.summaries.systems import Summarizers
from odqa.evaluate.summaries.task import open_source
from odqa.evaluate.text import rouge, word_count
from odqa.schema import Document, FieldKind, ParsedDocument, Span, Statement, StructuredSummary, SummaryField
from odqa.settings import resolve
from tests.towns import NAMES, towns

for module in ("rouge_score", "ir_measures", "sumy"):
    pytest.importorskip(module)

COUNT = 12


def paper(number: int) -> Document:
    """Return the report of a town with an abstract before it; every fourth has none."""
    (report,) = towns(1) if number == 0 else towns(number + 1)[-1:]
    builder = DocumentBuilder(f"papers/{number}", title=report.title, source=f"papers/{number}")
    builder.heading(report.title)
    if number % 4:
        builder.heading("1. Abstract", 2)
        builder.paragraph(f"The vestry of {NAMES[number % len(NAMES)]} {number} kept ledgers. We read them anew.")
    builder.heading("Works", 2)
    for block in report.blocks[1:]:
        if str(block.kind) == "paragraph":
            builder.paragraph(block.span.of(report.text))
    return builder.build()


PAPERS = [paper(number) for number in range(COUNT)]
GOLD = [
    GoldSummary(
        document.id,
        (
            f"Ledgers of {document.title.removeprefix('Works at ')} were read anew. Nobody had measured it twice.",
            f"The engineer wrote that nobody had measured the works of {document.title.removeprefix('Works at ')}.",
        ),
    )
    for document in PAPERS[:-1]
]
QUESTIONS = [
    *(Question(f"q{n}", f"What was delayed at {d.title.split()[2]} {n}?", "delay", 1, (Gold(d.id),), ())
      for n, d in enumerate(PAPERS)),
    Question("q-none", "Who wrote Fidelio?", "foreign", 0, (), ()),
]  # fmt: skip


def dataset(folder: Path, *, gold: list[GoldSummary] | None = GOLD, questions: list[Question] = QUESTIONS) -> Dataset:
    file = folder / "papers.txt"
    file.write_text("1")
    summaries = None if gold is None else lambda: iter(gold)
    return Dataset("papers", lambda: iter(PAPERS), lambda: iter(questions), files=(file,), summaries=summaries)


def opened(data: Dataset) -> AbstractContextManager[Bench]:
    return open_bench(data, resolve({"encoder": "hashing", "pooling": 4}))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODQA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def bench(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with opened(dataset(tmp_path_factory.mktemp("papers"))) as found:
        yield found


@pytest.fixture(scope="module")
def result(bench: Bench) -> Result:
    return measure_summaries(bench)


def test_figures_are_means_of_the_documents_and_rouge_is_that_of_rouge_score(result: Result) -> None:
    documents = [row for row in result.rows if row["type"] == "document"]
    assert result.n == len(documents) == len(GOLD)
    for row, gold in zip(documents, GOLD, strict=True):
        assert row["id"] == gold.document_id
        assert row["references"] == list(gold.texts)
        for name, value in rouge(row["answer"], gold.texts).items():
            assert row["metrics"][name] == value
        assert row["metrics"]["words"] == word_count(row["answer"])
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum", "words"):
        assert result.metrics[name] == pytest.approx(fmean(row["metrics"][name] for row in documents))
        if name != "words":
            assert result.metrics[f"{name}_low"] <= result.metrics[name] <= result.metrics[f"{name}_high"]


def test_nobody_says_more_than_people_do(result: Result) -> None:
    longest = result.settings["words"]
    assert longest == round(fmean(word_count(text) for gold in GOLD for text in gold.texts))
    for row in result.rows:
        if row["type"] == "document":
            figures = {"engine": row["metrics"]} | row["baselines"]
            for name in figures.keys() - {"abstract", "human"}:
                assert figures[name]["words"] <= longest, name
            assert figures["lead"]["words"] == longest


def test_the_ceiling_is_above_and_what_people_share_is_measured(result: Result) -> None:
    assert result.baselines["oracle"]["rouge1"] > max(
        result.metrics["rouge1"], *(result.baselines[name]["rouge1"] for name in ("lead", "random", "textrank"))
    )
    gold = GOLD[0].texts
    row = result.rows[0]["baselines"]["human"]
    assert row["rouge2"] == pytest.approx(rouge(gold[0], gold[1:])["rouge2"])


def test_without_the_abstract_nothing_of_it_is_said(bench: Bench, result: Result) -> None:
    with_abstract = [document.id for number, document in enumerate(PAPERS[:-1]) if number % 4]
    for row in result.rows:
        if row["type"] == "document":
            assert (
                ("abstract" in row["baselines"]) == ("engine-body" in row["baselines"]) == (row["id"] in with_abstract)
            )
    source = open_source(bench, with_abstract[0])
    body = source.without_abstract()
    assert body is not None
    assert "ledgers" in source.abstract
    assert not any("ledgers" in sentence for sentence in body.sentences)
    assert len(body.vectors) == len(body.parsed.passages) < len(source.parsed.passages)
    assert [passage.index for passage in body.parsed.passages] == list(range(len(body.vectors)))
    summarizers = Summarizers(bench, 400)
    for name in ("engine", "lead", "lexrank"):
        assert "ledgers" in summarizers.extract(name, source)
        assert "ledgers" not in summarizers.extract(name, body, called=f"{name}-body")
    assert open_source(bench, PAPERS[0].id).without_abstract() is None


def test_search_is_over_summarized_documents_by_every_text(result: Result) -> None:
    asked = [row for row in result.rows if row["type"] == "delay"]
    assert len(asked) == len(GOLD)  # the last document has no human summary, so no system could find it
    assert {"human", "human+titles", "engine+titles", "structured", "lead", "lexrank", "abstract", FULL} <= set(
        result.baselines
    )
    assert result.metrics["bm25_R@10"] == pytest.approx(fmean(row["metrics"]["bm25_R@10"] for row in asked))
    full, human = result.baselines[FULL], result.baselines["human"]
    # The name of the town is asked for, and titles have it.
    assert full["bm25_R@1"] == human["bm25_R@1"] == 1
    assert full["compression"] == 1
    assert human["compression"] == pytest.approx(full["words_searched"] / human["words_searched"])
    assert 0 <= human["dense_R@1_low"] <= human["dense_R@1"] <= human["dense_R@1_high"] <= 1
    assert human["words_searched"] < result.baselines["human+titles"]["words_searched"] < full["words_searched"]


def test_a_text_is_found_by_its_own_words_only(bench: Bench) -> None:
    ids = [document.id for document in PAPERS[:3]]
    texts = {"a": dict(zip(ids, ("the red fox", "a grey heron", "an otter swims"), strict=True))}
    questions = [
        Question("x", "the heron", "t", 1, (Gold(ids[1]),), ()),
        Question("y", "a whale", "t", 1, (Gold(ids[2]),), ()),
    ]
    found = search(bench, ids, texts, questions)["a"]
    assert found.rows["x"]["bm25_R@1"] == found.rows["x"]["dense_R@1"] == 1
    assert found.rows["y"]["bm25_R@1"] == found.rows["y"]["bm25_R@10"] == 0
    assert found.rows["y"]["dense_R@10"] == 1  # every vector is near in some way
    assert found.words == 3


def test_full_text_is_found_by_its_best_passage(bench: Bench) -> None:
    snapshot = bench.searchable.snapshot
    ids = [document.id for document in PAPERS]
    last = snapshot.parsed(snapshot.by_id[ids[5]]).passages[-1]
    text = snapshot.parsed(snapshot.by_id[ids[5]]).passage_input(last)
    question = Question("x", text, "t", 1, (Gold(ids[5]),), ())
    found = search(bench, ids, {FULL: {document.id: document.text for document in PAPERS}}, [question])[FULL]
    assert found.rows["x"]["dense_R@1"] == 1


def test_two_runs_differ_only_in_time(bench: Bench, result: Result) -> None:
    again = measure_summaries(bench)
    timed = {name for name in result.metrics if "ms_per_1000" in name}
    assert timed == {"ms_per_1000", "encoder_ms_per_1000"}
    assert {k: v for k, v in again.metrics.items() if k not in timed} == {
        k: v for k, v in result.metrics.items() if k not in timed
    }
    assert list(again.rows) == list(result.rows)
    assert all(result.metrics[name] > 0 for name in timed)


def test_a_limit_measures_fewer_documents_but_searches_among_all(bench: Bench, result: Result) -> None:
    few = measure_summaries(bench, limit=4, words=9)
    documents = [row["id"] for row in few.rows if row["type"] == "document"]
    assert few.n == len(documents) == 4
    assert (few.settings["words"], few.settings["limit"]) == (9, 4)
    assert few.corpus["documents_with_summary"] == len(GOLD)
    assert few.baselines["human"]["bm25_R@10"] == result.baselines["human"]["bm25_R@10"]
    assert few.metrics["words"] <= 9


def test_a_result_is_kept_compared_and_shown(result: Result, tmp_path: Path) -> None:
    save(result, tmp_path)
    known = load(tmp_path)
    assert known.metrics == pytest.approx(dict(result.metrics), abs=1e-6)
    found = compare(known, result, samples=50)
    assert {"rouge1", "bm25_R@10"} <= {change.metric for change in found.metrics}
    assert all(abs(change.interval.difference) < 1e-6 for change in found.metrics)
    write_report(result, tmp_path / "report.html")
    page = _Texts()
    page.feed((tmp_path / "report.html").read_text())
    assert {"Summaries on papers", f"{len(GOLD)} documents", "textrank", "engine-body", "bm25 R@10"} <= page.found


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.found.add(data.strip())


def test_a_document_that_is_cut_short_is_searched_but_not_held_against_people(tmp_path: Path) -> None:
    stub, empty = DocumentBuilder("papers/stub", title="Fog"), DocumentBuilder("papers/empty", title="")
    stub.paragraph("Fog falls.")
    short = [stub.build(), empty.build()]
    gold = [*GOLD, *(GoldSummary(document.id, ("Otters swim.",)) for document in short)]
    asked = [*QUESTIONS, *(Question(d.id, "Where do otters swim?", "t", 1, (Gold(d.id),), ()) for d in short)]
    file = tmp_path / "papers.txt"
    file.write_text("2")
    data = Dataset("papers", lambda: iter([*PAPERS, *short]), lambda: iter(asked), files=(file,),
                   summaries=lambda: iter(gold))  # fmt: skip
    with opened(data) as found:
        result = measure_summaries(found, words=10)
        assert not {row["id"] for row in result.rows if row["type"] == "document"} & {"papers/stub", "papers/empty"}
        groups = result.groups["gold document"]
        assert [groups[kind]["n"] for kind in ("longer", "no longer than a summary")] == [len(GOLD), 2]
        assert groups["no longer than a summary"]["human bm25_R@10"] == 1
        assert groups["no longer than a summary"]["full-text bm25_R@10"] == 0
        assert any(note.startswith("2 documents have no more words") for note in result.notes)
        with pytest.raises(UsageError, match="no document is longer"):
            measure_summaries(found, words=5000)


class Shouting:
    """A summarizer of somebody else's."""

    name = "shouting"
    fingerprint = "shouting-1"

    def summarize(self, parsed: ParsedDocument, vectors: object = None) -> list[StructuredSummary]:
        spans = (Span(0, 1),)
        said = tuple(Statement(text, spans, weight) for text, weight in (("LEDGERS!", 0.5), ("AN OX OF A TEXT!", 0.4)))
        fields = (SummaryField("gist", FieldKind.STATEMENT, said),)
        return [StructuredSummary(parsed.document.id, None, "default", fields, self.name)]


def test_the_summarizer_that_the_settings_name_stands_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("shouting", f"{__name__}:shouting", "odqa.summarizers")
    monkeypatch.setattr("odqa.registry._installed", lambda kind: (point,) if kind == "summarizers" else ())
    settings = resolve({"encoder": "hashing", "pooling": 4, "summarizer": "shouting"})
    with open_bench(dataset(tmp_path), settings) as found:
        result = measure_summaries(found, words=4)
    assert result.baselines["shouting"]["words"] == 1  # the second statement does not fit
    assert result.baselines["shouting"]["rouge1"] == pytest.approx(
        fmean(rouge("LEDGERS!", gold.texts)["rouge1"] for gold in GOLD)
    )
    assert result.metrics["words"] > 1
    assert any("`shouting`" in note for note in result.notes)


def shouting(settings: object, encoder: object) -> Shouting:
    return Shouting()


def test_without_questions_only_likeness_is_measured(tmp_path: Path) -> None:
    with opened(dataset(tmp_path, questions=[])) as found:
        result = measure_summaries(found, limit=3)
    assert "bm25_R@10" not in result.metrics
    assert FULL not in result.baselines
    assert any("was not measured" in note for note in result.notes)


def test_where_there_is_nothing_to_compare_with_it_says_so(tmp_path: Path) -> None:
    with (
        opened(dataset(tmp_path, gold=None)) as found,
        pytest.raises(UsageError, match="papers has no human summaries"),
    ):
        measure_summaries(found)
    with (
        opened(dataset(tmp_path, gold=[GoldSummary("elsewhere", ("x",))])) as found,
        pytest.raises(UsageError, match="no document of the index"),
    ):
        measure_summaries(found)
