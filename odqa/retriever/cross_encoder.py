"""Rerank with a cross-encoder: a model that reads question and passage together and gives one score.

Nogueira and Cho 2019, "Passage Re-ranking with BERT", by any model that sentence-transformers loads as `CrossEncoder`,
from the hub or from a folder. Only safetensors weights are loaded, and no code that a model brings along is run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import ModelError
from odqa.index.encoder import choose_device
from odqa.retriever.rerank import batches_in_time, passage_input, reordered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder
    from odqa.schema import Evidence
    from odqa.settings import Settings

WEIGHT = 0.7
"""Weight beside the first stage. Not all: of evidence that a link or another piece of evidence has led to, the question
alone, which is what the model reads, says little."""

_HEAD = "ForSequenceClassification"
_REMEDY = "give a cross-encoder's folder, or a hub name that this machine can reach or has cached"


class CrossEncoderReranker:
    """Reranks with the model that the setting `reranker` names; safe to share between threads."""

    name = "cross_encoder"

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        """Load the model.

        Args:
            settings: name of the model, device, and limits.
            encoder: not used; every reranker is offered it.

        Raises:
            ModelError: there is no such model or device, or it gives no score for a pair of texts.
        """
        self.settings, self.model = settings, settings.reranker
        device = choose_device(settings.device)
        self._model = _load(self.model, device)
        self._lock = threading.Lock()  # Tokenizers and torch modules are not made for several threads at once.
        if device.startswith("cuda"):
            self._model.half()

    def rerank(self, question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Return the same evidence, best first, with `cross_encoder`, a logit, added to the scores of what was read."""
        if not evidence:
            return []
        texts = [passage_input(item) for item in evidence[: self.settings.rerank_passages]]
        with self._lock:
            batches = batches_in_time(self._lengths(question, texts), self.settings)
            scores = np.concatenate([self._score(question, [texts[item] for item in batch]) for batch in batches])
        return reordered(evidence, scores, self.name, WEIGHT)

    def _score(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the logit of each text, shape (len(texts),); before a sigmoid squeezes the good ones together."""
        from torch.nn import Identity

        pairs = [(question, text) for text in texts]
        scores = self._model.predict(
            pairs, batch_size=len(pairs), activation_fn=Identity(), show_progress_bar=False, convert_to_numpy=True
        )
        flat = np.asarray(scores, np.float32).reshape(-1)
        if len(flat) != len(texts) or not np.isfinite(flat).all():
            raise ModelError(f"reranker {self.model!r} gave no score for a passage", "choose another cross-encoder")
        return flat

    def _lengths(self, question: str, texts: Sequence[str]) -> list[int]:
        """Return the tokens of question and text together, as the model cuts them off."""
        tokenizer: Any = self._model.tokenizer
        ids = tokenizer([question, *texts], add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        asked, *lengths = map(len, ids)
        most = int(tokenizer.model_max_length)
        return [min(most, asked + length + 3) for length in lengths]


def _load(name: str, device: str) -> Any:
    from safetensors import SafetensorError
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(name, device=device, trust_remote_code=False, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"reranker {name!r} cannot be loaded: {error}", _REMEDY) from error
    if (labels := model.num_labels) != 1:
        raise ModelError(
            f"reranker {name!r} gives {labels} scores where one is needed", "choose a cross-encoder with one label"
        )
    config: Any = getattr(model.model, "config", None)
    known = list(getattr(config, "architectures", None) or ())
    # A model of another kind loads all the same, with a last layer of random numbers.
    if type(model.model).__name__.endswith(_HEAD) and not any(kind.endswith(_HEAD) for kind in known):
        raise ModelError(f"reranker {name!r} is no cross-encoder but {', '.join(known) or 'unknown'}", _REMEDY)
    return model
