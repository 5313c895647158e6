"""The copy path: a mixture of writing and copying, computed two ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_models import fusion, labels, passages  # noqa: E402

from odqa.reader.neural.encoder_decoder import shifted  # noqa: E402
from odqa.reader.neural.pointer import Pointer, mixture, packed, target_log_probability  # noqa: E402

VOCABULARY, SIZE, WIDE = 12, 8, 6


def drawn(seed: int, batch: int = 2, positions: int = 3, copies: int = 5) -> tuple[Any, ...]:
    """Logits of a decoder, what a pointer makes of random states, tokens and their mask; the last example has none."""
    torch.manual_seed(seed)
    pointer = Pointer(SIZE, WIDE, -1.0).eval()
    keys = pointer.key_of(torch.randn(batch, copies, WIDE), torch.randn(batch, copies, SIZE))
    mask = torch.rand(batch, copies) > 0.4
    mask[0, 0], mask[-1] = True, False
    tokens = torch.randint(0, VOCABULARY, (batch, copies))
    tokens[:, -1] = tokens[:, 0]
    with torch.no_grad():
        parts = pointer(torch.randn(batch, positions, SIZE), keys, mask)
    return torch.randn(batch, positions, VOCABULARY), parts, tokens.masked_fill(~mask, 0), mask


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mixture_is_the_sum_over_places(seed: int) -> None:
    own, (attention, copying, writing), tokens, mask = drawn(seed)
    found = mixture(own, attention, copying, writing, tokens).exp().double().numpy()
    expected = softmax(own.double().numpy()) * writing.exp().double().numpy()
    for example in range(2):
        for position in range(3):
            for place in range(5):
                if mask[example, place]:
                    share = float((attention[example, position, place] + copying[example, position, 0]).exp())
                    expected[example, position, int(tokens[example, place])] += share
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_targets_have_the_probability_that_the_mixture_gives_them(seed: int) -> None:
    own, parts, tokens, _ = drawn(seed)
    whole = mixture(own, *parts, tokens)
    for token in range(VOCABULARY):
        targets = torch.full((2, 3), token)
        found = target_log_probability(own, *parts, tokens, targets)
        torch.testing.assert_close(found, whole[..., token], atol=1e-5, rtol=1e-5)


def test_masked_places_are_never_pointed_at() -> None:
    _, (attention, copying, writing), _, mask = drawn(3)
    assert float(attention[0].exp().masked_fill(mask[0], 0.0).sum()) == 0.0
    assert float(copying[1].exp().max()) == 0.0  # Nothing to copy, so nothing is copied.
    assert float(writing[1].exp().min()) == 1.0


def test_attention_is_scaled_and_the_gate_begins_where_it_is_told() -> None:
    torch.manual_seed(0)
    model = fusion(pointer=True, copy_gate=-1.5)
    with torch.no_grad():
        model.pointer.gate.weight.zero_()
        states, keys = torch.randn(1, 2, 32), torch.randn(1, 4, 32)
        attention, copying, writing = model.pointer(states, keys, torch.ones(1, 4).bool())
        queries = (states @ model.pointer.queries.weight.T)[0].double().numpy()
    expected = softmax(queries @ keys[0].double().numpy().T / np.sqrt(32))
    np.testing.assert_allclose(attention[0].exp().numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(copying.exp().numpy(), 1 / (1 + np.exp(1.5)), rtol=1e-5)
    np.testing.assert_allclose((copying.exp() + writing.exp()).numpy(), 1.0, rtol=1e-6)


@pytest.mark.parametrize("decoder", ["gpt_neo", "gpt2"])
def test_the_loss_is_that_of_the_logits(decoder: str) -> None:
    for pointer in (False, True):
        model = fusion(decoder, pointer)
        targets = labels()
        with torch.no_grad():
            found = model(**passages(), labels=targets)
            logits = model(**passages(), decoder_input_ids=shifted(targets, model.config)).logits
        if pointer:
            torch.testing.assert_close(logits.exp().sum(-1), torch.ones(2, 7))
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        torch.testing.assert_close(found.token_losses.flatten(), losses, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.loss, losses.sum() / (targets >= 0).sum())


def test_a_word_that_stands_twice_is_copied_from_both_places() -> None:
    model = fusion(pointer=True)
    given = passages()
    with torch.no_grad():
        model.pointer.gate.bias.fill_(30.0)  # Copying alone.
        both = model(**given, decoder_input_ids=torch.ones(2, 1).long()).logits.exp()
        memory = model.encode(**given)
        states = torch.zeros(2, 1, 32)
        assert memory.copy_tokens[0, 1] == memory.copy_tokens[0, 3]
        shares = model.pointer(states, memory.copy_keys, memory.copy_mask)[0].exp()
        copied = mixture(
            torch.zeros(2, 1, 60), *model.pointer(states, memory.copy_keys, memory.copy_mask), memory.copy_tokens
        )
    word = int(memory.copy_tokens[0, 1])
    places = (memory.copy_tokens[0] == word) & memory.copy_mask[0]
    assert int(places.sum()) >= 2
    torch.testing.assert_close(copied[0, 0, word].exp(), shares[0, 0, places].sum(), atol=1e-5, rtol=1e-4)
    there = set(memory.copy_tokens[0][memory.copy_mask[0]].tolist())
    missing = [token for token in range(60) if token not in there]
    assert float(both[0, 0, missing].max()) < 1e-6


def test_places_marked_minus_100_and_places_in_padding_are_left_out() -> None:
    model = fusion(pointer=True)
    given = passages()
    memory = model.encode(**given)
    counted = ((given["copy_tokens"] >= 0) & (given["attention_mask"][..., 1:] > 0)).flatten(1).sum(1)
    assert memory.copy_mask.sum(1).tolist() == counted.tolist()
    stray = {**given, "copy_tokens": given["copy_tokens"].clone()}
    stray["copy_tokens"][-1, -1] = 7  # In a passage that is not there.
    again = model.encode(**stray)
    assert torch.equal(again.copy_mask, memory.copy_mask)
    assert torch.equal(again.copy_tokens[memory.copy_mask], memory.copy_tokens[memory.copy_mask])


def test_keys_know_the_token_before() -> None:
    model = fusion(pointer=True)
    given = passages()
    other = {**given, "copy_tokens": given["copy_tokens"].clone()}
    other["copy_tokens"][0, 0, 0] = (given["copy_tokens"][0, 0, 0] - 3 + 1) % 50 + 3
    with torch.no_grad():
        changed = (model.encode(**other).copy_keys - model.encode(**given).copy_keys).abs().amax(-1)[0] > 1e-6
    assert changed.nonzero().flatten().tolist() == [1]


def test_packing_moves_what_counts_to_the_front_in_order() -> None:
    mask = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]).bool()
    values = torch.arange(12).reshape(3, 4)
    kept, flat, deep = packed(mask, values, values[..., None].expand(-1, -1, 2))
    assert kept.tolist() == [[True, True], [True, False], [False, False]]
    assert flat[0].tolist() == [1, 3]
    assert flat[1, 0] == 4
    assert torch.equal(deep[..., 1], flat)
    assert packed(mask[2:], values[2:])[0].shape == (1, 1)
