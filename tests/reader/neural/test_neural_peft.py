"""Low-rank adapters: what learns, that they come back from disk, and that they can be added to the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from tiny_models import fusion, labels, passages  # noqa: E402

from odqa.errors import UsageError  # noqa: E402
from odqa.reader.neural.adapters import lora, merged  # noqa: E402
from odqa.reader.neural.encoder_decoder import FusionModel  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
DECODERS = ["gpt_neo", "gpt2"]


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(**passages(), decoder_input_ids=torch.tensor([[1, 9, 8], [1, 7, 6]])).logits


def trained(model: Any, steps: int = 3) -> list[float]:
    model.train()
    learned = [value for value in model.parameters() if value.requires_grad]
    optimizer, losses = torch.optim.AdamW(learned, lr=0.03), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(**passages(), labels=labels()).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


@pytest.mark.parametrize("decoder", DECODERS)
def test_adapters_and_new_parts_learn_and_nothing_else(decoder: str) -> None:
    model = fusion(decoder, pointer=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = lora(model, rank=2, alpha=4.0, dropout=0.0)
    learned = {name for name, value in whole.named_parameters() if value.requires_grad}
    parts = ("lora_", "crossattention", "ln_cross_attn", "source_embeddings", "kind_embeddings", "pointer", ".adapter.")
    assert all(any(part in name for part in parts) for name in learned)
    assert all(any(part in name for name in learned) for part in parts[:-1])
    assert any(".adapter." in name for name in learned) == (decoder == "gpt2")
    assert not any("crossattention" in name and "lora_" in name for name in learned)
    layers = len(model.decoder.transformer.h)
    assert sum("lora_A" in name for name in learned) == layers * (6 if decoder == "gpt_neo" else 4)
    losses = trained(whole)
    assert losses[-1] < losses[0]
    after = merged(whole)
    assert isinstance(after, FusionModel)
    changed = {name for name, value in after.state_dict().items() if not torch.equal(value, before[name])}
    assert {name for name in changed if "encoder." in name[:8] or ".ln_1." in name or "wpe" in name} == set()
    assert any("mlp.c_fc" in name for name in changed)


@pytest.mark.parametrize("decoder", DECODERS)
def test_saving_loading_and_merging_keep_the_logits(tmp_path: Path, decoder: str) -> None:
    whole = lora(fusion(decoder, pointer=True), rank=2, alpha=4.0, dropout=0.0)
    fresh = logits(whole)
    trained(whole)
    expected = logits(whole)
    assert not torch.allclose(expected, fresh, atol=1e-2)
    whole.save_pretrained(tmp_path / "adapter")
    assert [path.name for path in (tmp_path / "adapter").glob("*.safetensors")] == ["adapter_model.safetensors"]
    again = peft.PeftModel.from_pretrained(fusion(decoder, pointer=True), tmp_path / "adapter").eval()
    torch.testing.assert_close(logits(again), expected, atol=1e-5, rtol=0)
    one = merged(again)
    torch.testing.assert_close(logits(one), expected, atol=1e-4, rtol=0)
    one.save_pretrained(tmp_path / "whole")
    torch.testing.assert_close(logits(FusionModel.from_pretrained(tmp_path / "whole")), logits(one))


def test_embeddings_of_new_tokens_learn_too() -> None:
    model = fusion(pointer=True)
    model.decoder.resize_token_embeddings(64)
    before = model.decoder.transformer.wte.weight.detach().clone()
    whole = lora(model, rank=2, alpha=4.0, dropout=0.0, tokens=[61, 63])
    trained(whole, steps=10)
    expected = logits(whole)
    assert model.get_input_embeddings() is model.encoder.embeddings.word_embeddings
    one = merged(whole)
    assert one.config.tie_word_embeddings
    rows = (one.decoder.transformer.wte.weight != before).any(-1).nonzero().flatten().tolist()
    assert rows == [61, 63]
    assert one.decoder.lm_head.weight is one.decoder.transformer.wte.weight
    torch.testing.assert_close(logits(one), expected, atol=1e-4, rtol=0)


def test_writing_with_adapters() -> None:
    whole = lora(fusion(pointer=True), rank=2, alpha=4.0, dropout=0.1)
    trained(whole, steps=1)
    asked = {**passages(), "max_new_tokens": 6, "do_sample": False}
    assert torch.equal(whole.generate(**asked), merged(whole).generate(**asked))


def test_numbers_that_mean_nothing_are_refused() -> None:
    for values in ({"rank": 0, "alpha": 1.0, "dropout": 0.0}, {"rank": 1, "alpha": 1.0, "dropout": 1.0}):
        with pytest.raises(UsageError, match="rank"):
            lora(fusion(), **values)
