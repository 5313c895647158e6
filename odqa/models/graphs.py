"""What the graphs of an exported reader compute, made of the modules of the model itself.

The modules are called layer by layer, because a graph needs masks that follow from the shapes of its inputs; what
transformers makes of them while it is traced is fixed to the example's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def module_of(model: Any, call: Callable[..., Sequence[torch.Tensor]]) -> Any:
    """Return a module that takes tensors by place and gives tensors, which is what a graph does."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: torch.Tensor) -> Sequence[torch.Tensor]:
            return call(self.model, *given)

    return Graph().eval()  # Else the exporter would leave the model in training.


def encode(
    model: Any,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    sources: torch.Tensor,
    kinds: torch.Tensor,
    copied: torch.Tensor | None = None,
    places: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    """Return what a decoder attends to, made of passages, each a row.

    Args:
        model: a `FusionModel`.
        tokens: shape (rows, tokens).
        mask: 1 for tokens, 0 for padding, like `tokens`.
        sources: numbers of the passages, shape (rows,).
        kinds: kinds of the passages, shape (rows,).
        copied: tokens that may be copied, negative for none, shape (rows, copies); with a pointer.
        places: the encoder's token that each of them stands at, like `copied`; with a pointer.

    Returns:
        Keys and values of each layer's cross-attention, shape (rows, heads, tokens, size of a head); with a pointer the
        keys of what may be copied, shape (rows, copies, size).
    """
    import torch
    from transformers import DynamicCache, EncoderDecoderCache

    states = model.adapter(model.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state)
    states = states + model.source_embeddings(sources)[:, None] + model.kind_embeddings(kinds)[:, None]
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    # The decoder fills the cache with what it makes of the sources; what it says is not asked for, nor in the graph.
    model.decoder.transformer(
        input_ids=tokens[:, :1] * 0, encoder_hidden_states=states, past_key_values=cache, use_cache=True
    )
    kept = _kept(cache.cross_attention_cache)
    if copied is None or places is None:
        return kept
    before = torch.nn.functional.pad(copied[:, :-1], (1, 0), value=-1)
    embedded = model.decoder.get_input_embeddings()(before.clamp_min(0)) * (before >= 0)[..., None]
    at = states.gather(1, places.clamp_min(0)[..., None].expand(-1, -1, states.shape[-1]))
    return [*kept, model.pointer.key_of(at, embedded)]


def step(model: Any, tokens: torch.Tensor, mask: torch.Tensor, *given: torch.Tensor) -> list[torch.Tensor]:
    """Return the logits behind each token, and what is kept of the text so far.

    Args:
        model: a `FusionModel`.
        tokens: the next ones of the text, shape (batch, positions).
        mask: whether there is a source, shape (batch, sources).
        *given: keys and values of the sources for each layer, shape (batch, heads, sources, size of a head); those
            that were kept, shape (batch, heads, seen, size of a head); with a pointer keys, tokens and mask of what
            may be copied, as `Memory` has them.

    Returns:
        Logits, shape (batch, positions, vocabulary), with a pointer the logs of the mixture; keys and values of each
        layer with those of the new tokens behind them.
    """
    import torch
    from transformers import EncoderDecoderCache

    decoder = model.decoder.transformer
    count = 2 * len(decoder.h)
    cache = EncoderDecoderCache(cache_of(given[count : 2 * count]), cache_of(given[:count]))
    cache.is_updated = dict.fromkeys(range(len(decoder.h)), True)
    seen = given[count].shape[2]
    places = torch.arange(seen + tokens.shape[1])
    states = decoder.wte(tokens) + decoder.wpe(places[seen:][None])
    masks = {kind: _added(visible) for kind, visible in _visible(model.config.decoder, places, seen).items()}
    informed = mask.any(-1)[:, None, None]
    sources = _added((mask[:, None] | ~informed)[:, None])
    nothing = states[:, :0]  # Keys and values of the sources are in the cache.
    if model.config.decoder.model_type == "gpt2":
        # Its cross-attention itself finds out who has sources.
        sources = _added(mask[:, None, None].expand(-1, -1, tokens.shape[1], -1))
        for block in decoder.h:
            states = block(states, cache, masks["global"], nothing, encoder_attention_mask=sources, use_cache=True)
    else:
        for block, kind in zip(decoder.h, model.config.decoder.attention_layers, strict=True):
            states, _, _ = block(states, masks[kind], nothing, sources, informed, cache)
    states = decoder.ln_f(states)
    logits = model.decoder.lm_head(states)
    if model.pointer is not None:
        keys, copied, there = given[2 * count :]
        attention, copying, writing = model.pointer(states, keys, there)
        # The mixture of odqa.reader.neural.pointer.
        written = (logits.log_softmax(-1) + writing).exp()
        places = copied[:, None].expand(-1, tokens.shape[1], -1)
        logits = written.scatter_add(-1, places, (attention + copying).exp()).clamp_min(1e-30).log()
    return [logits, *_kept(cache.self_attention_cache)]


def _visible(config: Any, places: torch.Tensor, seen: int) -> dict[str, torch.Tensor]:
    """Return which places each token sees in the kinds of layers, shape (1, 1, tokens, places)."""
    own = places[seen:, None]
    everything = (places <= own)[None, None]
    window = getattr(config, "window_size", None)
    return {"global": everything, "local": everything if window is None else everything & (places > own - window)}


def _added(visible: torch.Tensor) -> torch.Tensor:
    """Return a mask as it is added to scores."""
    import torch

    return torch.where(visible, 0.0, torch.finfo(torch.float32).min)


def cache_of(given: Sequence[torch.Tensor]) -> Any:
    """Return a cache that holds keys and values already; `update` of an empty one puts an empty tensor in a graph.

    Args:
        given: keys and values of each layer in turn, shape (batch, heads, positions, size of a head).
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    cache = DynamicCache()
    for key, value in zip(given[::2], given[1::2], strict=True):
        layer: Any = DynamicLayer()  # type: ignore[no-untyped-call]
        layer.keys, layer.values = key, value
        layer.dtype, layer.device, layer.is_initialized = key.dtype, key.device, True
        cache.layers.append(layer)
    return cache


def _kept(cache: Any) -> list[torch.Tensor]:
    return [kept for layer in cache.layers for kept in (layer.keys, layer.values)]
