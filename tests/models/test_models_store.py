"""The store of local models: found by name, listed, removed, and never led astray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa import fs
from odqa.errors import ModelError, OdqaError, UsageError
from odqa.models import About, find, list_models, models_folder, new_folder, remove, verify_model, write_card
from odqa.models.about import read_about


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("ODQA_MODELS", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def model(folder: Path, kind: str = "reader", text: str = "weights", **about: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(text)
    write_card(folder, {"kind": kind, **about})
    return folder


def test_a_model_is_found_by_its_name_and_by_its_folder(store: Path, tmp_path: Path) -> None:
    model(store / "small")
    model(tmp_path / "elsewhere" / "other", kind="verifier")
    assert find("small", "reader").folder == store / "small"
    assert find(tmp_path / "elsewhere" / "other").kind == "verifier"
    assert find("elsewhere/other", "verifier").name == "other"


def test_a_plain_name_means_the_store_first_and_a_path_always_the_folder(store: Path, tmp_path: Path) -> None:
    model(tmp_path / "twin", description="here")
    assert find("twin").about.description == "here"
    model(store / "twin", description="in the store")
    assert find("twin").about.description == "in the store"
    assert find("./twin").about.description == "here"
    assert new_folder("twin") == store / "twin"
    assert new_folder("./twin") == Path("twin")
    assert new_folder("a/b") == Path("a/b")


def test_what_is_not_there_is_told_with_what_is(store: Path) -> None:
    model(store / "small")
    model(store / "check", kind="verifier")
    with pytest.raises(ModelError, match="no model called 'smal'") as caught:
        find("smal", "reader")
    assert "small" in caught.value.remedy
    assert "check" not in caught.value.remedy
    with pytest.raises(ModelError, match="check is a verifier, not a reader"):
        find("check", "reader")


def test_a_store_that_does_not_exist_holds_nothing() -> None:
    assert list_models() == ()
    with pytest.raises(ModelError, match="no model called"):
        find("anything")


def test_the_store_is_the_platforms_own_place_if_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODQA_MODELS")
    assert models_folder().name == "models"
    assert models_folder().is_absolute()


def test_the_list_is_in_order_and_shows_what_is_damaged(store: Path) -> None:
    for name in ("b", "a"):
        model(store / name)
    (store / "c").mkdir()
    (store / "c" / "odqa.json").write_text("{")
    (store / "notes").mkdir()
    (store / "file").write_text("no model")
    assert [(one.name, bool(one.fault)) for one in list_models()] == [("a", False), ("b", False), ("c", True)]
    assert [one.name for one in list_models("reader")] == ["a", "b"]
    with pytest.raises(ModelError, match="not JSON"):
        find("c")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "ä", "-x", "a" * 101, "a\n"])
def test_names_that_lead_elsewhere_are_none(name: str, store: Path, tmp_path: Path) -> None:
    model(tmp_path / "x")
    with pytest.raises(UsageError, match="no name of a model"):
        remove(name)
    assert (tmp_path / "x" / "odqa.json").exists()


def test_only_models_of_the_store_are_removed(store: Path, tmp_path: Path) -> None:
    model(store / "small")
    (store / "papers").mkdir()
    (store / "papers" / "thesis.txt").write_text("mine")
    outside = model(tmp_path / "outside")
    (store / "link").symlink_to(outside)
    for name, message in (("papers", "holds no model"), ("gone", "holds no model"), ("link", "is a link")):
        with pytest.raises(ModelError, match=message):
            remove(name)
    assert remove("small").kind == "reader"
    assert sorted(path.name for path in store.iterdir()) == ["link", "papers"]
    assert (outside / "model.safetensors").exists()


def test_a_removal_that_is_interrupted_leaves_a_whole_model_or_none(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stop in ("replace", "remove_tree"):
        model(store / "small")

        def fail(operation: str, path: Path, stop: str = stop) -> None:
            if operation == stop:
                raise KeyboardInterrupt

        monkeypatch.setattr(fs, "fault", fail)
        with pytest.raises(KeyboardInterrupt):
            remove("small")
        monkeypatch.setattr(fs, "fault", None)
        there = list_models()
        assert [verify_model(one).problems for one in there] == ([()] if stop == "replace" else [])
        if there:
            remove("small")
    model(store / "next")
    remove("next")
    assert list(store.iterdir()) == []  # What the interrupted removal left has gone with it.


def test_a_verifier_that_odqa_trained_before_is_recognised(store: Path) -> None:
    folder = store / "mine"
    folder.mkdir(parents=True)
    card = {
        "regressions": {"model": {"weights": {}, "bias": 0.0}},
        "figures": {"model": {"n": 348, "roc_auc": 0.81, "broken": None}},
        "learned_from": ["wice", "squality"],
        "calibrated_on": "wice",
    }
    (folder / "verifier.json").write_text(json.dumps(card))
    found = find("mine", "verifier")
    assert [one.name for one in found.about.learned_from] == ["wice", "squality"]
    assert found.about.figures == {"model": {"n": 348, "roc_auc": 0.81}}
    assert verify_model(found).checked == 0
    (folder / "verifier.json").write_text('{"regressions": 3}')
    assert "not the card of a verifier" in list_models()[0].fault
    assert remove("mine").name == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "../reader"}, "no kind"),
        ({"kind": None}, "kind must be text"),
        ({"format": 99}, "update odqa"),
        ({"format": "1"}, "not the card"),
        ({"name": "../../etc"}, "no name"),
        ({"files": {"../../etc/passwd": {"size": 1, "sha256": "0" * 64}}}, "no file of a model"),
        ({"files": {"/etc/passwd": {"size": 1, "sha256": "0" * 64}}}, "no file of a model"),
        ({"files": {"a": {"size": -1, "sha256": "0" * 64}}}, "size and sha256"),
        ({"files": {"a": {"size": 1, "sha256": "xyz"}}}, "size and sha256"),
        ({"figures": {"set": {"f1": "high"}}}, "must be a number"),
        ({"figures": [1]}, "must be an object"),
        ({"learned_from": [{"title": "x"}]}, "must have name"),
        ({"learned_from": [{"name": "x", "examples": "many"}]}, "must be a count"),
        ({"languages": 3}, "must be a list"),
        ({"surprise": 1}, "no field 'surprise'"),
    ],
)
def test_a_card_that_is_not_right_is_one_clear_error(store: Path, change: dict[str, Any], message: str) -> None:
    folder = model(store / "small")
    card = json.loads((folder / "odqa.json").read_text()) | change
    (folder / "odqa.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=message):
        read_about(folder)
    with pytest.raises(ModelError):
        find("small")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("kind", "name", "made", "languages", "bases", "learned_from", "settings", "figures", "limits", "files")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_card_says_it_is_read_or_refused(record: dict[str, Any]) -> None:
    try:
        about = About.of({"kind": "reader", **record})
    except OdqaError:
        return
    assert About.of(json.loads(json.dumps(about.to_json()))) == about or "NaN" in json.dumps(about.to_json())
