"""Cross-attention and GPT-Neo's self-attention beside formulas written out in numpy, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_models import WINDOW, cross_neo  # noqa: E402

from odqa.reader.neural.gpt_neo_layers import GPTNeoCrossAttention, GPTNeoSelfAttention  # noqa: E402

HEADS, SIZE = 4, 32


def attention(module: Any, queries: np.ndarray, keys: np.ndarray, allowed: np.ndarray, scale: float) -> np.ndarray:
    """softmax(q kᵀ · scale) v, head by head and position by position, and the projection of the heads side by side."""
    weights = {name: value.detach().numpy() for name, value in module.named_parameters()}
    q, k, v = (given @ weights[f"{name}_proj.weight"].T for name, given in (("q", queries), ("k", keys), ("v", keys)))
    wide = SIZE // HEADS
    result = np.zeros_like(q)
    for head in range(HEADS):
        part = slice(head * wide, (head + 1) * wide)
        for place in range(len(q)):
            scores = (k[:, part] @ q[place, part]) * scale
            scores = np.where(allowed[place], scores, -np.inf)
            shares = np.exp(scores - scores.max())
            result[place, part] = shares / shares.sum() @ v[:, part]
    return result @ weights["out_proj.weight"].T + weights["out_proj.bias"]


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_cross_attention_is_scaled_and_sees_every_source(implementation: str) -> None:
    torch.manual_seed(1)
    model = cross_neo(implementation).double()
    module = model.transformer.h[1].crossattention  # Of a layer whose self-attention is local.
    assert isinstance(module, GPTNeoCrossAttention)
    states, memory = torch.randn(2, 9, SIZE).double(), torch.randn(2, 4 * WINDOW, 24).double()
    mask = torch.rand(2, 1, 1, 4 * WINDOW) > 0.3
    given = mask if implementation == "sdpa" else (~mask).double() * torch.finfo(torch.float64).min
    with torch.no_grad():
        found, _ = module(states, memory, given, None)
    for one in range(2):
        allowed = np.broadcast_to(mask[one, 0].numpy(), (9, 4 * WINDOW))
        expected = attention(module, states[one].numpy(), memory[one].numpy(), allowed, (SIZE // HEADS) ** -0.5)
        np.testing.assert_allclose(found[one].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("layer", [0, 1])
def test_self_attention_is_unscaled_and_windowed_in_every_second_layer(implementation: str, layer: int) -> None:
    torch.manual_seed(1)
    model = cross_neo(implementation).double()
    length = 3 * WINDOW
    caught: list[tuple[Any, Any]] = []
    module = model.transformer.h[layer].attn.attention
    assert isinstance(module, GPTNeoSelfAttention)
    handle = module.register_forward_hook(lambda _, args, output: caught.append((args[0], output[0])))
    with torch.no_grad():
        model(torch.randint(3, 60, (1, length)))
    handle.remove()
    back = np.arange(length)[:, None] - np.arange(length)[None]
    allowed = (back >= 0) & ((layer == 0) | (back < WINDOW))
    states, found = caught[0][0][0].numpy(), caught[0][1][0].numpy()
    np.testing.assert_allclose(found, attention(module, states, states, allowed, 1.0), atol=1e-12)
