"""A whole course, from a file of questions to a reader in a folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.engine import Engine
from odqa.errors import OdqaError, UsageError
from odqa.learn.experiment import read_run
from odqa.learn.material import load, split_of
from odqa.learn.reader.course import RUN, follow
from odqa.learn.reader.plan import Course
from odqa.learn.reader.start import Architecture
from odqa.models import open_model, verify_model
from odqa.reader.neural.folder import open_reader_model
from odqa.reader.neural.inputs import Limits
from odqa.settings import Settings
from tests.tinyreader import MARKS, make_encoder

SETTINGS = Settings(encoder="hashing", device="cpu")
TOWNS = ["Varnholt", "Esker", "Tarrow", "Linden", "Marsh", "Holm", "Brack", "Corvane"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Documents about towns, and questions about them with answers and quotes."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "documents").mkdir()
    questions = []
    for number, town in enumerate(TOWNS):
        closed = f"The bridge of {town} was closed in {1990 + number} because its third pier had sunk."
        opened = f"A ferry carried the people of {town} across the river until the bridge was open again."
        filler = [
            f"The {thing} of {town} was painted again that year by the town." for thing in ("mill", "gate", "well")
        ]
        text = "\n\n".join(f"{part} {part}" for part in (closed, opened, *filler))
        (folder / "documents" / f"{town}.md").write_text(f"# {town}\n\n{text}\n", "utf-8")
        record = {"question": f"Why was the bridge of {town} closed?", "long_answer": f"{closed} {opened}"}
        questions.append(record | {"source": f"{town}.md", "quote": closed})
    (folder / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in questions), "utf-8")
    return folder


@pytest.fixture(scope="module")
def architecture(tmp_path_factory, place) -> Architecture:
    words = " ".join(path.read_text("utf-8") for path in sorted((place / "documents").iterdir()))
    words += " why many words " + " ".join(str(10 * n) for n in range(30))
    for mark in ".?#":
        words = words.replace(mark, " ")
    encoder = make_encoder(tmp_path_factory.mktemp("encoder"), size=32, words=words.lower())
    limits = Limits(question=12, passage=48, target=40)
    return Architecture(encoder=encoder, layers=2, positions=48, marks=MARKS, limits=limits, encoder_layers=1)


def course(place: Path, **options) -> Course:
    chosen = {
        "datasets": (str(place),), "sentences": 24, "epochs": 1, "sources": 3, "batch_tokens": 400, "judgements": 2,
        "every": 3, **options,
    }  # fmt: skip
    return Course(**chosen)


@pytest.fixture(scope="module")
def followed(tmp_path_factory, place, architecture):
    folder = tmp_path_factory.mktemp("readers") / "towns"
    return folder, follow(course(place), architecture, SETTINGS, folder)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_course_ends_with_a_reader_that_opens_writes_and_is_known(followed):
    folder, outcome = followed
    assert outcome.finished
    assert list(outcome.stages) == ["sentences", "answers"]
    model, tokenizer = open_reader_model(folder)
    inputs = tokenizer.inputs(["why ?"], [[]])
    assert model.generate(**inputs, max_new_tokens=3).shape[0] == 1
    about = open_model(folder).about
    assert about.kind == "reader"
    assert about.shape["parameters"] == sum(value.numel() for value in model.parameters())
    assert not verify_model(open_model(folder)).problems
    assert "answers held-out" in about.figures


def test_every_stage_writes_its_log_with_figures_and_samples(followed):
    folder, outcome = followed
    for name, learned in outcome.stages.items():
        record = read_run(folder / RUN / name / "log")
        assert record.status == "finished"
        figures = dict(learned.run.judgements)[learned.run.steps]
        assert figures["loss"] > 0
        assert {"loss_random", "rougeL", "cited"} <= figures.keys()
        assert (folder / RUN / name / "log" / "samples.jsonl").read_text("utf-8")


def test_a_finished_course_is_not_followed_again(followed, place, architecture):
    folder, outcome = followed
    before = weights(folder)
    again = follow(course(place), architecture, SETTINGS, folder)
    assert [one.run.judgements for one in again.stages.values()] == [
        one.run.judgements for one in outcome.stages.values()
    ]
    assert weights(folder) == before


def test_a_course_that_was_left_off_ends_as_one_that_was_not(tmp_path, followed, place, architecture):
    """Time is up at once, again and again: each sitting takes a step or so."""
    folder = tmp_path / "towns"
    hasty = course(place, minutes=1e-6, every=1)
    for sittings in range(60):
        outcome = follow(hasty, architecture, SETTINGS, folder)
        if outcome.finished:
            break
        assert "left off" in " ".join(open_model(folder).about.limits)
        if sittings == 2:
            hasty = replace(hasty, minutes=0.0)
    assert sittings > 2
    assert weights(folder) == weights(followed[0])


def test_drafts_of_its_own_are_learned_only_as_far_as_they_are_supported(tmp_path, place, architecture):
    """An untaught reader says nothing that is supported, and a round of drafts without any ends with one line."""
    outcome = follow(course(place, sentences=0, self_train=1), architecture, SETTINGS, tmp_path / "self")
    drafted = outcome.stages.get("drafts-1")
    assert drafted is None or drafted.examples + drafted.held_out <= len(TOWNS)


def test_questions_that_name_no_document_take_the_one_that_search_finds_for_their_answer(tmp_path, place):
    import json

    records = [json.loads(line) for line in (place / "questions.jsonl").read_text("utf-8").splitlines()]
    silent = [
        {name: record[name] for name in ("question", "answer", "long_answer") if name in record} for record in records
    ]
    silent.append({"question": "Who asked?"})
    alone = tmp_path / "questions.jsonl"
    alone.write_text("".join(f"{json.dumps(record)}\n" for record in silent), "utf-8")
    with Engine.build(place / "documents", tmp_path / "towns.odqa", settings=SETTINGS) as engine:
        *found, unanswered = load(str(alone), engine=engine).questions()
        named = [
            question.gold[0].document_id for question in load(str(place / "questions.jsonl"), engine=engine).questions()
        ]
        assert [question.gold[0].document_id for question in found] == named
        assert not unanswered.gold


def test_answers_that_no_document_bears_out_are_told_in_a_line(tmp_path, place, architecture):
    import json

    other = tmp_path / "other"
    (other / "documents").mkdir(parents=True)
    (other / "documents" / "a.md").write_text(
        "# Bells\n\nBells ring. They are brass.\n\nOne sank in the bay.\n", "utf-8"
    )
    record = {"question": "Who flew to the moon?", "answer": "Nobody of the village ever flew there."}
    (other / "questions.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
    with pytest.raises(UsageError, match="stage of answers: there are no examples") as caught:
        follow(course(other, sentences=0), architecture, SETTINGS, tmp_path / "none")
    assert "--epochs 0" in caught.value.remedy


def test_questions_without_documents_take_those_of_an_index(tmp_path, place):
    alone = tmp_path / "questions.jsonl"
    alone.write_bytes((place / "questions.jsonl").read_bytes())
    with pytest.raises(UsageError, match="names no documents"):
        load(str(alone))
    with Engine.build(place / "documents", tmp_path / "towns.odqa", settings=SETTINGS) as engine:
        dataset = load(str(alone), engine=engine)
        (gold,) = next(dataset.questions()).gold
        assert gold.document_id.endswith("Varnholt.md")
        assert engine.document(gold.document_id).text[gold.spans[0].start :].startswith("The bridge of Varnholt")


def test_another_course_does_not_go_on_with_the_checkpoints_of_the_first(followed, place, architecture):
    folder, _ = followed
    with pytest.raises(OdqaError, match="rate"):
        follow(course(place, rate=1e-4), architecture, SETTINGS, folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sentences": 0, "epochs": 0}, "nothing is to be learned"),
        ({"shard_size": "much"}, "no size"),
        ({"shard_size": "1KB"}, "no size"),
        ({"datasets": ("nowhere",)}, "nowhere"),
        ({"precision": "fp8"}, "precision"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(tmp_path, place, architecture, options, said):
    with pytest.raises(OdqaError, match=said):
        follow(course(place, **options), architecture, SETTINGS, tmp_path / "none")


def test_nothing_else_is_written_over(tmp_path, place, architecture):
    from odqa.errors import UsageError
    from odqa.models import write_card

    notes, judge = tmp_path / "notes", tmp_path / "judge"
    for folder in (notes, judge):
        folder.mkdir()
        (folder / "README.md").write_text("Mine.")
    write_card(judge, {"kind": "verifier"})
    before = {path: path.read_bytes() for folder in (notes, judge) for path in folder.iterdir()}
    for folder, said in ((notes, "is there already"), (judge, "holds a verifier")):
        with pytest.raises(UsageError, match=said):
            follow(course(place), architecture, SETTINGS, folder)
    assert {path: path.read_bytes() for folder in (notes, judge) for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "options", [{"layers": 3}, {"marks": 0}, {"limits": Limits(target=2000)}, {"encoder": "/nowhere/at-all"}]
)
def test_what_cannot_be_built_is_refused_in_a_line(tmp_path, place, architecture, options):
    with pytest.raises(OdqaError):
        follow(course(place), replace(architecture, **options), SETTINGS, tmp_path / "none")


def test_a_split_is_named_behind_a_slash_and_a_path_is_a_path(tmp_path):
    assert split_of("squality/train") == ("squality", "train")
    assert split_of(str(tmp_path)) == (str(tmp_path), None)
    assert split_of("./qmsum") == ("./qmsum", None)
    assert split_of("ottqa") == ("ottqa", None)


def test_adapters_are_learned_and_added_to_the_weights(tmp_path, place, architecture):
    pytest.importorskip("peft")
    outcome = follow(course(place, sentences=0, lora=2), architecture, SETTINGS, tmp_path / "lora")
    assert outcome.parameters[1] < outcome.parameters[0]
    model, _ = open_reader_model(tmp_path / "lora")
    assert not any("lora" in name for name, _ in model.named_parameters())
