"""Low-rank adapters (LoRA, Hu et al. 2021) for an encoder–decoder: what was pretrained stays, what is new is learned.

Whatever the decoder has been given for reading an encoder begins at random or at zero, so that a low rank beside it
would learn next to nothing: these parts are trained whole.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from odqa.errors import ModelError, UsageError

if TYPE_CHECKING:
    from odqa.reader.neural.encoder_decoder import FusionModel

# Self-attention and feed-forward layers of the decoder: GPT-Neo's projections, and GPT-2's.
TARGETS = (
    r"decoder\.transformer\.h\.\d+\."
    r"(attn\.attention\.(q_proj|k_proj|v_proj|out_proj)|attn\.(c_attn|c_proj)|mlp\.(c_fc|c_proj))"
)
NEW = ("crossattention", "ln_cross_attn", "source_embeddings", "kind_embeddings", "pointer")


def lora(model: FusionModel, rank: int, alpha: float, dropout: float, tokens: Sequence[int] = ()) -> Any:
    """Return the model with adapters, as a `peft.PeftModel` around it; nothing else in it learns any more.

    Args:
        model: is changed.
        rank: of the adapters, at least 1.
        alpha: their weight is alpha / rank.
        dropout: share of an adapter's inputs that are dropped in training, at least 0 and below 1.
        tokens: of the decoder's vocabulary whose embeddings learn, too: those that it has just been given.

    Raises:
        ModelError: peft is not installed.
        UsageError: a number that means nothing.
    """
    if rank < 1 or not 0 <= dropout < 1:
        raise UsageError(f"adapters of rank {rank} with dropout {dropout}", "give a rank from 1, a dropout below 1")
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("adapters need peft, which is not installed", "pip install peft") from error
    new = [name for name in NEW if name != "pointer" or model.pointer is not None]
    if any(True for _ in model.adapter.parameters()):
        new.append("adapter")
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # Any number will do.
        lora_dropout=dropout,
        target_modules=TARGETS,
        modules_to_save=new,
        trainable_token_indices={"decoder.transformer.wte": list(tokens)} if tokens else None,
        fan_in_fan_out=model.config.decoder.model_type == "gpt2",  # Its projections are stored transposed.
    )
    with warnings.catch_warnings(), _decoder_embeddings(model):
        warnings.simplefilter("ignore", FutureWarning)  # Of transformers, about a name that peft uses.
        return get_peft_model(model, config)


@contextlib.contextmanager
def _decoder_embeddings(model: FusionModel) -> Iterator[None]:
    """Show peft the embeddings that the head shares its weights with, so that what new tokens learn reaches both."""
    model.get_input_embeddings = model.decoder.get_input_embeddings  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.get_input_embeddings


def merged(model: Any) -> FusionModel:
    """Return the encoder–decoder with its adapters added to the weights they stand beside.

    Args:
        model: what `lora` gave; is changed.
    """
    tied = model.base_model.model.config.tie_word_embeddings
    with warnings.catch_warnings():
        # peft compares the decoder's head with the encoder's embeddings, and takes them for weights that came apart.
        warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied")
        whole: FusionModel = model.merge_and_unload()
    whole.config.tie_word_embeddings = tied
    return whole
