"""The seam to language models: messages in, completions with their token counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Schema = Mapping[str, Any]
"""A JSON schema."""

_TEMPLATE_TOKENS = 48
"""Set aside for what a chat template puts around the messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


Prompt = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model read and wrote."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote.

    Attributes:
        text: its answer, without what it thought aloud before it.
        usage: tokens read and written; zeros where a server does not say.
        finish: `stop`, or `length` where it was cut at the most tokens allowed.
    """

    text: str
    usage: Usage = Usage()
    finish: str = "stop"


@runtime_checkable
class LanguageModel(Protocol):
    """A model that continues prompts, here or on a server. The same prompt gives the same completion."""

    name: str
    """What a person calls it; no path of this machine."""
    place: str
    """Where it runs, for people."""
    fingerprint: str
    """Identifies the weights, as far as they can be known: completions may be kept under it."""
    context_tokens: int
    """Tokens of prompt and completion together; of the prompt alone where `follows_instructions` is False."""
    follows_instructions: bool
    """True: messages tell it what to do. False: a sequence-to-sequence model that only rewrites what it reads."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, or an estimate that is rather too high."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], *, max_tokens: int, schema: Schema | None = None, seed: int = 0
    ) -> list[Completion]:
        """Complete each prompt, greedily.

        Args:
            prompts: conversations, each ending with a user's message.
            max_tokens: most tokens of a completion.
            schema: JSON schema that the answer should follow; who cannot hold a model to it leaves it to the prompt.
            seed: for models that draw at random however they are asked.

        Raises:
            ModelError: the model cannot be reached, refuses, or a prompt is longer than it reads.
        """
        ...


def prompt_room(model: LanguageModel, max_tokens: int) -> int:
    """Return the tokens left for the prompt's messages where the completion may take `max_tokens`."""
    taken = max_tokens if model.follows_instructions else 0
    return model.context_tokens - taken - _TEMPLATE_TOKENS
