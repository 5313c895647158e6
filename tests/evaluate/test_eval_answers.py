"""The whole of `odqa eval answers` on small collections, without a model."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from odqa.data.datasets import AnswerLength, Dataset, Gold, Question, data_folder, dataset_names
from odqa.errors import LoadError, UsageError
from odqa.evaluate.answers.audited import audit_figures
from odqa.evaluate.answers.foreign import foreign_questions
from odqa.evaluate.answers.task import measure_answers
from odqa.evaluate.bench import Bench, open_bench
from odqa.evaluate.report.page import write_report
from odqa.evaluate.result import Result
from odqa.evaluate.text import contains_answer, rouge, token_f1
from odqa.schema import Document, Evidence, Span, Support
from odqa.settings import resolve
from tests.towns import towns

pytest.importorskip("rouge_score")

TOWNS = towns(6)
UNKNOWN = Question("u0", "How many submarines did Zanzibar launch in 2099?", "unknown", 0, (), (), answerable=False)


class Never:
    """A judge whom nothing convinces."""

    name = "never"
    threshold = 0.5

    def support(self, claim: str, evidence: Sequence[Evidence]) -> Support:
        return Support(0.0)


def ask(document: Document, number: int) -> Question:
    """Ask what the third line of a report says, which follows its two headings."""
    name = document.title.removeprefix("Works at ")
    block = document.blocks[2]
    said = block.span.of(document.text)
    work = said.removeprefix("The ").partition(" of ")[0]
    first = Span(block.span.start, block.span.start + said.index(".") + 1)
    question = f"When was the {work} of {name} begun and what did it cost?"
    return Question(f"q{number}", question, "begun", 1, (Gold(document.id, (first,)),), (first.of(document.text), said))


def dataset(folder: Path, questions: list[Question], answers: AnswerLength = AnswerLength.LONG) -> Dataset:
    file = folder / "documents.txt"
    file.write_text("1")
    return Dataset("towns", lambda: iter(TOWNS), lambda: iter(questions), answers=answers, files=(file,))


def opened(data: Dataset) -> AbstractContextManager[Bench]:
    return open_bench(data, resolve({"encoder": "hashing", "pooling": 4}))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODQA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


QUESTIONS = [*(ask(document, number) for number, document in enumerate(TOWNS)), UNKNOWN]


@pytest.fixture(scope="module")
def bench(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with opened(dataset(tmp_path_factory.mktemp("towns"), QUESTIONS)) as found:
        yield found


@pytest.fixture(scope="module")
def result(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return measure_answers(bench, foreign=4, data=tmp_path_factory.mktemp("no data"))


def of_rows(result: Result, name: str) -> list[float]:
    return [row["metrics"][name] for row in result.rows if name in row["metrics"] and not row["foreign"]]


def test_every_figure_of_the_whole_is_the_mean_of_its_questions(result: Result) -> None:
    names = {name for row in result.rows for name in row["metrics"]} - {"refused"}
    assert {"rougeL", "answered", "words", "citation_recall", "gold_span_cited", "evidence_tokens"} <= names
    for name in names:
        assert result.metrics[name] == pytest.approx(fmean(of_rows(result, name)))
    for system, figures in result.baselines.items():
        for name, value in figures.items():
            assert value == pytest.approx(fmean(row["baselines"][system][name] for row in result.rows[:6]))


def test_a_question_is_scored_by_what_was_said_without_marks(result: Result, bench: Bench) -> None:
    engine = bench.searchable
    for row, question in zip(result.rows, bench.questions, strict=False):
        answer = engine.ask(question.text)
        assert row["answer"] == answer.text
        if question.answerable and not answer.refused:
            scores = rouge(answer.joined(marks=False), question.references)
            assert {name: row["metrics"][name] for name in scores} == scores
    assert sum(of_rows(result, "answered")) > 0


def test_citations_quote_their_documents_and_gold_is_found(result: Result) -> None:
    documents = {document.id: document for document in TOWNS}
    assert result.metrics["citation_exact"] == 1
    for row in result.rows:
        for citation in (citation for claim in row["claims"] for citation in claim["citations"]):
            text = documents[citation["document_id"]].text
            assert citation["quote"] == " … ".join(text[start:end] for start, end in citation["spans"])
    # The reports repeat each other's words but for names and figures, which is what the reader has to go by.
    assert result.metrics["gold_document_cited"] >= result.metrics["gold_span_cited"] > 0


def test_half_of_the_evidence_does_not_make_an_answer_right(tmp_path: Path) -> None:
    first, second = QUESTIONS[:2]
    both = replace(first, gold=(*first.gold, *second.gold))
    either = replace(both, id="either", gold=tuple(replace(gold, piece=0) for gold in both.gold))
    with opened(dataset(tmp_path, [both, either])) as bench:
        rows = measure_answers(bench, foreign=0).rows
    assert [row["metrics"]["gold_document_cited"] for row in rows] == [1, 1]
    assert [row["metrics"]["gold_pieces_cited"] for row in rows] == [0.5, 1]
    assert [row["right"] for row in rows] == [False, True]


def test_baselines_are_the_beginning_and_the_passage_found_first(result: Result, bench: Bench) -> None:
    length = round(fmean(len(text.split()) for question in QUESTIONS[:6] for text in question.references))
    row, question = result.rows[0], QUESTIONS[0]
    (first,) = bench.searchable.search(question.text, 1)
    lead = " ".join(first.document.text.split()[:length])
    assert row["baselines"]["lead"]["rouge1"] == rouge(lead, question.references)["rouge1"]
    assert row["baselines"]["top-passage"]["rougeL"] == rouge(first.text, question.references)["rougeL"]
    assert row["evidence"][0]["text"] == (first.text if len(first.text) <= 400 else first.text[:399] + "…")


def test_every_system_stands_beside_the_engine_at_the_length_asked_for(bench: Bench, tmp_path: Path) -> None:
    result = measure_answers(bench, words=40, foreign=0, data=tmp_path)
    assert set(result.baselines) == {"lead", "top-passage", "random sentences", "oracle sentences", "human"}
    assert result.baselines["lead"]["words"] == 40
    assert 25 < result.baselines["random sentences"]["words"] < 55
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        assert result.baselines["oracle sentences"][name] > result.baselines["random sentences"][name]
    first, second = QUESTIONS[0].references
    people = [rouge(first, [second]), rouge(second, [first])]
    human = result.rows[0]["baselines"]["human"]
    assert human["rouge2"] == pytest.approx(fmean(figures["rouge2"] for figures in people))
    assert human["words"] == fmean(len(text.split()) for text in (first, second))


def test_an_audit_that_is_not_the_verifier_finds_nothing_wrong(result: Result) -> None:
    assert [result.metrics[name] for name in ("audit_recall", "audit_precision", "audit_exact")] == [1, 1, 1]
    assert all(row["faults"] == [] for row in result.rows)


def test_the_audit_counts_what_it_finds(bench: Bench) -> None:
    answer = bench.searchable.ask(QUESTIONS[0].text)
    documents = {item.document.id: item.document for item in answer.evidence}
    figures = audit_figures(answer, documents, extractive=True)
    first = answer.claims[0]
    invented = replace(first, text=f"{first.text} It cost nothing at all.")
    wrong = audit_figures(replace(answer, claims=(invented, *answer.claims[1:])), documents, extractive=True)
    assert (wrong.recalled, wrong.exact) == (figures.recalled - 1, figures.exact)
    assert wrong.precise == figures.precise - len(first.citations)
    misquoted = replace(first, citations=(replace(first.citations[0], quote="x"), *first.citations[1:]))
    wrong = audit_figures(replace(answer, claims=(misquoted, *answer.claims[1:])), documents, extractive=True)
    assert (wrong.recalled, wrong.exact) == (figures.recalled, figures.exact - 1)
    assert audit_figures(replace(answer, claims=()), documents, extractive=True).values() == {}


def test_the_curve_of_risk_is_on_the_page(result: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_report(result, tmp_path / "page.html")
    assert "Risk and coverage" in (tmp_path / "page.html").read_text("utf-8")
    assert result.metrics["aurc"] >= 0


def test_questions_without_answer_are_refused_and_kept_apart(result: Result) -> None:
    assert (result.n, len(result.rows)) == (7, 11)
    assert [row["foreign"] for row in result.rows] == [False] * 7 + [True] * 4
    unknown = result.rows[6]
    assert unknown["refused"]
    assert unknown["baselines"] == {}
    assert unknown["metrics"] == {"refused": 1.0, "evidence_tokens": unknown["metrics"]["evidence_tokens"]}
    assert result.metrics["refused_unanswerable"] == 1
    assert result.groups["type"]["foreign"]["n"] == 4
    assert any("4 of general" in note for note in result.notes)


def test_the_result_can_be_written_down(result: Result, bench: Bench) -> None:
    json.dumps([result.rows, dict(result.metrics), result.groups, result.curves, result.corpus], allow_nan=False)
    passages = sum(len(bench.searchable.snapshot.parsed(number).passages) for number in range(6))
    assert (result.corpus["documents"], result.corpus["passages"]) == (6, passages)
    assert result.settings["encoder"] == "hashing"
    assert result.settings["judge"] == "lexical-semantic"
    assert {"ask", "score", "index"} <= result.seconds.keys()
    assert 0 < result.metrics["p50_s"] <= result.metrics["p95_s"]
    assert all(0 <= point["risk"] <= 1 and 0 < point["coverage"] <= 1 for point in result.curves["coverage"])


def test_the_figures_are_the_same_again_and_nothing_is_taken_from_the_cache(bench: Bench, tmp_path: Path) -> None:
    looked_up = bench.encoder.hits, bench.encoder.misses
    first, second = (measure_answers(bench, foreign=3, data=tmp_path) for _ in range(2))
    assert (bench.encoder.hits, bench.encoder.misses) == looked_up
    assert without_seconds(first) == without_seconds(second)


def without_seconds(result: Result) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in {"seconds", "timings"}} for row in result.rows]


def test_another_judge_has_its_own_opinion_and_ends_the_circle(bench: Bench, tmp_path: Path) -> None:
    own = measure_answers(bench, foreign=0, data=tmp_path)
    other = measure_answers(bench, foreign=0, judge=Never(), data=tmp_path)
    assert own.metrics["citation_recall"] > 0.9
    assert (other.metrics["citation_recall"], other.metrics["citation_precision"]) == (0, 0)
    assert other.settings["judge"] == "never"
    assert [any("circular" in note for note in found.notes) for found in (own, other)] == [True, False]


def test_a_refusal_scores_nothing_but_is_asked_for(tmp_path: Path) -> None:
    hopeless = Question("h", UNKNOWN.text, "hopeless", 1, (), ("Seven submarines.",))
    with opened(dataset(tmp_path, [hopeless])) as bench:
        result = measure_answers(bench, foreign=0)
    row = result.rows[0]
    assert row["refused"]
    assert not row["right"]
    assert (result.metrics["answered"], result.metrics["rouge1"], result.metrics["refused_answerable"]) == (0, 0, 1)
    assert "words" not in result.metrics
    assert "refusal_auc" not in result.metrics
    assert result.curves["calibration"] == []


def test_short_references_are_looked_for_in_the_answer(tmp_path: Path) -> None:
    years = [Question(q.id, q.text, q.type, 1, q.gold, (year_of(q),)) for q in QUESTIONS[:6]]
    with opened(dataset(tmp_path, years, AnswerLength.SHORT)) as bench:
        result = measure_answers(bench, foreign=0)
    for row in result.rows:
        said = "" if row["refused"] else " ".join(claim["text"] for claim in row["claims"])
        assert row["metrics"]["contains"] == contains_answer(said, row["references"])
        assert row["metrics"]["f1"] == pytest.approx(token_f1(said, row["references"]))
        assert row["right"] == bool(row["metrics"]["contains"])
    assert result.metrics["contains"] > 0.5
    assert result.metrics["em"] == 0
    assert "em" in result.baselines["lead"]


def year_of(question: Question) -> str:
    return question.references[0].partition(" in ")[2][:4]


def test_words_and_style_are_handed_on(bench: Bench, tmp_path: Path) -> None:
    result = measure_answers(bench, words=30, style="bullets", foreign=0, data=tmp_path)
    assert (result.settings["words"], result.settings["style"]) == (30, "bullets")
    assert result.metrics["words"] < 60
    assert all(row["answer"].startswith("- ") for row in result.rows if not row["refused"])


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([], "odqa eval grounding"),
        ([Question("q", "Why?", "why", 1, (Gold(TOWNS[0].id),), ())], "odqa eval retrieval"),
    ],
    ids=["no questions", "no references"],
)
def test_a_set_that_cannot_be_measured_says_what_it_is_for(
    tmp_path: Path, questions: list[Question], message: str
) -> None:
    with opened(dataset(tmp_path, questions)) as bench, pytest.raises(UsageError, match=message):
        measure_answers(bench)


def test_a_set_without_documents_needs_an_index() -> None:
    alone = Dataset("alone", questions=lambda: iter(QUESTIONS))
    with opened(alone) as bench, pytest.raises(UsageError, match="--index"):
        measure_answers(bench)


def test_wrong_options_are_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no style"):
        measure_answers(bench, style="sonnet", data=tmp_path)
    with pytest.raises(UsageError, match="at least 0"):
        measure_answers(bench, foreign=-1, data=tmp_path)


def test_foreign_questions_are_drawn_the_same_each_time(bench: Bench, tmp_path: Path) -> None:
    everything = foreign_questions(bench, 1000, tmp_path)
    assert len({question.id for question in everything}) == len({q.text for q in everything}) == len(everything) == 40
    assert foreign_questions(bench, 5, tmp_path) == everything[:5]
    assert foreign_questions(bench, 0, tmp_path) == []
    assert not any(question.answerable or question.gold or question.references for question in everything)


@pytest.mark.data
@pytest.mark.parametrize(
    ("measured", "absent"),
    [
        ("squality", set()),
        ("ottqa", {"hotpot300", "musique100"}),
        ("tatqa", {"rageval_finance"}),
        ("expertqa-pages", {"expertqa"}),
    ],
)
def test_foreign_questions_are_of_another_domain(bench: Bench, measured: str, absent: set[str]) -> None:
    sources = {"hotpot300", "rageval_finance", "expertqa"}
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    if not all((folder / name).is_dir() and name in dataset_names() for name in sources):
        pytest.skip(f"not all of {', '.join(sorted(sources))} are in {folder}")
    found = foreign_questions(replace(bench, dataset=Dataset(measured)), 30, folder)
    origins = {question.id.split("/")[1] for question in found}
    assert len(found) == len({question.id for question in found}) == 30
    assert 2 <= len(origins) <= 3
    assert not origins & absent
    assert not any(question.answerable for question in found)
