"""A GPT-Neo that has been given cross-attention is still the GPT-Neo that it was."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_models import END, LAYERS, POSITIONS, WINDOW, WORDS, cross_config, cross_neo, neo_config, opened  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    DynamicCache,
    EncoderDecoderCache,
    GPTNeoForCausalLM,
    StaticCache,
)
from transformers.utils import logging as transformers_logging  # noqa: E402

from odqa.errors import LimitError, UsageError  # noqa: E402
from odqa.reader.neural.gpt_neo import (  # noqa: E402
    CrossGPTNeoConfig,
    CrossGPTNeoForCausalLM,
    CrossGPTNeoModel,
)

LENGTH = 4 * WINDOW


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    torch.manual_seed(1)
    model = GPTNeoForCausalLM(neo_config()).eval()
    folder = tmp_path_factory.mktemp("gpt-neo")
    model.save_pretrained(folder)
    return model, folder


def load(folder: Path, implementation: str = "sdpa", **options: Any) -> Any:
    values = {**AutoConfig.from_pretrained(folder).to_dict(), "cross_attention_hidden_size": 24}
    values.pop("model_type")
    return CrossGPTNeoForCausalLM.from_pretrained(
        folder, config=CrossGPTNeoConfig(**values), attn_implementation=implementation, **options
    )


@pytest.fixture
def text() -> Any:
    return torch.randint(3, WORDS, (3, LENGTH), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def memory() -> dict[str, Any]:
    states = torch.randn(3, 11, 24, generator=torch.Generator().manual_seed(3))
    mask = torch.ones(3, 11, dtype=torch.long)
    mask[0, 4:] = 0
    mask[2] = 0
    return {"encoder_hidden_states": states, "encoder_attention_mask": mask}


@pytest.mark.parametrize("padding", ["none", "left", "right"])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_fresh_model_says_what_the_pretrained_one_says(
    upstream: tuple[Any, Path], text: Any, memory: dict[str, Any], implementation: str, padding: str
) -> None:
    reference, folder = upstream
    model = load(folder, implementation)
    assert model.config._attn_implementation == implementation
    mask = torch.ones_like(text)
    if padding == "left":
        mask[1, :6] = 0
    elif padding == "right":
        mask[1, -6:] = 0
    with torch.no_grad():
        expected = reference(text, attention_mask=mask).logits[mask.bool()]
        plain = model(text, attention_mask=mask).logits[mask.bool()]
        informed = model(text, attention_mask=mask, **memory).logits[mask.bool()]
    torch.testing.assert_close(plain, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(informed, expected, atol=1e-5, rtol=0)


def test_the_loss_is_that_of_the_pretrained_model(upstream: tuple[Any, Path], text: Any) -> None:
    reference, folder = upstream
    with torch.no_grad():
        torch.testing.assert_close(load(folder)(text, labels=text).loss, reference(text, labels=text).loss)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_local_layers_do_not_see_beyond_their_window(text: Any, implementation: str) -> None:
    model = cross_neo(implementation, num_layers=1, attention_types=[[["local"], 1]])
    other = text.clone()
    other[:, 3] = (other[:, 3] - 2) % (WORDS - 3) + 3
    with torch.no_grad():
        changed = (model(text).logits - model(other).logits).abs().amax((0, 2)) > 1e-6
    assert changed.nonzero().flatten().tolist() == list(range(3, 3 + WINDOW))


@pytest.mark.parametrize("place", [0, 60, 119])
def test_cross_attention_sees_every_source_from_every_position(text: Any, place: int) -> None:
    model = cross_neo(num_layers=1, attention_types=[[["local"], 1]])
    states = torch.randn(3, 120, 24, generator=torch.Generator().manual_seed(4))
    other = states.clone()
    other[:, place] += 3.0
    with torch.no_grad():
        changed = model(text, encoder_hidden_states=states).logits - model(text, encoder_hidden_states=other).logits
    assert (changed.abs().amax(-1) > 1e-6).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_implementations_of_attention_agree(text: Any, memory: dict[str, Any], dtype: Any) -> None:
    eager, sdpa = cross_neo("eager").to(dtype), cross_neo("sdpa").to(dtype)
    memory["encoder_hidden_states"] = memory["encoder_hidden_states"].to(dtype)
    mask = torch.ones_like(text)
    mask[0, :3] = 0
    with torch.no_grad():
        found, expected = (model(text, attention_mask=mask, **memory).logits[mask.bool()] for model in (sdpa, eager))
    torch.testing.assert_close(found, expected, atol=1e-4 if dtype == torch.float32 else 1e-11, rtol=0)


def test_half_precision_does_not_overflow(text: Any) -> None:
    # Unscaled products of queries and keys: 32 × 300² is beyond what float16 can hold.
    for implementation in ("eager", "sdpa"):
        model = cross_neo(implementation)
        with torch.no_grad():
            for block in model.transformer.h:
                block.attn.attention.q_proj.weight.mul_(50)
                block.attn.attention.k_proj.weight.mul_(50)
        assert torch.isfinite(model.half()(text).logits).all()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_masked_sources_change_nothing(text: Any, memory: dict[str, Any], implementation: str) -> None:
    model = cross_neo(implementation)
    states, mask = memory["encoder_hidden_states"], memory["encoder_attention_mask"]
    other = torch.where(mask.bool()[..., None], states, 50.0)
    with torch.no_grad():
        before = model(text, **memory).logits
        after = model(text, encoder_hidden_states=other, encoder_attention_mask=mask).logits
        alone = model(text[2:]).logits
    torch.testing.assert_close(after[:2], before[:2], atol=1e-5, rtol=0)
    torch.testing.assert_close(after[2:], alone, atol=1e-5, rtol=0)  # Its sources are all masked.


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_gradients_are_numbers_where_an_example_has_no_source(
    text: Any, memory: dict[str, Any], implementation: str
) -> None:
    model = cross_neo(implementation)
    memory["encoder_hidden_states"].requires_grad_()
    model(text, labels=text, **memory).loss.backward()
    assert all(torch.isfinite(value.grad).all() for value in model.parameters())
    given = memory["encoder_hidden_states"].grad
    assert torch.isfinite(given).all()
    assert not given[2].any()
    assert given[0, :4].any()
    assert not given[0, 4:].any()


def test_gates_move_first_and_then_everything_new(
    upstream: tuple[Any, Path], text: Any, memory: dict[str, Any]
) -> None:
    model = load(upstream[1]).train()
    model(text, labels=text, **memory).loss.backward()
    new = {name: value for name, value in model.named_parameters() if "cross" in name}
    assert len(new) == 7 * LAYERS
    assert all(bool(value.grad.any()) == ("out_proj" in name) for name, value in new.items())
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.zero_grad()
    model(text, labels=text, **memory).loss.backward()
    assert all(value.grad.any() for value in new.values())


def test_the_gate_is_zero_however_the_model_is_made(upstream: tuple[Any, Path]) -> None:
    torch.manual_seed(0)
    made = [
        load(upstream[1]),
        load(upstream[1], dtype=torch.bfloat16),
        CrossGPTNeoForCausalLM(cross_config()),
        AutoModelForCausalLM.from_config(cross_config()),
        CrossGPTNeoModel(cross_config()),
    ]
    for model in made:
        gates = {name: value for name, value in model.named_parameters() if "crossattention" in name}
        assert len(gates) == 5 * LAYERS
        for name, value in gates.items():
            assert bool(value.any()) != ("out_proj" in name)


def test_models_can_be_made_without_memory_and_filled_later(tmp_path: Path, text: Any) -> None:
    model = cross_neo()
    with torch.device("meta"):
        empty = CrossGPTNeoForCausalLM(cross_config())
    assert {value.device.type for value in empty.parameters()} == {"meta"}
    empty.load_state_dict(model.state_dict(), assign=True)
    empty.tie_weights()
    with torch.no_grad():
        torch.testing.assert_close(empty.eval()(text).logits, model(text).logits, atol=1e-5, rtol=0)


def test_buffers_of_old_checkpoints_are_passed_over(upstream: tuple[Any, Path], tmp_path: Path, text: Any) -> None:
    weights = load_file(upstream[1] / "model.safetensors")
    for layer in range(LAYERS):
        weights[f"transformer.h.{layer}.attn.attention.bias"] = torch.ones(1, 1, POSITIONS, POSITIONS).bool()
        weights[f"transformer.h.{layer}.attn.attention.masked_bias"] = torch.tensor(-1e9)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text((upstream[1] / "config.json").read_text())
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    transformers_logging.add_handler(handler)
    try:
        model, info = load(tmp_path, output_loading_info=True)
    finally:
        transformers_logging.remove_handler(handler)
    assert not info["unexpected_keys"]
    assert all("cross" in name for name in info["missing_keys"])
    assert not any("bias" in line.replace("out_proj.bias", "").replace("ln_cross_attn.bias", "") for line in said)
    with torch.no_grad():
        torch.testing.assert_close(model(text).logits, upstream[0](text).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shards", [None, "20KB"])
def test_saving_and_loading_keeps_every_weight(
    tmp_path: Path, text: Any, memory: dict[str, Any], shards: str | None
) -> None:
    model = cross_neo()
    model.save_pretrained(tmp_path, **({"max_shard_size": shards} if shards else {}))
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert len(files) > 3 if shards else files == ["model.safetensors"]
    assert not list(tmp_path.glob("*.bin"))
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(again, CrossGPTNeoForCausalLM)
    with torch.no_grad():
        found, expected = again(text, **memory).logits, model(text, **memory).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)  # Memory may be aligned otherwise.
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_auto_classes_know_the_model(tmp_path: Path) -> None:
    cross_neo(window_size=7).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, CrossGPTNeoConfig)
    assert (config.is_decoder, config.add_cross_attention, config.cross_attention_hidden_size) == (True, True, 24)
    assert (config.window_size, config.attention_layers) == (7, ["global", "local"])
    assert isinstance(AutoModel.from_pretrained(tmp_path), CrossGPTNeoModel)


def test_the_head_shares_its_weights_with_the_embeddings(tmp_path: Path, text: Any) -> None:
    cross_neo().save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path).train()
    model(text, labels=text).loss.backward()
    torch.optim.AdamW(model.parameters(), lr=0.1).step()
    assert model.lm_head.weight is model.transformer.wte.weight
    model.resize_token_embeddings(WORDS + 4)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert model(text).logits.shape[-1] == WORDS + 4


def test_an_encoder_is_used_or_refused_and_never_swallowed(text: Any, memory: dict[str, Any]) -> None:
    assert "encoder_hidden_states" in inspect.signature(CrossGPTNeoForCausalLM.forward).parameters
    with torch.no_grad():
        model = cross_neo()
        assert not torch.allclose(model(text, **memory).logits[:2], model(text).logits[:2], atol=1e-3)
        deaf = CrossGPTNeoForCausalLM(cross_config(add_cross_attention=False))
        with pytest.raises(UsageError, match="no cross-attention"):
            deaf(text, **memory)


def test_attentions_are_returned_and_sum_to_one(text: Any, memory: dict[str, Any]) -> None:
    with torch.no_grad():
        found = cross_neo("eager")(text, **memory, output_attentions=True, output_hidden_states=True)
    assert len(found.attentions) == len(found.cross_attentions) == LAYERS
    assert len(found.hidden_states) == LAYERS + 1
    for weights in (*found.attentions, *found.cross_attentions):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert not found.cross_attentions[0][0, :, :, 4:].any()  # Masked.
    assert not found.attentions[1][:, :, -1, : LENGTH - WINDOW].any()  # Out of the window.


def test_embeddings_instead_of_tokens(text: Any) -> None:
    model = cross_neo()
    with torch.no_grad():
        expected = model(text).logits
        assert torch.equal(model(inputs_embeds=model.get_input_embeddings()(text)).logits, expected)
        assert torch.equal(model(text, logits_to_keep=2).logits, expected[:, -2:])
        assert torch.equal(model(text, return_dict=False)[0], expected)


def test_a_text_longer_than_the_model_is_a_clear_error() -> None:
    model = cross_neo()
    text = torch.full((1, POSITIONS + 1), 5)
    with torch.no_grad():
        assert model(text[:, 1:]).logits.shape[1] == POSITIONS
        with pytest.raises(LimitError, match=f"{POSITIONS + 1} tokens is longer than the {POSITIONS} positions"):
            model(text)
        half = model(text[:, :30], use_cache=True)
        with pytest.raises(LimitError, match="longer than"):
            model(text[:, :30], past_key_values=half.past_key_values)
    with pytest.raises(LimitError, match="longer than"):
        model.generate(text[:, :10], max_new_tokens=POSITIONS)
    with pytest.raises(LimitError, match="longer than"):
        model.generate(text[:, :10], max_length=POSITIONS + 2)
    written = model.generate(text[:, :10], max_new_tokens=POSITIONS - 9, eos_token_id=None, do_sample=False)
    assert written.shape == (1, POSITIONS + 1)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be divided"):
        CrossGPTNeoForCausalLM(cross_config(num_heads=5))


def test_a_static_cache_is_refused(text: Any) -> None:
    model = cross_neo()
    with pytest.raises(UsageError, match="static"):
        model.generate(text, max_new_tokens=3, cache_implementation="static")
    with pytest.raises(UsageError, match="static"):
        model(text, past_key_values=StaticCache(config=model.config, max_cache_len=30), use_cache=True)


def test_no_cache_holds_a_window_even_if_the_configuration_names_one(text: Any, memory: dict[str, Any]) -> None:
    model = cross_neo(sliding_window=3)
    asked = {"max_new_tokens": 8, "do_sample": False, **memory}
    found = model.generate(text, return_dict_in_generate=True, **asked)
    cache = found.past_key_values
    assert isinstance(cache, EncoderDecoderCache)
    assert not any(cache.self_attention_cache.is_sliding)
    assert not any(cache.cross_attention_cache.is_sliding)
    assert torch.equal(found.sequences, model.generate(text, use_cache=False, **asked))
    with torch.no_grad():
        made = model(text, **memory, use_cache=True, past_key_values=DynamicCache()).past_key_values
    assert not any(made.cross_attention_cache.is_sliding)
    assert made.cross_attention_cache.get_seq_length() == 11


@pytest.mark.parametrize("way", [{}, {"num_beams": 3}, {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2}])
@pytest.mark.parametrize("informed", [True, False])
def test_a_cache_changes_no_token(text: Any, memory: dict[str, Any], way: dict[str, Any], informed: bool) -> None:
    model = cross_neo().double()
    memory["encoder_hidden_states"] = memory["encoder_hidden_states"].double()
    mask = torch.ones_like(text)
    mask[1, :7] = 0  # A shorter prompt, padded on the left.
    asked = {"attention_mask": mask, "max_new_tokens": 10, "do_sample": False, **(memory if informed else {}), **way}
    written = []
    for cached in (True, False):
        torch.manual_seed(5)
        written.append(model.generate(text, use_cache=cached, **asked))
    assert torch.equal(*written)
    assert len({tuple(row) for row in written[0].tolist()}) == len(written[0])


def test_steps_by_hand_equal_one_pass(text: Any, memory: dict[str, Any]) -> None:
    model = cross_neo().double()
    memory["encoder_hidden_states"] = memory["encoder_hidden_states"].double()
    with torch.no_grad():
        whole = model(text, **memory).logits
        cache, parts = None, []
        for piece in text.split([1, 6, 1, LENGTH - 8], dim=1):
            passed = model(piece, past_key_values=cache, use_cache=True, **memory)
            cache, parts = passed.past_key_values, [*parts, passed.logits]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-10, rtol=0)


def test_generation_is_that_of_the_pretrained_model(upstream: tuple[Any, Path], text: Any) -> None:
    asked = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": END, "num_beams": 2}
    model = load(upstream[1]).double()
    assert torch.equal(model.generate(text, **asked), upstream[0].double().generate(text, **asked))
    upstream[0].float()


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable.*:FutureWarning")
def test_checkpointing_of_activations_changes_no_gradient(text: Any, memory: dict[str, Any]) -> None:
    plain, saving = (opened(cross_neo().double()).train() for _ in range(2))
    saving.load_state_dict(plain.state_dict())
    saving.gradient_checkpointing_enable()
    memory["encoder_hidden_states"] = memory["encoder_hidden_states"].double()
    for model in (plain, saving):
        model(text, labels=text, **memory).loss.backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, msg=name)
