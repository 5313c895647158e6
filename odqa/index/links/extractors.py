"""Finders of names that need a model: better than capitals, slower, and an extra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from odqa.errors import ConfigError, ModelError

RULES = "rules"
"""The extractor that needs no model: runs of capitalised words."""
_GLINER_LABELS = ("person", "organization", "location", "event", "work of art", "product", "law", "facility")
_GLINER_CHARACTERS = 1200  # GLiNER reads 384 words at a time; longer texts it cuts off.
_SPACY_CHARACTERS = 100_000  # spaCy refuses texts of more than a million characters and needs memory for each.
_NO_NAMES = frozenset({"CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY", "TIME", "DATE"})


class Extractor(Protocol):
    """Finds names in texts."""

    def names(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """Yield, for each text, the first character of every name and the one after its last."""
        ...


def make_extractor(name: str) -> Extractor | None:
    """Return the extractor of a name: `rules` (None), `spacy:<model>` or `gliner:<model>`.

    Raises:
        ConfigError: there is no such extractor.
        ModelError: its package or model is not installed.
    """
    kind, _, model = name.partition(":")
    if name == RULES:
        return None
    if kind == "spacy" and model:
        return SpacyExtractor(model)
    if kind == "gliner" and model:
        return GlinerExtractor(model)
    raise ConfigError(f"there is no extractor {name!r}", "use rules, spacy:<model> or gliner:<model>")


class SpacyExtractor:
    """Named entities of a spaCy pipeline, e.g. `en_core_web_sm`; numbers and dates are left out."""

    def __init__(self, model: str) -> None:
        try:
            spacy = import_module("spacy")
        except ImportError as error:
            raise ModelError("the extractor spacy needs the package spacy", "pip install spacy") from error
        try:
            self._pipeline: Any = spacy.load(model)
        except (OSError, ValueError) as error:
            remedy = f"python -m spacy download {model}"
            raise ModelError(f"spaCy has no model {model!r}", remedy) from error

    def names(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """Yield the spans of entities of each text."""
        for text in texts:
            found = []
            for offset, part in _parts(text, _SPACY_CHARACTERS):
                entities = [e for e in self._pipeline(part).ents if e.label_ not in _NO_NAMES]
                found += [(offset + e.start_char, offset + e.end_char) for e in entities]
            yield found


class GlinerExtractor:
    """Entities of a GLiNER model, e.g. `urchade/gliner_small-v2.1` (Zaratiana et al. 2024)."""

    def __init__(self, model: str) -> None:
        try:
            gliner = import_module("gliner")
        except ImportError as error:
            raise ModelError("the extractor gliner needs the package gliner", "pip install gliner") from error
        try:
            self._model: Any = gliner.GLiNER.from_pretrained(model)
        except (OSError, ValueError) as error:
            remedy = "name a folder that holds it, or a model of the hub while it can be reached"
            raise ModelError(f"GLiNER model {model!r} cannot be loaded", remedy) from error

    def names(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """Yield the spans of entities of each text."""
        for text in texts:
            found = []
            for offset, part in _parts(text, _GLINER_CHARACTERS):
                entities = self._model.predict_entities(part, list(_GLINER_LABELS), flat_ner=True)
                found += [(offset + e["start"], offset + e["end"]) for e in entities]
            yield sorted(found)


def _parts(text: str, most: int) -> Iterator[tuple[int, str]]:
    """Yield parts of a text of at most `most` characters with where they begin, cut at line ends or blanks."""
    start = 0
    while start < len(text):
        end = start + most
        if end < len(text):
            end = max(text.rfind("\n", start + 1, end), text.rfind(". ", start + 1, end) + 1)
            end = end if end > start + most // 2 else max(text.rfind(" ", start + 1, start + most), start) or start
            end = end if end > start else start + most
        yield start, text[start:end]
        start = end
