"""Whether evidence answers a question: signals worked out by hand, the model on disk, the reasons people read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.errors import IndexCorrupt, IndexMismatch
from odqa.index.encoder import make_encoder
from odqa.index.verify import verify_index
from odqa.retriever.answerability import (
    FILE,
    UNDECIDED,
    AnswerabilityModel,
    Logistic,
    builtin_model,
    judge,
    load_model,
)
from odqa.retriever.signals import SIGNALS, Statistics, collection_statistics, lacking, signals
from odqa.schema import Document, Evidence
from odqa.settings import Settings


def report(company: str, *paragraphs: str) -> Document:
    builder = DocumentBuilder(f"{company.lower().replace(' ', '-')}.txt", title=company)
    for paragraph in paragraphs:
        builder.paragraph(paragraph)
    return builder.build()


COMPANIES = [
    report(
        "Alder Mills",
        "Alder Mills spins wool in Varnholt and was begun with eleven looms.",
        "In March 2021, Alder Mills distributed dividends of 4 million euros. The owners had waited for nine years.",
        "In June 2021, Alder Mills hired Beatrix Solway as its new chief engineer. She had drained the salt works.",
    ),
    report(
        "Corran Shipping",
        "Corran Shipping runs four ferries between the islands and carries mail in winter.",
        "In July 2020, Corran Shipping bought a dry dock. It cost 9 million euros and stands in the old harbour.",
        "In May 2020, Corran Shipping distributed dividends of 2 million euros.",
    ),
    report("Pottery of the north", "Clay was dug by hand until the kiln burned down. Glazes of tin came later."),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("companies") / "companies.odqa"
    with Engine.build(COMPANIES, path, settings=Settings(encoder="hashing")) as engine:
        yield engine


@pytest.fixture(scope="module")
def statistics(engine: Engine) -> Statistics:
    return collection_statistics(engine.retriever.derived.lexical)


def measured(engine: Engine, statistics: Statistics, question: str) -> dict[str, float]:
    return signals(question, engine.search(question), statistics)


def test_a_question_in_the_words_of_a_sentence_is_covered_whole(engine: Engine, statistics: Statistics) -> None:
    found = measured(engine, statistics, "How much in dividends did Alder Mills distribute in March 2021?")
    assert found["near"] == found["dated"] == found["passage"] == found["known"] == found["named"] == 1.0


def test_the_month_that_is_asked_for_has_to_stand_beside_the_rest(engine: Engine, statistics: Statistics) -> None:
    found = measured(engine, statistics, "How much in dividends did Alder Mills distribute in August 2021?")
    assert found["near"] == 1.0
    assert found["dated"] == 0.0


def test_a_month_may_be_said_without_its_year(tmp_path: Path) -> None:
    told = report("Elm Quarry", "The year 2019 was dry for Elm Quarry. In April, the quarry sold 700 tons of slate.")
    question = "How many tons of slate were sold by Elm Quarry in April 2019?"
    with Engine.build([told], tmp_path / "elm.odqa", settings=Settings(encoder="hashing")) as engine:
        assert signals(question, engine.search(question))["dated"] == 1.0


def test_what_another_document_says_of_its_own_subject_does_not_count(engine: Engine, statistics: Statistics) -> None:
    own = measured(engine, statistics, "What did the dry dock of Corran Shipping cost?")
    other = measured(engine, statistics, "What did the dry dock of Alder Mills cost?")
    assert own["near"] == 1.0
    assert other["near"] == 0.0


def test_a_person_is_only_given_by_a_name_that_the_question_does_not_have(
    engine: Engine, statistics: Statistics
) -> None:
    assert measured(engine, statistics, "Who was hired by Alder Mills as chief engineer?")["near"] == 1.0
    assert measured(engine, statistics, "Who distributed dividends for Alder Mills?")["near"] == 0.0


def test_a_number_is_only_given_by_a_figure(engine: Engine, statistics: Statistics) -> None:
    assert measured(engine, statistics, "How much in dividends did Corran Shipping distribute?")["near"] == 1.0
    assert measured(engine, statistics, "How much clay was dug by hand?")["near"] == 0.0


def test_unknown_words_count_against_the_collection(engine: Engine, statistics: Statistics) -> None:
    assert measured(engine, statistics, "Why did the zeppelin explode over Lakehurst?")["known"] == 0.0
    half = measured(engine, statistics, "Why do ferries carry zeppelins?")["known"]
    assert 0.0 < half < 1.0


def test_evidence_alone_is_enough(engine: Engine) -> None:
    question = "How much in dividends did Alder Mills distribute in March 2021?"
    found = signals(question, engine.search(question))
    assert tuple(found) == SIGNALS
    assert found["dated"] == 1.0


@given(question=st.text(max_size=80))
def test_whatever_is_asked_signals_are_shares(engine: Engine, statistics: Statistics, question: str) -> None:
    evidence = engine.search("dividends of Alder Mills")
    for name, value in signals(question, evidence, statistics).items():
        assert math.isfinite(value)
        assert name == "length" or -1e-9 <= value <= 1 + 1e-9, name
    assert 0 <= judge(question, evidence, builtin_model(""), 0.5, statistics).probability <= 1
    assert set(signals(question, [], statistics)) == set(SIGNALS)


def test_what_is_answered_is_likelier_than_what_is_not(engine: Engine, statistics: Statistics) -> None:
    model = load_model(engine.path, engine.encoder.fingerprint)

    def probability(question: str) -> float:
        return judge(question, engine.search(question), model, 0.3, statistics).probability

    answered = probability("How much in dividends did Alder Mills distribute in March 2021?")
    open_ = probability("How much in dividends did Alder Mills distribute in August 2021?")
    foreign = probability("What is the boiling point of tungsten?")
    assert answered > open_ > foreign
    assert foreign < 0.3 < answered


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Why was a ferry sold to Ibarra?", "The documents found do not mention ‘Ibarra’."),
        ("How deep are the trenches of Alder Mills?", "‘Alder Mills’ says nothing about ‘deep’, ‘trenches’."),
        (
            "How much in dividends did Alder Mills distribute in August 2021?",
            "‘Alder Mills’ says nothing of this for August 2021.",
        ),
    ],
)
def test_the_reason_says_what_is_missing(engine: Engine, statistics: Statistics, question: str, reason: str) -> None:
    judged = judge(question, engine.search(question), builtin_model(""), 1.0, statistics)
    assert not judged.answerable
    assert set(judged.reason.split()) == set(reason.split())


def test_nothing_found_is_nothing_answered() -> None:
    judged = judge("Who?", [], builtin_model(""), 0.3)
    assert judged.probability == 0
    assert judged.reason


def test_a_question_that_names_nothing_is_left_to_the_reader(engine: Engine, statistics: Statistics) -> None:
    question = "What is the plot of the story?"
    assert judge(question, engine.search(question), builtin_model(""), 0.3, statistics).probability >= UNDECIDED


def test_a_threshold_of_zero_refuses_nothing(engine: Engine, statistics: Statistics) -> None:
    assert judge("Why did the zeppelin explode?", [], builtin_model(""), 0.0, statistics).answerable
    assert (
        judge("Why did the zeppelin explode?", engine.search("dock"), builtin_model(""), 0.0, statistics).reason == ""
    )


def test_lacking_takes_no_inflection_for_an_absence(engine: Engine, statistics: Statistics) -> None:
    evidence = engine.search("distribution of dividends by Alder Mills")
    assert lacking("Which companies were distributing dividends?", evidence, statistics).words == ("companies",)


def logistic(weight: float = 2.0, intercept: float = -1.0) -> Logistic:
    return Logistic({"dense": weight}, {"dense": 0.5}, {"dense": 0.25}, intercept)


def test_the_probability_is_the_product_of_both_parts() -> None:
    model = AnswerabilityModel(logistic(), logistic(0.0, 0.0))
    # (0.75 - 0.5) / 0.25 = 1 standard unit, so the logit is 2 - 1 = 1; the other part is one half.
    assert model.probability({"dense": 0.75}) == pytest.approx(0.5 / (1 + math.exp(-1)))


def test_a_model_survives_json_and_disk(tmp_path: Path) -> None:
    model = AnswerabilityModel(logistic(), logistic(0.5, 3.0), "hashing/384/1", 0.42, {"auc": 0.9})
    assert AnswerabilityModel.from_json(model.to_json()) == model
    model.save(tmp_path)
    assert load_model(tmp_path, "hashing/384/1") == model


def test_a_calibration_for_another_encoder_is_not_used(tmp_path: Path) -> None:
    AnswerabilityModel(logistic(), logistic(), "some-model").save(tmp_path)
    assert load_model(tmp_path, "hashing/384/1") == builtin_model("hashing/384/1")


def test_the_builtin_model_needs_no_cosines_of_strange_encoders() -> None:
    bundled = make_encoder(Settings()).fingerprint
    assert "dense" in builtin_model(bundled).about.weights
    assert "dense" not in builtin_model("hashing/384/1").about.weights
    for model in (builtin_model(bundled), builtin_model("hashing/384/1")):
        weights = {**model.about.weights, **model.says.weights}
        assert all(weight >= 0 for name, weight in weights.items() if name != "length")


GOOD = MappingProxyType(json.loads(AnswerabilityModel(logistic(), logistic()).to_json()))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{", IndexCorrupt),
        ("[]", IndexCorrupt),
        (json.dumps({**GOOD, "version": 99}), IndexMismatch),
        (json.dumps({**GOOD, "threshold": 1.5}), IndexCorrupt),
        (json.dumps({**GOOD, "about": {"intercept": 0, "signals": {"luck": {}}}}), IndexCorrupt),
        (json.dumps({**GOOD, "says": {"intercept": float("nan"), "signals": {}}}), IndexCorrupt),
        (
            json.dumps({**GOOD, "says": {"intercept": 0, "signals": {"near": {"weight": 1, "mean": 0, "scale": 0}}}}),
            IndexCorrupt,
        ),
    ],
)
def test_a_damaged_calibration_is_an_error_with_a_remedy(
    tmp_path: Path, body: str, error: type[IndexCorrupt | IndexMismatch]
) -> None:
    (tmp_path / FILE).write_text(body, "utf-8")
    with pytest.raises(error, match=r"calibration\.json.*\(delete the file; `odqa calibrate` makes it anew\)"):
        load_model(tmp_path, "hashing/384/1")


def test_a_calibrated_index_is_whole_and_stays_calibrated_when_documents_come(tmp_path: Path) -> None:
    model = AnswerabilityModel(logistic(), logistic(), "hashing/384/1", 0.4)
    with Engine.build(COMPANIES[:2], tmp_path / "c.odqa", settings=Settings(encoder="hashing")) as engine:
        model.save(engine.path)
        engine.add(COMPANIES[2:])
        assert verify_index(engine.path) == []
        assert load_model(engine.path, engine.encoder.fingerprint) == model


def test_signals_do_not_depend_on_what_is_ranked_late(engine: Engine, statistics: Statistics) -> None:
    question = "How much in dividends did Alder Mills distribute in March 2021?"
    evidence: Sequence[Evidence] = engine.search(question)
    repeated = [*evidence, *evidence][:16]
    assert signals(question, [*repeated, *evidence], statistics)["near"] == 1.0
