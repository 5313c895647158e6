"""The encoder–decoder over many passages: what it may depend on, how it begins, and that it comes back from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import (  # noqa: E402
    LAYERS,
    PAD,
    POSITIONS,
    START,
    TOKENS,
    bert_config,
    cross_config,
    fusion,
    gpt2_config,
    labels,
    neo_config,
    opened,
    passages,
)
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForSeq2SeqLM,
    BertModel,
    GPTNeoForCausalLM,
    ModernBertConfig,
    ModernBertModel,
    RobertaConfig,
    RobertaModel,
    T5Config,
)

from odqa.errors import LimitError, ModelError, UsageError  # noqa: E402
from odqa.reader.neural.encoder_decoder import FusionConfig, FusionModel, shifted  # noqa: E402

KINDS = [("gpt_neo", False), ("gpt_neo", True), ("gpt2", True)]


def logits(model: Any, given: dict[str, Any], targets: Any | None = None) -> Any:
    with torch.no_grad():
        return model(**given, decoder_input_ids=shifted(labels() if targets is None else targets, model.config)).logits


def same(one: Any, other: Any) -> None:
    """Every weight to the last bit."""
    weights = other.state_dict()
    assert list(weights) == list(one.state_dict())
    for name, value in one.state_dict().items():
        assert torch.equal(value, weights[name]), name


def rows(given: dict[str, Any], chosen: Any) -> dict[str, Any]:
    return {name: value[chosen] for name, value in given.items()}


def padded(given: dict[str, Any], tokens: int, count: int) -> dict[str, Any]:
    """The same passages with more padding behind each, and with more passages of nothing but padding."""
    empty = {"copy_tokens": -100}
    wide = {}
    for name, value in given.items():
        fill = empty.get(name, 0)
        if value.ndim == 3:
            value = torch.nn.functional.pad(value, (0, tokens), value=fill)
            value = torch.cat([value, value.new_full((len(value), count, value.shape[2]), fill)], 1)
        else:
            value = torch.nn.functional.pad(value, (0, count), value=1)
        wide[name] = value
    return wide


@pytest.mark.parametrize(("decoder", "pointer"), KINDS)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_padding_empty_passages_order_and_neighbours_change_nothing(
    decoder: str, pointer: bool, implementation: str
) -> None:
    model = fusion(decoder, pointer, implementation)
    given = passages()
    expected = logits(model, given)
    junk = padded(given, tokens=4, count=2)
    junk["input_ids"] = torch.where(junk["attention_mask"].bool(), junk["input_ids"], 17)
    order = [2, 0, 1]
    moved = {name: value[:, order] for name, value in given.items()}
    for other in (padded(given, tokens=4, count=2), junk, moved):
        torch.testing.assert_close(logits(model, other), expected, atol=2e-5, rtol=0)
    for one in range(2):
        alone = logits(model, rows(given, slice(one, one + 1)), labels()[one : one + 1])
        torch.testing.assert_close(alone[0], expected[one], atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ["input_ids", "sources", "kinds", "copy_tokens", "copy_places"])
def test_everything_that_is_given_counts(name: str) -> None:
    model, given = fusion(pointer=True), passages()
    other = {**given, name: given[name].clone()}
    other[name][0, 0] = other[name][0, 1] + 1 if name == "sources" else other[name][0, 0].flip(-1) + (name == "kinds")
    if name == "copy_tokens":
        other[name][0, 0] = torch.where(given[name][0, 0] < 0, -100, other[name][0, 0].clamp_min(5))
    changed = (logits(model, other) - logits(model, given)).abs().amax((1, 2))
    assert changed[0] > 1e-4
    assert changed[1] < 1e-5


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("pointer", [False, True])
def test_an_example_without_passages_is_the_plain_decoder(implementation: str, pointer: bool) -> None:
    model = fusion(pointer=pointer, implementation=implementation)
    given = passages()
    given["attention_mask"][1] = 0
    text = shifted(labels(), model.config)
    with torch.no_grad():
        expected = model.decoder(text).logits[1].log_softmax(-1)
    torch.testing.assert_close(logits(model, given)[1].log_softmax(-1), expected, atol=1e-5, rtol=0)
    model(**given, labels=labels()).loss.backward()
    assert all(torch.isfinite(value.grad).all() for value in model.parameters() if value.grad is not None)
    nothing = {name: value[:, :0] for name, value in given.items()}
    torch.testing.assert_close(logits(model, nothing)[1].log_softmax(-1), expected, atol=1e-5, rtol=0)


def test_gradients_reach_every_parameter_once_the_gate_has_moved() -> None:
    for decoder, pointer in KINDS:
        model = fusion(decoder, pointer).train()
        model(**passages(), labels=labels()).loss.backward()
        still = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
        assert still == set()


def test_only_the_gates_move_at_the_first_step() -> None:
    torch.manual_seed(0)
    model = FusionModel(FusionConfig(encoder=bert_config(), decoder=cross_config(), decoder_start_token_id=START))
    model(**passages(), labels=labels()).loss.backward()
    new = [(name, bool(value.grad.any())) for name, value in model.named_parameters() if "cross" in name]
    assert len(new) == 7 * LAYERS
    assert all(moved == ("out_proj" in name) for name, moved in new)


@pytest.mark.parametrize("pointer", [False, True])
def test_label_weights_scale_what_their_targets_teach(pointer: bool) -> None:
    model, targets = fusion(pointer=pointer).double(), labels()
    weights = torch.rand(targets.shape, generator=torch.Generator().manual_seed(0))
    plain = model(**passages(), labels=targets)
    found = model(**passages(), labels=targets, label_weights=weights)
    counted = (targets >= 0).sum()
    torch.testing.assert_close(plain.loss, plain.token_losses.sum() / counted)
    torch.testing.assert_close(found.loss, (plain.token_losses * weights).sum() / counted)
    assert not plain.token_losses[targets < 0].any()
    none = model(**passages(), labels=torch.full_like(targets, -100)).loss
    none.backward()
    assert none.item() == 0.0


def test_targets_that_do_not_count_change_no_gradient() -> None:
    model, targets = fusion(pointer=True).double(), labels()
    model(**passages(), labels=targets).loss.backward()
    expected = {name: value.grad.clone() for name, value in model.named_parameters()}
    model.zero_grad()
    longer = torch.nn.functional.pad(targets, (0, 3), value=-100)
    model(**passages(), labels=longer).loss.backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.grad, expected[name], msg=name)


def test_hundreds_of_passages_encode_in_parts_to_the_same_states() -> None:
    given = passages(batch=1, count=300, length=8)
    at_once, parts = fusion(pointer=True, rows_at_once=1000), fusion(pointer=True, rows_at_once=7)
    assert not at_once.encoder.training
    with torch.no_grad():
        one, other = at_once.encode(**given), parts.encode(**given)
    for name in ("last_hidden_state", "copy_keys"):
        torch.testing.assert_close(getattr(other, name), getattr(one, name), atol=1e-5, rtol=0)
    learned = at_once.encode(**given)  # With gradients: one batch, untouched.
    torch.testing.assert_close(learned.last_hidden_state, one.last_hidden_state, atol=1e-5, rtol=0)
    assert learned.last_hidden_state.requires_grad


def test_frozen_parts_of_the_encoder_drop_nothing_out() -> None:
    model = fusion(encoder=bert_config(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5))
    for value in model.encoder.encoder.layer[0].parameters():
        value.requires_grad = False
    model.train()
    assert not any(part.training for part in model.encoder.encoder.layer[0].modules())
    assert model.encoder.encoder.layer[1].attention.self.dropout.training
    assert model.decoder.training
    for value in model.encoder.parameters():
        value.requires_grad = False
    model.train()
    first, second = (model.encode(**passages()).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)
    model.eval()
    assert not any(part.training for part in model.modules())


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable.*:FutureWarning")
@pytest.mark.parametrize("decoder", ["gpt_neo", "gpt2"])
def test_checkpointing_of_activations_gives_the_same_gradients(decoder: str) -> None:
    plain, saving = (fusion(decoder, pointer=True).double().train() for _ in range(2))
    saving.gradient_checkpointing_enable()
    for model in (plain, saving):
        model(**passages(), labels=labels()).loss.backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, msg=name)


def test_half_precision_training_stays_finite() -> None:
    model = fusion(pointer=True).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(**passages(), labels=labels())
    assert found.loss.dtype == torch.float32
    found.loss.backward()
    assert torch.isfinite(found.loss)
    assert all(torch.isfinite(value.grad).all() for value in model.parameters())
    exact = model(**passages(), labels=labels()).loss
    torch.testing.assert_close(found.loss, exact, atol=0.1, rtol=0.1)
    halved = fusion(pointer=True).to(torch.bfloat16)
    given = passages()
    given["attention_mask"][:] = 0
    for some in (passages(), given):
        assert torch.isfinite(logits(halved, some)).all()


@pytest.mark.parametrize(
    ("decoder", "pointer", "shards"), [("gpt_neo", False, None), ("gpt_neo", True, "20KB"), ("gpt2", True, "20KB")]
)
def test_saving_and_loading_keeps_every_weight_and_setting(
    tmp_path: Path, decoder: str, pointer: bool, shards: str | None
) -> None:
    model = fusion(decoder, pointer, kinds=3, rows_at_once=5)
    model.save_pretrained(tmp_path, **({"max_shard_size": shards} if shards else {}))
    assert (len(list(tmp_path.glob("*.safetensors"))) > 3) == bool(shards)
    again, info = FusionModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    same(again, model)
    torch.testing.assert_close(logits(again, passages()), logits(model, passages()), atol=1e-5, rtol=0)
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, FusionConfig)
    assert (config.pointer, config.sources, config.kinds, config.rows_at_once) == (pointer, 400, 3, 5)
    assert (config.decoder_start_token_id, config.eos_token_id) == (START, TOKENS["eos_token_id"])
    assert config.decoder.add_cross_attention
    assert config.decoder.to_dict() == model.config.decoder.to_dict()
    assert config.encoder.hidden_size == 24
    assert again.decoder.lm_head.weight is again.decoder.transformer.wte.weight


def test_auto_classes_know_the_model_and_either_attention(tmp_path: Path) -> None:
    model = fusion(pointer=True)
    model.save_pretrained(tmp_path)
    for kind in (AutoModelForSeq2SeqLM, AutoModel):
        for implementation in ("eager", "sdpa"):
            again = kind.from_pretrained(tmp_path, attn_implementation=implementation)
            assert isinstance(again, FusionModel)
            assert again.decoder.config._attn_implementation == implementation
            assert again.encoder.config._attn_implementation == implementation
            torch.testing.assert_close(logits(again, passages()), logits(model, passages()), atol=1e-4, rtol=0)


def test_weights_stay_shared_after_a_step(tmp_path: Path) -> None:
    fusion(pointer=True).save_pretrained(tmp_path)
    model = FusionModel.from_pretrained(tmp_path).train()
    model(**passages(), labels=labels()).loss.backward()
    torch.optim.AdamW(model.parameters(), lr=0.1).step()
    assert model.decoder.lm_head.weight is model.decoder.transformer.wte.weight
    assert model.get_output_embeddings() is model.decoder.lm_head
    assert sum(value is model.decoder.lm_head.weight for value in model.parameters()) == 1


ENCODERS = {
    "bert": (BertModel, bert_config()),
    "roberta": (
        RobertaModel,
        RobertaConfig(vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                      max_position_embeddings=14, pad_token_id=1, initializer_range=0.2),
    ),
    "modernbert": (
        ModernBertModel,
        ModernBertConfig(vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
                         intermediate_size=48, max_position_embeddings=40, pad_token_id=0, cls_token_id=1,
                         sep_token_id=2, bos_token_id=1, eos_token_id=2, initializer_range=0.2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENCODERS)
def test_encoders_of_the_bert_family(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    of, config = ENCODERS[kind]
    encoder = of(config).eval()
    encoder.save_pretrained(tmp_path / "encoder")
    model = FusionModel.from_parts(
        tmp_path / "encoder", neo_config(), pointer=True, decoder_start_token_id=START, **TOKENS
    )
    given = passages(length=9)
    given["input_ids"] = given["input_ids"].masked_fill(given["attention_mask"] == 0, config.pad_token_id)
    with torch.no_grad():
        memory = model.encode(**{name: given[name] for name in ("input_ids", "attention_mask")})
        expected = encoder(input_ids=given["input_ids"][0], attention_mask=given["attention_mask"][0])[0]
    torch.testing.assert_close(
        memory.last_hidden_state[0, memory.mask[0]],
        expected[given["attention_mask"][0].bool()],
        atol=1e-5,
        rtol=0,
    )
    opened(model).save_pretrained(tmp_path / "whole")
    again = FusionModel.from_pretrained(tmp_path / "whole")
    same(again, model)
    torch.testing.assert_close(logits(again, given), logits(model, given), atol=1e-5, rtol=0)


def test_roberta_takes_fewer_tokens_than_it_has_positions() -> None:
    model = fusion(encoder=ENCODERS["roberta"][1])
    assert model.encoder_positions == 12
    ids = torch.full((1, 1, 12), 7)
    assert model.encode(ids, torch.ones_like(ids)).last_hidden_state.shape == (1, 12, 24)
    ids = torch.full((1, 1, 13), 7)
    with pytest.raises(LimitError, match="13 tokens is longer than the encoder's 12"):
        model.encode(ids, torch.ones_like(ids))
    assert fusion().encoder_positions == 40


def test_a_pretrained_decoder_says_what_it_said_before(tmp_path: Path) -> None:
    torch.manual_seed(1)
    BertModel(bert_config()).save_pretrained(tmp_path / "encoder")
    reference = GPTNeoForCausalLM(neo_config()).eval()
    reference.save_pretrained(tmp_path / "decoder")
    for implementation in ("eager", "sdpa"):
        model = FusionModel.from_parts(
            tmp_path / "encoder", tmp_path / "decoder", attn_implementation=implementation,
            decoder_start_token_id=START, **TOKENS,
        )  # fmt: skip
        assert not model.training
        with torch.no_grad():
            expected = reference(shifted(labels(), model.config)).logits
        torch.testing.assert_close(logits(model, passages()), expected, atol=1e-5, rtol=0)
    reference.half().save_pretrained(tmp_path / "half")
    model = FusionModel.from_parts(tmp_path / "encoder", tmp_path / "half", decoder_start_token_id=START)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_parts_that_cannot_be_used_are_clear_errors(tmp_path: Path) -> None:
    BertModel(bert_config()).save_pretrained(tmp_path / "bert")
    T5Config(d_model=24, num_layers=1, num_heads=2).save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="no encoder"):
        FusionModel.from_parts(tmp_path / "nowhere", neo_config())
    with pytest.raises(ModelError, match=r"'bert'.*those that work"):
        FusionModel.from_parts(tmp_path / "bert", tmp_path / "bert")
    with pytest.raises(ModelError, match="'t5' is more than an encoder"):
        FusionModel.from_parts(tmp_path / "t5", neo_config())
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(ModelError, match="no encoder"):
        FusionModel.from_parts(tmp_path / "bert", neo_config())
    # Plain GPT-Neo takes an encoder's states without a word, and leaves them unread.
    with pytest.raises(UsageError, match="attends to no encoder"):
        FusionModel(FusionConfig(encoder=bert_config(), decoder=neo_config()))
    deaf = gpt2_config()
    deaf.add_cross_attention = False
    with pytest.raises(UsageError, match="attends to no encoder"):
        FusionModel(FusionConfig(encoder=bert_config(), decoder=deaf))


def test_sizes_beyond_the_model_are_clear_errors() -> None:
    model, given = fusion(sources=5), passages()
    with pytest.raises(LimitError, match="41 tokens"):
        model.encode(**{name: value for name, value in passages(length=41).items() if "copy" not in name})
    with pytest.raises(LimitError, match="passage number 6 is above the model's 5"):
        model.encode(given["input_ids"], given["attention_mask"], given["sources"] + 3)
    with pytest.raises(LimitError, match=f"{POSITIONS + 1} tokens is longer"):
        model(**given, labels=torch.full((2, POSITIONS + 1), 5))
    with pytest.raises(UsageError, match="decoder_start_token_id"):
        fusion(decoder_start_token_id=None)(**given, labels=labels())


def test_a_start_token_that_is_also_padding_is_read() -> None:
    # transformers masks padding where it finds it; the start of a text must not be lost so.
    model, given, targets = fusion(decoder_start_token_id=PAD), passages(), labels()
    with torch.no_grad():
        losses = model(**given, labels=targets).token_losses
        scores = model.generate(
            **given, max_new_tokens=1, do_sample=False, output_scores=True, return_dict_in_generate=True
        ).scores[0]
        alone = model(**given, decoder_input_ids=torch.full((2, 1), PAD)).logits[:, 0]
    torch.testing.assert_close(scores, alone, atol=1e-5, rtol=0)
    expected = -scores.log_softmax(-1).gather(-1, targets[:, :1])
    torch.testing.assert_close(losses[:, :1], expected, atol=1e-5, rtol=1e-5)
