"""A reader that was exported as graphs answers as the one that it was made of."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cli import main
from odqa.engine import Engine
from odqa.errors import ModelError
from odqa.index.hashing import HashingEncoder
from odqa.models import find, write_card
from odqa.reader.neural.reader import FusionReader, load_writer, make_fusion
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import AnswerStyle, Draft, Style
from odqa.settings import Settings
from tests.reader.neural_reader.conftest import document, evidence, question

ITEMS = {"Abbot": "sank into sand", "Brindle": "flooded in spring", "Carrow": "lost its mason"}


@pytest.fixture(scope="module")
def store(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of models with the trained reader, as `odqa train reader` leaves it, and its graphs."""
    store = tmp_path_factory.mktemp("store")
    shutil.copytree(trained, store / "works")
    write_card(store / "works", {"kind": "reader", "settings": {"course": {"sources": 3}}})
    for name, options in {"graphs": [], "small": ["--int8"]}.items():
        export = ["models", "export", str(store / "works"), "--format", "onnx", "-o", str(store / name), *options]
        with pytest.raises(SystemExit) as done:
            main(export)
        assert not done.value.code
    return store


def drafts(folder: Path, style: AnswerStyle, **options: int) -> list[Draft]:
    encoder = HashingEncoder()
    writer = load_writer(folder, "cpu", 1)
    reader = FusionReader("works", lambda: writer, lambda: AlignmentVerifier(encoder), encoder=encoder, **options)
    found = [reader.draft(question(name), evidence(**ITEMS), style) for name in ITEMS]
    # Sums are made in another order, which shows in the last digit.
    return [replace(draft, confidence=round(draft.confidence, 2)) for draft in found]


@pytest.mark.parametrize(
    ("style", "options"),
    [(Style.SHORT, {}), (Style.SHORT, {"drafts": 1}), (Style.LONG, {"beams": 3}), (Style.LONG, {"drafts": 6})],
)
def test_graphs_draft_what_the_model_drafts(store: Path, style: Style, options: dict[str, int]) -> None:
    asked = AnswerStyle(style)
    found = drafts(store / "graphs", asked, **options)
    assert found == drafts(store / "works", asked, **options)
    said = [draft.sentences[0].text for draft in found]
    assert said == [f"{name} {fate}." for name, fate in ITEMS.items()]


def test_8_bits_say_it_too(store: Path) -> None:
    found = drafts(store / "small", AnswerStyle(Style.SHORT))
    assert [draft.sentences[0].text for draft in found] == [f"{name} {fate}." for name, fate in ITEMS.items()]


def test_graphs_are_a_reader_of_the_store_and_answer_from_the_command_line(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ODQA_MODELS", str(store))
    assert find("small", "reader").about.shape["weights"] == "int8"
    assert not list((store / "small").glob("*.safetensors"))
    index = tmp_path / "works.odqa"
    documents = [document(name, fate) for name, fate in ITEMS.items()]
    Engine.build(documents, index, settings=Settings(encoder="hashing")).close()
    options = ["--set", "reader=small", "--set", "refuse_below=0", "--json"]
    with pytest.raises(SystemExit):
        main(["ask", question("Brindle"), "-i", str(index), *options])
    answer = json.loads(capsys.readouterr().out)
    assert answer["claims"][0]["text"] == "Brindle flooded in spring."


def test_damaged_graphs_are_told_in_one_line(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store / "graphs", tmp_path, dirs_exist_ok=True)
    graph = tmp_path / "decoder.onnx"
    graph.write_bytes(graph.read_bytes()[:1000])
    broken = make_fusion(Settings(encoder="hashing", reader=str(tmp_path), device="cpu"), HashingEncoder())
    with pytest.raises(ModelError, match="cannot be opened") as caught:
        broken.draft(question("Abbot"), evidence(**ITEMS), AnswerStyle(Style.SHORT))
    assert "\n" not in str(caught.value)


def test_graphs_are_not_exported_again(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form, words in {"onnx": "is graphs already", "safetensors": "no weights in safetensors"}.items():
        with pytest.raises(SystemExit) as done:
            main(["models", "export", str(store / "graphs"), "--format", form, "-o", str(tmp_path / form)])
        assert done.value.code == 1
        assert words in capsys.readouterr().err
        assert not (tmp_path / form).exists()
