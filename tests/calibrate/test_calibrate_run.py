"""Calibrating a collection: the questions made from it, the model that comes out, and what goes wrong in words."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from odqa.calibrate import Calibration, calibrate
from odqa.calibrate.picture import draw, write_svg
from odqa.calibrate.questions import (
    answered_questions,
    excluded_questions,
    foreign_questions,
    read_questions,
    swapped_questions,
)
from odqa.engine import Engine
from odqa.errors import LoadError, UsageError
from odqa.retriever.answerability import load_model
from odqa.retriever.signals import collection_statistics
from odqa.schema import Progress
from odqa.settings import Settings
from tests.towns import towns

COUNT = 48


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("towns") / "towns.odqa"
    with Engine.build(towns(12), path, settings=Settings(encoder="hashing")) as engine:
        yield engine


@pytest.fixture(scope="module")
def calibration(engine: Engine) -> Calibration:
    return calibrate(engine, count=COUNT)


def test_questions_that_are_answered_stand_on_their_answers(engine: Engine) -> None:
    made = answered_questions(engine.snapshot, 30, random.Random(1))
    assert len(made) == len({question.text.casefold() for question in made}) >= 20
    for question in made:
        assert question.answerable
        text = engine.document(question.document_id).text
        assert question.spans
        assert all(span.of(text) for span in question.spans)
    assert len({question.document_id for question in made[:10]}) >= 8


def test_swapped_questions_ask_for_what_the_collection_lacks(engine: Engine) -> None:
    statistics = collection_statistics(engine.retriever.derived.lexical)
    most = statistics.rarity(["\0"])[0]

    def is_known(word: str) -> bool:
        return bool(max(statistics.rarity(statistics.terms(word))) < most)

    made = answered_questions(engine.snapshot, 30, random.Random(1))
    swapped = list(swapped_questions(made, 10, random.Random(1), is_known))
    texts = {question.text for question in made}
    assert len(swapped) == 10
    for question in swapped:
        assert not question.answerable
        assert question.text not in texts
        assert question.group in texts
        new = set(question.text.rstrip("?").split()) - set(question.group.rstrip("?").split())
        assert new
        assert not any(is_known(word) for word in new)


def test_excluded_questions_keep_their_text_and_lose_their_answer(engine: Engine) -> None:
    made = answered_questions(engine.snapshot, 30, random.Random(1))
    for question in excluded_questions(made, 5, random.Random(1)):
        assert not question.answerable
        assert question.text in {each.text for each in made}


def test_foreign_questions_are_a_list_without_repetition() -> None:
    made = foreign_questions(1000, random.Random(1))
    assert len({question.text for question in made}) == len(made) >= 40
    assert not any(question.answerable for question in made)


def test_a_collection_calibrates_itself(engine: Engine, calibration: Calibration) -> None:
    figures = calibration.figures
    assert figures["questions"] == len(calibration.judged) <= COUNT
    assert figures["auc_foreign"] > 0.9
    assert figures["auc"] >= 0.7
    assert figures["ece"] <= figures["builtin_ece"] + 0.05
    assert all(0 <= judged.probability <= 1 for judged in calibration.judged)
    assert calibration.model.encoder == engine.encoder.fingerprint
    kinds = {judged.question.kind for judged in calibration.judged}
    assert kinds == {"answered", "foreign", "excluded", "swapped"}


def test_the_same_collection_gives_the_same_model(engine: Engine, calibration: Calibration) -> None:
    assert calibrate(engine, count=COUNT).model == calibration.model


def test_it_is_used_once_it_is_saved(engine: Engine, calibration: Calibration) -> None:
    path = calibration.model.save(engine.path)
    assert load_model(engine.path, engine.encoder.fingerprint) == calibration.model
    path.unlink()


def test_a_risk_chooses_the_threshold(engine: Engine) -> None:
    found = calibrate(engine, count=COUNT, risk=0.1)
    assert found.model.threshold == found.chosen.threshold
    answered = [judged for judged in found.judged if judged.probability >= found.chosen.threshold]
    assert sum(not judged.right for judged in answered) <= 0.1 * len(answered)
    assert found.chosen.coverage == pytest.approx(len(answered) / len(found.judged))


def test_answers_are_right_where_they_cite_what_answers(engine: Engine) -> None:
    found = calibrate(engine, count=COUNT, answers=True)
    assert not any(judged.right for judged in found.judged if not judged.question.answerable)
    assert sum(judged.right for judged in found.judged) > 0


def test_progress_counts_the_questions(engine: Engine) -> None:
    heard: list[Progress] = []
    calibrate(engine, count=COUNT, progress=heard.append)
    assert heard[-1].done == heard[-1].total == len(heard)


def labelled(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_labelled_questions_take_the_place_of_made_ones(engine: Engine, tmp_path: Path) -> None:
    made = answered_questions(engine.snapshot, 20, random.Random(2))
    rows: list[object] = [{"question": question.text, "answerable": True} for question in made]
    rows += [{"question": q.text, "answerable": False} for q in foreign_questions(20, random.Random(2))]
    found = calibrate(engine, labelled(tmp_path / "own.jsonl", rows))
    assert {judged.question.text for judged in found.judged} <= {str(row["question"]) for row in rows}  # type: ignore[index]
    assert found.figures["auc_labelled"] > 0.9


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        ([], UsageError, "no question"),
        ([{"question": "Why?"}], LoadError, "line 1.*answerable"),
        ([{"question": "Why?", "answerable": "yes"}], LoadError, "true or false"),
        ([{"question": " ", "answerable": True}], LoadError, "must be text"),
        ([{"question": "Why?", "answerable": True}] * 2, UsageError, "twice"),
        ([{"question": "Why did the bridge fall?", "answerable": True}], UsageError, "too few"),
    ],
)
def test_a_file_that_cannot_be_used(
    engine: Engine, tmp_path: Path, rows: list[object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        calibrate(engine, labelled(tmp_path / "own.jsonl", rows))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no such file"):
        read_questions(tmp_path / "none.jsonl")


@pytest.mark.parametrize("options", [{"count": 5}, {"risk": 1.5}, {"risk": -0.1}])
def test_options_out_of_range(engine: Engine, options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        calibrate(engine, **options)  # type: ignore[arg-type]


def test_too_small_a_collection_says_so(tmp_path: Path) -> None:
    with (
        Engine.build(towns(1, paragraphs=1), tmp_path / "one.odqa", settings=Settings(encoder="hashing")) as engine,
        pytest.raises(UsageError, match="too few"),
    ):
        calibrate(engine)


def test_the_picture_in_characters(calibration: Calibration) -> None:
    lines = draw(calibration.curve, plain=True)
    assert all(line.isascii() for line in lines)
    assert lines[-1].endswith("100%")
    assert len({line.index("|") for line in lines[:-1]}) == 1


def test_the_picture_as_svg_is_the_same_each_time(calibration: Calibration) -> None:
    pytest.importorskip("matplotlib")
    picture = write_svg(calibration)
    assert b"<svg" in picture
    assert b"coverage" in picture
    assert picture == write_svg(calibration)
