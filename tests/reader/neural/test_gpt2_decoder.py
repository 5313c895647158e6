"""A GPT-2 decoder is transformers' own, but for examples without any source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import START, TOKENS, WORDS, bert_config, fusion, gpt2_config, labels, passages  # noqa: E402
from transformers import BertModel, GPT2LMHeadModel  # noqa: E402

from odqa.reader.neural.encoder_decoder import FusionModel  # noqa: E402
from odqa.reader.neural.gpt2 import CrossGPT2LMHeadModel  # noqa: E402


@pytest.fixture
def text() -> Any:
    return torch.randint(3, WORDS, (2, 7), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_logits_are_those_of_transformers(text: Any, implementation: str) -> None:
    model = fusion("gpt2", implementation=implementation, encoder=bert_config(hidden_size=32))
    reference = GPT2LMHeadModel._from_config(gpt2_config(), attn_implementation=implementation).eval()
    reference.load_state_dict(model.decoder.state_dict())
    given = passages()
    with torch.no_grad():
        memory = model.encode(**given)
        assert not memory.mask.all()
        found = model(encoder_outputs=memory, decoder_input_ids=text).logits
        expected = reference(
            text, encoder_hidden_states=memory.last_hidden_state, encoder_attention_mask=memory.mask.long()
        ).logits
        blind = reference(text).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(found, blind, atol=1e-2)


def test_the_whole_model_is_transformers_encoder_decoder(text: Any) -> None:
    transformers = pytest.importorskip("transformers")
    if not hasattr(transformers, "EncoderDecoderModel"):
        pytest.skip("transformers has dropped EncoderDecoderModel")
    model = fusion("gpt2", encoder=bert_config(hidden_size=32))
    encoder, decoder = BertModel(bert_config(hidden_size=32)).eval(), GPT2LMHeadModel(gpt2_config()).eval()
    encoder.load_state_dict(model.encoder.state_dict(), strict=False)
    decoder.load_state_dict(model.decoder.state_dict())
    reference = transformers.EncoderDecoderModel(encoder=encoder, decoder=decoder).eval()
    given = passages(count=1)
    given = {name: given[name][:1] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        found = model(**given, decoder_input_ids=text[:1]).logits
        expected = reference(**{name: value[:, 0] for name, value in given.items()}, decoder_input_ids=text[:1]).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_an_example_without_sources_is_plain_gpt2(text: Any, implementation: str) -> None:
    model = fusion("gpt2", implementation=implementation)
    given = passages()
    given["attention_mask"][1] = 0
    found = model(**given, decoder_input_ids=text).logits
    with torch.no_grad():
        expected = model.decoder(text).logits
    torch.testing.assert_close(found[1], expected[1], atol=1e-5, rtol=0)
    assert not torch.allclose(found[0], expected[0], atol=1e-2)
    model(**given, labels=labels()).loss.backward()
    assert all(torch.isfinite(value.grad).all() for value in model.parameters() if value.grad is not None)


def test_the_gate_is_zero_after_loading_plain_gpt2_and_kept_after_training(tmp_path: Path, text: Any) -> None:
    torch.manual_seed(0)
    plain = gpt2_config()
    plain.add_cross_attention = False
    GPT2LMHeadModel(plain).eval().save_pretrained(tmp_path / "gpt2")
    BertModel(bert_config()).save_pretrained(tmp_path / "bert")
    model = FusionModel.from_parts(tmp_path / "bert", tmp_path / "gpt2", decoder_start_token_id=START, **TOKENS)
    reference = GPT2LMHeadModel.from_pretrained(tmp_path / "gpt2")
    given = passages()
    with torch.no_grad():
        found = model(**given, decoder_input_ids=text).logits
        torch.testing.assert_close(found, reference(text).logits, atol=1e-5, rtol=0)
        for block in model.decoder.transformer.h:
            assert block.crossattention.q_attn.weight.any()
            block.crossattention.c_proj.weight.normal_()
    model.decoder.save_pretrained(tmp_path / "trained")
    again = FusionModel.from_parts(tmp_path / "bert", tmp_path / "trained", decoder_start_token_id=START, **TOKENS)
    for name, value in model.decoder.state_dict().items():
        assert torch.equal(value, again.decoder.state_dict()[name]), name


def test_a_random_gpt2_begins_with_a_closed_gate() -> None:
    model = CrossGPT2LMHeadModel(gpt2_config())
    for name, value in model.named_parameters():
        if "crossattention.c_proj" in name:
            assert not value.any(), name
        elif name.endswith("weight"):
            assert value.any(), name
