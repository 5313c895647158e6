"""A whole course, from files of claims and answers to a verifier in a folder: its log, its cards, its interruptions."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.learn.experiment import find_runs, read_run
from odqa.learn.experiment.compare import compare_runs
from odqa.learn.material import load
from odqa.learn.verifier.course import LOG, Course, _check_place, follow
from odqa.learn.verifier.lessons import kept_lessons
from odqa.models import find, list_models, verify_model, write_card
from odqa.models.shards import export_safetensors
from odqa.parts import make_verifier
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import Progress
from odqa.settings import Settings
from tests import claimed

SETTINGS = Settings(encoder="hashing", device="cpu")
FILES = {"model.onnx", "model.safetensors", "config.json", "tokenizer.json", "verifier.json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return claimed.write(tmp_path_factory.mktemp("own") / "data")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODQA_MODELS", str(folder))
        yield folder


def course(place: Path, **options) -> Course:
    chosen = {"base": place / "encoder", "pairs": 60, "epochs": 2, "layers": 1, "rate": 1e-3, **options}
    return Course((str(place / "claims"), str(place / "answers")), **chosen)


@pytest.fixture(scope="module")
def followed(store, place):
    said = []
    outcome = follow(course(place), SETTINGS, store / "mine", say=said.append)
    return store / "mine", outcome, said


def test_a_course_ends_with_a_verifier_that_is_found_by_its_name(followed):
    folder, outcome, _ = followed
    verifier = make_verifier(SETTINGS.replace(verifier="mine"), None)
    assert verifier.scorer.words == 80
    assert verifier.logistic is not None
    own = json.loads((folder / "verifier.json").read_text("utf-8"))
    assert set(own["regressions"]) >= {"lexical", "semantic", "model"}
    assert outcome.learned.figures["lexical"]["balanced_accuracy"] > 0.9
    assert not (folder / "checkpoint").exists()


def test_its_training_is_written_down(followed):
    folder, outcome, said = followed
    assert find_runs([folder]) == [folder / LOG]
    record = read_run(folder / LOG)
    run = outcome.taught.run
    assert (record.name, record.status, record.step) == ("mine/verifier", "finished", run.steps)
    assert {"loss", "rate", "gradient_norm"} <= record.steps[-1].figures.keys()
    assert [(line.step, line.best) for line in record.held_out if line.best][-1][0] == run.best
    assert [line.figures["roc_auc"] for line in record.held_out] == pytest.approx(run.held_out, rel=1e-4)
    assert {"balanced_accuracy", "loss"} <= record.held_out[0].figures.keys()
    lessons = outcome.taught.lessons
    assert record.data["verifier"]["datasets"] == dict(zip(("claims", "answers"), lessons.examples, strict=True))
    assert record.data["verifier"]["held_out"] == len(lessons.held_out)
    assert record.settings["course"]["pairs"] == 60
    assert record.settings["encoder"] == "hashing"
    assert record.figures["claims balanced_accuracy"] == outcome.learned.figures["model"]["balanced_accuracy"]
    assert sum("held out: roc_auc" in line for line in said) == len(run.judgements)


def test_its_card_vouches_for_every_file_and_says_what_it_learned(followed):
    _, outcome, _ = followed
    about = find("mine", "verifier").about
    assert set(about.files) >= FILES
    assert not [name for name in about.files if name.startswith(("run", "checkpoint"))]
    assert verify_model(find("mine")).problems == ()
    assert verify_model(find("mine")).unknown == ()
    counts = {one.name: one.examples for one in about.learned_from}
    assert counts == {"claims": 20, "answers": len(outcome.taught.lessons.learned)}
    assert about.figures["claims"]["roc_auc"] == outcome.learned.figures["model"]["roc_auc"]
    assert about.figures["claims"]["n"] == 20
    assert about.figures["claims"]["lexical roc_auc"] == outcome.learned.figures["lexical"]["roc_auc"]
    assert about.figures["pairs held-out"]["roc_auc"] == max(outcome.taught.run.held_out)
    assert about.shape["parameters"] > about.shape["trained_parameters"] > 0
    assert [base.name for base in about.bases] == ["encoder"]
    assert any("20 claims of claims" in limit for limit in about.limits)


def test_a_damaged_file_is_found(followed, tmp_path):
    folder, _, _ = followed
    for name in sorted(FILES):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        problems = verify_model(find(folder)).problems
        (folder / name).write_bytes(whole)
        assert [problem.split(":")[0] for problem in problems] == [name]


def test_its_readme_tells_people_how_to_use_it_and_the_hub_what_it_is(followed):
    folder, _, _ = followed
    card = ModelCard.load(folder / "README.md")
    data = card.data.to_dict()
    assert (data["pipeline_tag"], data["tags"]) == ("text-classification", ["odqa", "verifier"])
    assert data["datasets"] == ["claims", "answers"]
    assert {result.dataset_name for result in card.data.eval_results} == {"claims", "pairs"}
    assert "--set verifier=mine" in card.text
    assert "cross-validation" in card.text
    assert "by words alone" in card.text
    assert "| answers |" in card.text


def test_a_copy_for_others_is_whole_and_judges_alike(followed, tmp_path):
    folder, _, _ = followed
    export_safetensors(find("mine"), tmp_path / "copy", shard_size="30KB")
    copied = find(tmp_path / "copy", "verifier")
    assert verify_model(copied).problems == ()
    assert not (tmp_path / "copy" / "run").exists()
    pair = ("the pier opened", ["the harbour opened ."])
    own, other = (
        make_verifier(SETTINGS.replace(verifier=str(one)), None).scorer.margins(*pair)
        for one in (folder, copied.folder)
    )
    assert own == pytest.approx(other)


class _Interrupts:
    """Sends Ctrl-C when a stage has come so far, as a person would."""

    def __init__(self, stage: str, done: int) -> None:
        self.at = stage, done

    def __call__(self, progress: Progress) -> None:
        if (progress.stage, progress.done) == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def _killed_at(name: str):
    def fail(operation: str, path: Path) -> None:
        if operation == "replace" and path.name == name:
            raise KeyboardInterrupt

    return fail


def test_interrupted_again_and_again_it_ends_the_same_with_one_log(followed, place, store, monkeypatch):
    whole, outcome, _ = followed
    folder = store / "broken"
    steps = outcome.taught.run.steps
    for sitting, at in enumerate((("train", 2), ("train", steps - 1), ("calibrate", 5)), start=1):
        with pytest.raises(KeyboardInterrupt):
            follow(course(place), SETTINGS, folder, progress=_Interrupts(*at))
        record = read_run(folder / LOG)
        assert (record.status, len(record.sittings)) == ("stopped", sitting)
        assert (folder / "checkpoint").is_dir()
        assert "broken" not in {model.name for model in list_models()}
    for name in ("model.onnx", "odqa.json"):
        monkeypatch.setattr(fs, "fault", _killed_at(name))
        with pytest.raises(KeyboardInterrupt):
            follow(course(place), SETTINGS, folder)
        monkeypatch.setattr(fs, "fault", None)
    follow(course(place), SETTINGS, folder)
    for name in sorted(FILES):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert not (folder / "checkpoint").exists()
    assert find_runs([folder]) == [folder / LOG]
    record, other = read_run(folder / LOG), read_run(whole / LOG)
    assert (record.status, record.step, len(record.sittings)) == ("finished", other.step, 6)
    assert [(line.step, line.figures) for line in record.held_out] == [
        (line.step, line.figures) for line in other.held_out
    ]
    assert record.figures == other.figures
    compared = compare_runs([other, record])
    assert [run.best_step for run in compared.runs] == [outcome.taught.run.best] * 2
    assert compared.data == ()


def test_a_training_is_taken_up_with_what_it_was_begun_with_only(place, store):
    folder = store / "other"
    with pytest.raises(KeyboardInterrupt):
        follow(course(place), SETTINGS, folder, progress=_Interrupts("train", 2))
    with pytest.raises(LoadError, match="another run: schedule: rate"):
        follow(course(place, rate=2e-3), SETTINGS, folder)
    assert read_run(folder / LOG).status == "failed"
    before = (folder / LOG / "run.json").read_bytes()
    with pytest.raises(LoadError, match="begun with other pairs: pairs differ"):
        follow(course(place, pairs=50), SETTINGS, folder)
    assert (folder / LOG / "run.json").read_bytes() == before
    with pytest.raises(UsageError, match="the training of one"):
        _check_place(folder, alignment_only=True)


def test_pairs_are_drawn_once_for_a_training(place, tmp_path):
    datasets = [load(name) for name in course(place).datasets]

    def lessons(pairs: int = 60):
        return kept_lessons(tmp_path, datasets, pairs=pairs, documents=None, seed=13)

    drawn = lessons()
    file = tmp_path / "checkpoint" / "pairs.json"
    kept = json.loads(file.read_text("utf-8"))
    kept["learned"] = kept["learned"][:-1]
    file.write_text(json.dumps(kept), "utf-8")
    assert lessons().learned == drawn.learned[:-1]  # What is there counts: a training began with it.
    file.write_text("{", "utf-8")
    assert lessons() == drawn
    assert len(lessons(30).learned) < len(drawn.learned)  # Nothing has been learned yet.
    (tmp_path / "checkpoint" / "step-00000001").mkdir()
    with pytest.raises(LoadError, match="other pairs"):
        lessons()


def test_without_a_model_there_is_a_card_and_no_log(place, store):
    folder = store / "words"
    outcome = follow(course(place, alignment_only=True), SETTINGS, folder)
    assert outcome.taught is None
    assert isinstance(make_verifier(SETTINGS.replace(verifier="words"), None), AlignmentVerifier)
    about = find("words", "verifier").about
    assert set(about.files) == {"verifier.json"}
    assert {one.name: one.examples for one in about.learned_from} == {"claims": 20}
    assert about.bases == ()
    assert about.figures["claims"]["roc_auc"] == outcome.learned.figures["semantic"]["roc_auc"]
    text = (folder / "README.md").read_text("utf-8")
    assert "--set verifier=words" in text
    assert "`lexical`" in text
    assert "`semantic`" not in text  # It is the one in use, and needs no name.
    with pytest.raises(LoadError, match="no run of a training"):
        find_runs([folder])
    follow(course(place, alignment_only=True), SETTINGS, folder)  # It gives way to its successor.
    assert verify_model(find("words")).problems == ()


def test_nothing_else_is_written_over(followed, place, tmp_path):
    whole, _, _ = followed
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "README.md").write_text("mine", "utf-8")
    (tmp_path / "reader").mkdir()
    write_card(tmp_path / "reader", {"kind": "reader"})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "odqa.json").write_text("{", "utf-8")
    for name, message in (("papers", "is there already"), ("reader", "holds a reader"), ("damaged", "damaged card")):
        with pytest.raises(UsageError, match=message):
            follow(course(place), SETTINGS, tmp_path / name)
    assert (tmp_path / "papers" / "README.md").read_text("utf-8") == "mine"
    with pytest.raises(UsageError, match="with a model"):
        follow(course(place, alignment_only=True), SETTINGS, whole)
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "verifier.json").write_text('{"regressions": {}}', "utf-8")  # Without odqa.json.
    for folder in (whole, tmp_path / "before", tmp_path / "new"):
        _check_place(folder, alignment_only=False)


def test_what_labels_no_claims_calibrates_nothing_and_claims_alone_teach_nothing(place, tmp_path):
    answers = replace(course(place), datasets=(str(place / "answers"),))
    with pytest.raises(UsageError, match="labels claims"):
        follow(answers, SETTINGS, tmp_path / "none")
    claims = replace(course(place), datasets=(str(place / "claims"),))
    with pytest.raises(UsageError, match="no pairs to learn from"):
        follow(claims, SETTINGS, tmp_path / "none")
    assert not (tmp_path / "none").exists()
