"""Language models in this process: tiny random ones, for what does not depend on how well they write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from odqa.errors import ModelError
from odqa.llm import Message, make_language_model
from odqa.llm.local import LocalModel
from odqa.llm.protocol import LanguageModel
from odqa.settings import Settings
from tests.llm import tiny

PROMPTS = [
    (Message("system", "write one sentence"), Message("user", text))
    for text in (
        "the pier was delayed",
        "the commission paid for the second pier of the harbour in spring and the council asked why",
        "why",
    )
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "seq2seq": tiny.seq2seq(root / "tiny-t5"),
        "chat": tiny.causal(root / "tiny-chat"),
        "plain": tiny.causal(root / "tiny-plain", chat=False),
    }


@pytest.mark.parametrize("kind", ["seq2seq", "chat", "plain"])
def test_a_batch_gives_what_its_prompts_give_alone(folders: dict[str, Path], kind: str) -> None:
    model = LocalModel(str(folders[kind]), device="cpu")
    assert isinstance(model, LanguageModel)
    together = model.generate(PROMPTS, max_tokens=6)
    assert together == [completion for prompt in PROMPTS for completion in model.generate([prompt], max_tokens=6)]
    assert together == LocalModel(str(folders[kind]), device="cpu", batch_tokens=256).generate(PROMPTS, max_tokens=6)
    for completion in together:
        assert 0 <= completion.usage.completion_tokens <= 6
        assert (completion.finish == "length") == (completion.usage.completion_tokens == 6)


def test_the_configuration_decides_how_a_model_is_run(folders: dict[str, Path]) -> None:
    seq2seq, chat = (
        make_language_model(Settings(llm=str(folders[kind]), device="cpu")) for kind in ("seq2seq", "chat")
    )
    assert not seq2seq.follows_instructions
    assert chat.follows_instructions
    assert seq2seq.context_tokens == chat.context_tokens == 128
    assert (seq2seq.name, chat.name) == ("tiny-t5", "tiny-chat")
    assert str(folders["chat"].parent) not in seq2seq.fingerprint + chat.fingerprint + chat.place


def test_a_sequence_to_sequence_model_reads_its_prefix_and_the_last_message(folders: dict[str, Path]) -> None:
    model = LocalModel(str(folders["seq2seq"]), device="cpu")
    (completion,) = model.generate([PROMPTS[0]], max_tokens=3)
    assert completion.usage.prompt_tokens == len("summarize the pier was delayed </s>".split())


def test_a_template_without_a_system_gets_its_words_all_the_same(folders: dict[str, Path]) -> None:
    model = LocalModel(str(folders["chat"]), device="cpu")
    (completion,) = model.generate([PROMPTS[0]], max_tokens=3)
    asked = "user : write one sentence the pier was delayed . assistant :"
    assert completion.usage.prompt_tokens == len(asked.split())
    (plain,) = LocalModel(str(folders["plain"]), device="cpu").generate([PROMPTS[0]], max_tokens=3)
    assert plain.usage.prompt_tokens == len("write one sentence the pier was delayed".split())


def test_tokens_are_counted_without_special_ones(folders: dict[str, Path]) -> None:
    assert LocalModel(str(folders["seq2seq"]), device="cpu").count_tokens("the second pier , the silt") == 6


def test_the_context_can_be_lowered_but_not_raised(folders: dict[str, Path]) -> None:
    path = str(folders["chat"])
    assert LocalModel(path, context_tokens=50, device="cpu").context_tokens == 50
    assert LocalModel(path, context_tokens=5000, device="cpu").context_tokens == 128


def test_a_prompt_that_is_too_long_is_an_error_and_not_cut(folders: dict[str, Path]) -> None:
    model = LocalModel(str(folders["chat"]), device="cpu")
    with pytest.raises(ModelError, match="reads 108 beside 20 to write"):
        model.generate([(Message("user", "pier " * 120),)], max_tokens=20)


def test_the_fingerprint_is_of_the_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    own = LocalModel(str(folders["chat"]), device="cpu").fingerprint
    copy = shutil.copytree(folders["chat"], tmp_path / "copy")
    (copy / "README.md").write_text("The same weights.")
    assert LocalModel(str(copy), device="cpu").fingerprint == own
    other = tiny.causal(tmp_path / "other", seed=1)
    assert LocalModel(str(other), device="cpu").fingerprint != own


def test_what_is_no_model_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    for name in ("no-such/model", str(tmp_path)):
        with pytest.raises(ModelError, match="cannot be loaded") as caught:
            LocalModel(name, device="cpu")
        assert "\n" not in str(caught.value)
        assert "give a folder, or a hub name" in str(caught.value)


def test_only_safetensors_are_read(folders: dict[str, Path], tmp_path: Path) -> None:
    import torch

    folder = shutil.copytree(folders["chat"], tmp_path / "old")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        LocalModel(str(folder), device="cpu").generate([PROMPTS[0]], max_tokens=3)


def test_a_device_that_is_not_there(folders: dict[str, Path]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ModelError, match="no CUDA device"):
        LocalModel(str(folders["chat"]), device="cuda")
