"""A trained reader that was exported as ONNX graphs, with what `Writer` asks of a model.

The graphs compute, and transformers' `generate` draws on them: greedy, beams, chance, rules and stops are those of the
model that was exported.
"""

# No `from __future__ import annotations`: transformers reads those of a configuration.
# transformers is typed in part.
# mypy: disallow-untyped-calls=False

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.dataclasses import strict
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from odqa.models.graphs import cache_of
from odqa.models.onnx_reader import OnnxGenerator
from odqa.reader.neural.encoder_decoder import FusionOutput, shifted
from odqa.reader.neural.gpt_neo import check_room, generation_options
from odqa.reader.neural.inputs import FusionTokenizer
from odqa.reader.neural.pointer import own_log_probability

if TYPE_CHECKING:
    from odqa.models.onnx_reader import Arrays


@dataclass
class GraphMemory(ModelOutput):
    """What the encoder's graph made of sources; transformers repeats its tensor for beams.

    Attributes:
        examples: which of the examples that were read each text is about, shape (batch,).
        read: what the decoder's graph takes of them.
    """

    examples: torch.Tensor | None = None
    read: Any = None

    @property
    def last_hidden_state(self) -> torch.Tensor | None:
        """What transformers takes the number of texts from, shape (batch, 1, 1)."""
        return None if self.examples is None else self.examples[:, None, None]


class _Read:
    """Arrays of the examples, and those of the texts about them, which stay the same from token to token."""

    def __init__(self, arrays: "Arrays") -> None:
        self._arrays = arrays
        self._chosen: tuple[list[int], Arrays] = [], {}

    def of(self, examples: list[int]) -> "Arrays":
        """Return the arrays with a row for each of these examples."""
        if self._chosen[0] != examples:
            self._chosen = examples, {name: value[examples] for name, value in self._arrays.items()}
        return self._chosen[1]


@strict
class GraphConfig(PreTrainedConfig):
    """What transformers' `generate` has to know of graphs.

    Attributes:
        sources: highest number that a passage may have.
        num_hidden_layers: of the decoder.
        max_position_embeddings: most tokens of a text.
        decoder_start_token_id: what a text begins with.
        eos_token_id: what a text ends with.
        pad_token_id: what stands behind the end.
    """

    model_type = "odqa_graphs"

    sources: int = 64
    num_hidden_layers: int = 0
    max_position_embeddings: int = 0
    is_encoder_decoder: bool = True
    decoder_start_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None


class GraphModel(PreTrainedModel, GenerationMixin):
    """Two graphs in place of a `FusionModel`: reads sources, writes texts, weighs texts. On the CPU.

    Args:
        graphs: opened.
    """

    config: GraphConfig
    config_class = GraphConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"

    def __init__(self, graphs: OnnxGenerator) -> None:
        about = graphs.graphs
        config = GraphConfig(
            sources=about.sources,
            num_hidden_layers=about.layers,
            max_position_embeddings=about.positions,
            decoder_start_token_id=about.start,
            eos_token_id=list(about.ends),
            pad_token_id=about.padding,
        )
        super().__init__(config)
        self.graphs = graphs

    @property
    def device(self) -> torch.device:
        """Where it computes; there are no weights to ask."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Of what goes in and comes out."""
        return torch.float32

    @property
    def positions(self) -> int:
        """Most tokens of a text."""
        return self.config.max_position_embeddings

    def encode(self, **inputs: torch.Tensor) -> GraphMemory:
        """Return what the decoder reads; see `FusionModel.encode`."""
        read = self.graphs.read(inputs)
        return GraphMemory(examples=torch.arange(len(inputs["input_ids"])), read=_Read(read))

    def forward(
        self,
        encoder_outputs: GraphMemory,
        decoder_input_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> FusionOutput:
        """Return the logits of the next tokens; or, where there are labels, the loss of each; see `FusionModel`.

        Args:
            encoder_outputs: what `encode` gave.
            decoder_input_ids: the text so far, shape (batch, positions); made from the labels if None.
            past_key_values: what an earlier call left.
            labels: the text to be written, −100 where none counts, shape (batch, positions).
        """
        if encoder_outputs.read is None or encoder_outputs.examples is None:
            raise ValueError("encoder_outputs is not what encode gives")
        if decoder_input_ids is None:
            if labels is None:
                raise ValueError("give decoder_input_ids or labels")
            decoder_input_ids = shifted(labels, self.config)
        memory = encoder_outputs.read.of(encoder_outputs.examples.tolist())
        cache = None if past_key_values is None else past_key_values.self_attention_cache
        past = _arrays(cache) or self.graphs.nothing(len(decoder_input_ids))
        found, kept = self.graphs.step(memory, decoder_input_ids.numpy(), past)
        logits = torch.from_numpy(found)
        if labels is not None:
            losses = torch.where(labels >= 0, -own_log_probability(logits, labels.clamp_min(0)), 0.0)
            return FusionOutput(token_losses=losses)
        if cache is not None:
            cache.layers = cache_of([torch.from_numpy(one) for one in kept]).layers
        return FusionOutput(logits=logits, past_key_values=past_key_values)

    @torch.no_grad()
    def generate(self, **options: Any) -> Any:  # type: ignore[override]
        """Write texts; what transformers' `generate` takes is taken here, too.

        Args:
            **options: `encoder_outputs`, as `encode` gives them, and those of generation.

        Raises:
            UsageError: another cache is asked for than a dynamic one.
            LimitError: more tokens are asked for than the decoder has positions.
        """
        options = generation_options(self, options)
        prompt = options.get("decoder_input_ids")
        check_room(1 if prompt is None else prompt.shape[1], options, self, self.config)
        return super().generate(**options)  # type: ignore[misc]


def open_graphs(folder: Path, threads: int = 0) -> tuple[GraphModel, FusionTokenizer]:
    """Return the model of a folder that `odqa models export --format onnx` wrote, and its tokenizers.

    Args:
        folder: of graphs.
        threads: of the processor; 0 takes as many as there are cores.

    Raises:
        ModelError: the folder holds no graphs, or they are damaged.
    """
    return GraphModel(OnnxGenerator(folder, threads=threads)), FusionTokenizer.open(folder)


def _arrays(cache: Any) -> list[Any]:
    """Return keys and values of all layers; none where nothing was kept yet, or nothing shall be."""
    layers = [] if cache is None or not cache.get_seq_length() else cache.layers
    return [kept.numpy() for layer in layers for kept in (layer.keys, layer.values)]
