"""Language models, run here through transformers or on an OpenAI-compatible server, behind one small protocol.

Whatever writes with a model (summaries, readers) asks `make_language_model` for it and knows only `LanguageModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.errors import ConfigError
from odqa.llm.protocol import Completion, LanguageModel, Message, Prompt, Schema, Usage, prompt_room

if TYPE_CHECKING:
    from odqa.settings import Settings

__all__ = [
    "Completion",
    "LanguageModel",
    "Message",
    "Prompt",
    "Schema",
    "Usage",
    "make_language_model",
    "prompt_room",
]


def make_language_model(settings: Settings) -> LanguageModel:
    """Return the language model that the settings name: on `llm_url` where that is set, else here.

    Raises:
        ConfigError: no model is named, or the URL is none.
        ModelError: the model does not exist, or the server does not answer.
    """
    if not settings.llm:
        raise ConfigError(
            "no language model is named",
            "set llm to a transformers model, or llm_url to a server and llm to the name of a model on it",
        )
    if settings.llm_url:
        from odqa.llm.server import ServerModel

        return ServerModel(settings.llm_url, settings.llm, context_tokens=settings.llm_context)
    from odqa.llm.local import LocalModel

    return LocalModel(
        settings.llm,
        device=settings.device,
        context_tokens=settings.llm_context,
        batch_tokens=settings.batch_tokens,
        threads=settings.threads,
    )
