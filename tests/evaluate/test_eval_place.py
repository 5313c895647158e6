from collections.abc import Iterator
from pathlib import Path

import pytest

from odqa import Settings
from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import Gold, Question, load_dataset
from odqa.engine import Engine
from odqa.evaluate.place import place_gold
from odqa.schema import Document, Span

LIBRARY = {
    "north/report.md": "# The Quay Report\n\nThe quay was finished in 1996, two years late.\n",
    "south/report.md": "# The Lock Report\n\nThe lock was finished in 1961.\n",
    "north/costs.csv": "item,pounds\nPiles of steel,2418000\nGranite,610000\n",
    "objects.jsonl": '{"id": "a", "text": "A lamp of the pilot boat."}\n{"id": "b", "text": "A bell of brass."}\n',
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    for name, text in LIBRARY.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def engine(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("index") / "library.odqa"
    with Engine.build(library, index, settings=Settings(encoder="hashing")) as built:
        yield built


def ask(*gold: Gold, marked: int | None = None, mapped: int = 0) -> Question:
    return Question("q", "Why?", "why", 1, gold, (), marked=len(gold) if marked is None else marked, mapped=mapped)


def placed(engine: Engine, *gold: Gold) -> Question:
    (question,) = place_gold([ask(*gold)], engine)
    return question


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("north/report.md", "north/report.md"),
        ("south/report", "south/report.md"),
        ("costs.csv", "north/costs.csv"),
        ("costs", "north/costs.csv"),
        ("the quay  report", "north/report.md"),
    ],
)
def test_a_document_is_found_by_what_people_call_it(engine: Engine, library: Path, name: str, file: str) -> None:
    question = placed(engine, Gold(name))
    assert question.gold == (Gold(str(library / file)),)
    assert (question.marked, question.mapped) == (1, 1)


def test_a_relative_path_is_seen_from_here(engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(library / "north")
    assert placed(engine, Gold("./report.md")).gold[0].document_id == str(library / "north/report.md")


def test_a_quote_becomes_characters_of_the_text(engine: Engine) -> None:
    row = "Piles of steel,2418000"  # As the file has it; the document has cells with ` | ` between them.
    question = placed(engine, Gold("costs.csv", quote=row), Gold("south/report.md", quote="the LOCK was\nfinished"))
    shown = [span.of(engine.document(gold.document_id).text) for gold in question.gold for span in gold.spans]
    assert shown == ["Piles of steel | 2418000", "The lock was finished"]
    assert (question.marked, question.mapped) == (2, 2)


def test_of_several_documents_the_one_with_the_quote_is_meant(engine: Engine, library: Path) -> None:
    question = placed(engine, Gold("report.md", quote="finished in 1961"), Gold("objects.jsonl", quote="bell of brass"))
    assert [gold.document_id for gold in question.gold] == [
        str(library / "south/report.md"),
        f"{library / 'objects.jsonl'}#b",
    ]
    assert (question.marked, question.mapped) == (2, 2)


@pytest.mark.parametrize("gold", [Gold("report.md"), Gold("report.md", quote="was finished in"), Gold("deeds.pdf")])
def test_what_cannot_be_told_apart_stays_marked_and_is_not_mapped(engine: Engine, gold: Gold) -> None:
    question = placed(engine, gold)
    assert question.gold == (gold,)
    assert (question.marked, question.mapped) == (1, 0)


def test_a_quote_that_is_not_there_leaves_the_document(engine: Engine, library: Path) -> None:
    question = placed(engine, Gold("south/report.md", quote="The lock was never finished"))
    assert (question.gold[0].document_id, question.gold[0].spans) == (str(library / "south/report.md"), ())
    assert (question.marked, question.mapped) == (1, 0)


def test_counts_of_the_data_set_are_kept_for_gold_that_is_good(engine: Engine, library: Path) -> None:
    good = Gold(str(library / "north/report.md"), (Span(0, 3), Span(4, 9)))
    strange = Gold("elsewhere/1", (Span(0, 5), Span(7, 9)))
    (kept, counted) = place_gold([ask(good, marked=3, mapped=2), ask(good, strange, marked=5, mapped=4)], engine)
    assert (kept.gold, kept.marked, kept.mapped) == ((good,), 3, 2)
    assert (counted.gold, counted.marked, counted.mapped) == ((good, Gold("elsewhere/1")), 5, 2)


def test_good_gold_is_passed_through_without_reading_a_document(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [Question(id_, "Why?", "why", 1, (Gold(id_, (Span(0, 1),)),), ()) for id_, _ in engine.documents()]

    def refuse(self: Engine, document_id: str) -> Document:
        raise AssertionError(f"{document_id} was read")

    monkeypatch.setattr(Engine, "document", refuse)
    assert all(given is back for given, back in zip(known, place_gold(known, engine), strict=True))


def test_a_deleted_document_is_no_longer_gold(tmp_path: Path) -> None:
    builder = DocumentBuilder("old", title="Old")
    builder.paragraph("It is gone.")
    (tmp_path / "new.txt").write_text("It is here.", encoding="utf-8")
    with Engine.build(
        [builder.build(), tmp_path / "new.txt"], tmp_path / "i.odqa", settings=Settings(encoder="hashing")
    ) as engine:
        engine.remove("old")
        assert placed(engine, Gold("old")).mapped == 0


def test_the_example_questions_are_answered_where_they_say(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    questions = list(load_dataset(examples / "questions.jsonl").questions())
    assert (len(questions), sum(not question.answerable for question in questions)) == (40, 4)
    with Engine.build(examples / "library", tmp_path / "i.odqa", settings=Settings(encoder="hashing")) as engine:
        found = place_gold(questions, engine)
        ids = {id_ for id_, _ in engine.documents()}
    assert {gold.document_id for question in found for gold in question.gold} <= ids
    # The foreman's interview marks a speaker in its own way in one quote.
    assert (sum(each.marked for each in found), sum(each.mapped for each in found)) == (131, 130)
