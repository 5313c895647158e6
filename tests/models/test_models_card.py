"""The cards of a model, its checksums, and copies of it for others."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from odqa import fs
from odqa.errors import ModelError, UsageError
from odqa.models import find, verify_model, write_card
from odqa.models.shards import bytes_of, export_safetensors
from odqa.settings import Settings

ABOUT: dict[str, Any] = {
    "kind": "reader",
    "description": "Writes answers | from passages, <b>cited</b>.\n# No heading",
    "licence": "apache-2.0",
    "languages": ["en"],
    "bases": [{"name": "sentence-transformers/all-MiniLM-L6-v2", "licence": "apache-2.0", "role": "encoder"}],
    "learned_from": [{"name": "ottqa", "split": "train", "examples": 178775, "licence": "MIT"}, "mine"],
    "settings": {"rate": 0.0003, "shape": "cosine", "rates": {"encoder.": 0.1}},
    "figures": {"squality dev": {"rouge2": 0.0612, "n": 260}, "qmsum": {"rougeL": 0.2}},
    "limits": ["Writes English only."],
    "shape": {"parameters": 23_456_789},
    "training": {"steps": 1000},
}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("ODQA_MODELS", str(folder))
    return folder


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_json", ".json").replace("_safetensors", ".safetensors")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_the_hub_reads_the_card(store: Path) -> None:
    folder = write(store / "small", model_safetensors=b"x")
    write_card(folder, ABOUT)
    card = ModelCard.load(folder / "README.md")
    data = card.data.to_dict()
    assert (data["license"], data["language"], data["library_name"]) == ("apache-2.0", ["en"], "odqa")
    assert (data["pipeline_tag"], data["datasets"]) == ("question-answering", ["ottqa", "mine"])
    assert data["base_model"] == ["sentence-transformers/all-MiniLM-L6-v2"]
    measured = {(r.dataset_name, r.dataset_split, r.metric_type): r.metric_value for r in card.data.eval_results}
    assert measured == {
        ("squality", "dev", "rouge2"): 0.0612,
        ("squality", "dev", "n"): 260,
        ("qmsum", None, "rougeL"): 0.2,
    }
    assert "| ottqa | train | 178,775 | MIT |" in card.text
    assert "| qmsum | rougeL | 0.2 |" in card.text
    assert "\n# No heading" not in card.text
    assert "<b>" not in card.text


def test_the_lines_that_the_card_offers_fit_the_program(store: Path) -> None:
    folder = write(store / "small", model_safetensors=b"x")
    write_card(folder, ABOUT)
    text = (folder / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    opened = next(node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and node.keywords)
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in opened.keywords if keyword.arg}
    assert Settings().replace(**named).reader == "small"
    assert find(named["reader"], "reader").folder == folder
    assert "--set reader=small" in text


def test_outside_the_store_the_card_names_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", model_safetensors=b"x")
    write_card(folder, ABOUT)
    assert f"--set reader={folder}" in (folder / "README.md").read_text()


def test_a_card_is_read_back_as_it_was_written(store: Path) -> None:
    folder = write(store / "small", model_safetensors=b"abc", tokenizer__vocab_json=b"{}", checkpoint__big=b"not ours")
    write(folder, run__log_json=b"not ours", _hidden=b"1")
    (folder / ".hidden").write_bytes(b"not ours")
    written = write_card(folder, ABOUT)
    about = find("small").about
    assert about == written
    assert about.learned_from[1].name == "mine"
    assert about.name == "small"
    assert set(about.files) == {"model.safetensors", "tokenizer/vocab.json", "_hidden"}
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert about.files["model.safetensors"].sha256 == abc


def test_a_field_that_a_card_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", model_safetensors=b"x")
    with pytest.raises(UsageError, match="no field 'licens'"):
        write_card(folder, {"kind": "reader", "licens": "mit"})
    assert not (folder / "odqa.json").exists()


def test_whatever_write_fails_no_half_of_a_model_is_found(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        folder = write(store / f"m{number}", model_safetensors=b"x")
        count = iter(range(1000))

        def fail(operation: str, path: Path, number: int = number, count: Any = count) -> None:
            if next(count) == number:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(fs, "fault", fail)
        try:
            write_card(folder, ABOUT)
        except ModelError as error:
            assert "No space left" in error.message  # noqa: PT017
            monkeypatch.setattr(fs, "fault", None)
            if (folder / "odqa.json").exists():
                assert verify_model(find(folder)).problems == ()
            continue
        assert number > 5
        return
    pytest.fail("the writes never came to an end")


def test_every_change_of_a_file_is_found(store: Path) -> None:
    folder = write(store / "small", model_safetensors=b"abc", config_json=b"{}", vocab_json=b"[]")
    write_card(folder, ABOUT)
    assert verify_model(find("small")).checked == 3
    (folder / "model.safetensors").write_bytes(b"abd")
    (folder / "config.json").write_bytes(b"{} ")
    (folder / "vocab.json").unlink()
    (folder / "added.bin").write_bytes(b"")
    result = verify_model(find("small"))
    assert {problem.split(":")[0] for problem in result.problems} == {"model.safetensors", "config.json", "vocab.json"}
    assert result.unknown == ("added.bin",)


def test_the_card_for_people_may_be_edited(store: Path) -> None:
    folder = write(store / "small", model_safetensors=b"abc")
    write_card(folder, ABOUT)
    (folder / "README.md").write_text("in my own words")
    assert verify_model(find("small")).problems == ()


def test_a_copy_in_shards_holds_the_same_weights_and_transformers_reads_it(store: Path, tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    model = BertModel(config).to(torch.bfloat16)
    folder = store / "small"
    model.save_pretrained(folder)
    write(folder, tokenizer__vocab_json=b"{}")
    write_card(folder, ABOUT | {"kind": "encoder"})
    out = tmp_path / "copy"
    written = export_safetensors(find("small"), out, shard_size="30KB")
    shards = [path for path in written if path.suffix == ".safetensors"]
    assert len(shards) > 2
    assert {path.stat().st_mode for path in written} == {(out / "odqa.json").stat().st_mode}
    assert (out / "tokenizer" / "vocab.json").read_bytes() == b"{}"
    copied = find(out)
    assert verify_model(copied).problems == ()
    assert copied.about.learned_from == find("small").about.learned_from
    read = BertModel.from_pretrained(out, dtype=torch.bfloat16).state_dict()
    assert all(torch.equal(read[name], value) for name, value in model.state_dict().items())
    again = export_safetensors(copied, tmp_path / "again", shard_size="1GB")
    assert [path.name for path in again if path.suffix == ".safetensors"] == ["model.safetensors"]


def test_an_export_is_whole_or_not_there(store: Path, tmp_path: Path) -> None:
    folder = write(store / "small", model_safetensors=b"these are no weights", config_json=b"{}")
    write_card(folder, ABOUT)
    out = tmp_path / "copy"
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        export_safetensors(find("small"), out)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        export_safetensors(find("small"), out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_damage_is_not_passed_on(store: Path, tmp_path: Path) -> None:
    folder = write(store / "small", model_safetensors=b"abc", config_json=b"{}")
    write_card(folder, ABOUT)
    (folder / "config.json").write_bytes(b"[]")
    with pytest.raises(ModelError, match=r"small is damaged: config\.json"):
        export_safetensors(find("small"), tmp_path / "copy")


@pytest.mark.parametrize("size", ["", "200", "MB", "-1MB", "0MB", "200 kg", "1e3MB"])
def test_what_is_no_size_of_a_shard_is_refused(store: Path, tmp_path: Path, size: str) -> None:
    folder = write(store / "small", model_safetensors=b"abc")
    write_card(folder, ABOUT)
    with pytest.raises(UsageError, match="no size of a file"):
        export_safetensors(find("small"), tmp_path / "copy", shard_size=size)


@pytest.mark.parametrize(("size", "count"), [("200MB", 200_000_000), ("1.5 GB", 1_500_000_000), ("900kb", 900_000)])
def test_sizes_are_read_as_people_write_them(size: str, count: int) -> None:
    assert bytes_of(size) == count


def test_a_long_training_never_ends_in_a_card_that_cannot_be_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", model_safetensors=b"x")
    settings = {"data": Path("a/b"), "betas": (0.9, 0.95), "clip": float("inf"), "course": {"epochs": 3}}
    figures = {"held out, questions": {"loss": 2.5, "rouge2": float("nan")}}
    write_card(folder, {"kind": "reader", "settings": settings, "figures": figures})
    card = json.loads((folder / "odqa.json").read_text())
    assert card["settings"] == {"data": "a/b", "betas": [0.9, 0.95], "clip": "Infinity", "course": {"epochs": 3}}
    assert card["figures"] == {"held out, questions": {"loss": 2.5}}
    read = ModelCard.load(folder / "README.md")
    assert [(one.dataset_name, one.dataset_split) for one in read.data.eval_results] == [("held out, questions", None)]
    assert "| course.epochs | 3 |" in read.text
