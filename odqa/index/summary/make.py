"""The summarizer that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.registry import resolve

if TYPE_CHECKING:
    from odqa.protocols import Encoder, Summarizer
    from odqa.settings import Settings


def make_summarizer(settings: Settings, encoder: Encoder) -> Summarizer:
    """Return the summarizer that the settings name, made by calling what is registered with settings and encoder.

    Raises:
        ConfigError: there is no such summarizer or template.
    """
    summarizer: Summarizer = resolve("summarizers", settings.summarizer)(settings, encoder)
    return summarizer
