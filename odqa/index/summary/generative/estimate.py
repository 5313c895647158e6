"""What generating summaries will cost, before it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from odqa.errors import ConfigError

_PRICE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a million tokens read and of a million written, in whatever currency it was given."""

    read: float
    written: float

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return what so many tokens cost."""
        return (prompt_tokens * self.read + completion_tokens * self.written) / 1_000_000


def parse_price(text: str) -> Price | None:
    """Read the setting `llm_price`: `0.15/0.60`; None where it is empty.

    Raises:
        ConfigError: it is anything else.
    """
    if not text.strip():
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"llm_price must be two prices of a million tokens, not {text!r}",
            "for example 0.15/0.60: 0.15 for those read, 0.60 for those written",
        )
    return Price(float(match[1]), float(match[2]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will ask of a model.

    Attributes:
        model: its name.
        place: where it runs.
        documents: documents to summarize.
        calls: calls of the model.
        prompt_tokens: tokens it will read, about.
        completion_tokens: tokens it will write, about.
        cached: calls that were made before and need no model now; not among `calls`.
        seconds: how long the calls will take by what earlier ones took; None before the first.
        cost: by the setting `llm_price`; None without it.
    """

    model: str
    place: str
    documents: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached: int
    seconds: float | None = None
    cost: float | None = None

    def __str__(self) -> str:
        return announce(self)


def announce(estimate: Estimate) -> str:
    """Return the estimate as one line to print before starting."""
    kept = f"{estimate.cached:,} answers are cached" if estimate.cached else ""
    if not estimate.calls:
        return f"Summaries by {estimate.model}: no calls needed" + (f", {kept}" if kept else "")
    parts = [
        f"{estimate.calls:,} call{'s' * (estimate.calls != 1)} for {estimate.documents:,} "
        f"document{'s' * (estimate.documents != 1)}",
        f"about {_rounded(estimate.prompt_tokens)} tokens to read and {_rounded(estimate.completion_tokens)} to write",
        f"about {_duration(estimate.seconds)}"
        if estimate.seconds is not None
        else "time not known before a first call",
    ]
    if estimate.cost is not None:
        parts.append(f"cost about {estimate.cost:.2f}" if estimate.cost >= 0.01 else "cost below 0.01")
    return f"Summaries by {estimate.model} at {estimate.place}: " + "; ".join([*parts, kept] if kept else parts)


def _rounded(number: int) -> str:
    """Return a number with two significant digits: more would be a lie."""
    step = 10 ** max(len(str(number)) - 2, 0)
    return f"{round(number / step) * step:,}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
