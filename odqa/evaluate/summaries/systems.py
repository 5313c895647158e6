"""The summarizers that are compared, each writing at most as many words as people did.

- `engine`: the engine's extractive summary of a document, in so many words.
- `lead`: the first words of the document, cut at exactly that number.
- `random`: sentences drawn at random, the same in every run.
- `lexrank`, `textrank`: those of sumy, over the same sentences.
- `oracle`: the extract that a greedy search finds with the human summary in view: a ceiling.

All but `lead` take whole sentences in their own order of preference, each as long as it fits, so that every system
says about as much; what it came to is measured as `words`. They are shown in reading order, a line each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from odqa.evaluate.summaries.centrality import Ranker, lexrank, textrank
from odqa.evaluate.summaries.oracle import oracle
from odqa.evaluate.text import word_count
from odqa.index.summary.budgeted import summarize_to
from odqa.schema import FieldKind

if TYPE_CHECKING:
    from odqa.evaluate.bench import Bench
    from odqa.evaluate.summaries.source import Source
    from odqa.schema import StructuredSummary

ENGINE = "engine"
EXTRACTS = (ENGINE, "lead", "random", "lexrank", "textrank")
"""Systems that read nothing but the document."""


@dataclass(slots=True)
class Written:
    """What one system wrote, and what that took.

    Attributes:
        texts: summaries by document id.
        seconds: wall-clock seconds in all.
        read: words of the documents that these seconds went into.
    """

    texts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    read: int = 0

    @property
    def milliseconds(self) -> float | None:
        """Milliseconds for a thousand words of the documents; None where nothing was timed."""
        return 1e6 * self.seconds / self.read if self.read else None


class Summarizers:
    """Every system, at one length."""

    def __init__(self, bench: Bench, words: int) -> None:
        """Get ready to write summaries of at most `words` words.

        Raises:
            UsageError: sumy is not installed.
        """
        from odqa.index.lexical import LANGUAGES

        self.words = words
        self.written: dict[str, Written] = {}
        language = LANGUAGES.get(bench.searchable.settings.language, "")
        # Made once: the stemmers of the languages take their time.
        rankers: Mapping[str, Ranker] = {"lexrank": lexrank(language), "textrank": textrank(language)}
        self._extracts: Mapping[str, Callable[[Source], str]] = {
            ENGINE: self._engine,
            "lead": self._lead,
            "random": partial(self._random, bench),
            **{name: partial(self._ranked, ranker) for name, ranker in rankers.items()},
        }

    def extract(self, name: str, source: Source, *, called: str = "") -> str:
        """Write one of `EXTRACTS` and count its time.

        Args:
            name: of the system.
            source: the document.
            called: what to keep it as, if not by its name.
        """
        _ = source.sentences, source.words  # Which every system needs, and none is to pay for.
        start = time.perf_counter()
        text = self._extracts[name](source)
        kept = self.note(called or name, source, text)
        kept.seconds += time.perf_counter() - start
        kept.read += source.words
        return text

    def oracle(self, source: Source, references: Sequence[str], *, called: str = "oracle") -> str:
        """Write the extract that the human summaries ask for; without its time, which nobody can have."""
        order = oracle(source.sentences, references, self.words)
        text = fit(source.sentences, order, self.words) if order else ""
        self.note(called, source, text)
        return text

    def note(self, name: str, source: Source, text: str) -> Written:
        """Keep what a system wrote of a document."""
        kept = self.written.setdefault(name, Written())
        kept.texts[source.parsed.document.id] = text
        return kept

    def _engine(self, source: Source) -> str:
        if not source.sentences:
            return ""
        return "\n".join(statement.text for statement in summarize_to(source.parsed, self.words, source.vectors))

    def _lead(self, source: Source) -> str:
        return first_words(source.sentences, self.words)

    def _random(self, bench: Bench, source: Source) -> str:
        order = list(range(len(source.sentences)))
        bench.rng(f"random summary of {source.parsed.document.id}").shuffle(order)
        return fit(source.sentences, order, self.words)

    def _ranked(self, ranker: Ranker, source: Source) -> str:
        return fit(source.sentences, ranker(source.sentences), self.words)


def statements_text(summary: StructuredSummary, words: int) -> str:
    """Return the statements of a structured summary that are sentences, the weightiest first to be taken, a line each.

    For summaries that a model wrote: their length is their own, and what is beyond `words` is left out.
    """
    statements = [s for part in summary.fields if part.kind is FieldKind.STATEMENT for s in part.statements]
    order = sorted(range(len(statements)), key=lambda number: -statements[number].weight)
    return fit([statement.text for statement in statements], order, words)


def fit(sentences: Sequence[str], order: Iterable[int], words: int) -> str:
    """Return whole sentences, each taken in `order` if it still fits, in reading order, a line each.

    Where not even one fits, the first is cut.

    Args:
        sentences: in reading order.
        order: their positions, the best first.
        words: most words.
    """
    ranked = list(order)
    chosen: list[int] = []
    left = words
    for place in ranked:
        if 0 < (cost := word_count(sentences[place])) <= left:
            chosen.append(place)
            left -= cost
        if not left:
            break
    if not chosen:
        return first_words([sentences[place] for place in ranked[:1]], words)
    return "\n".join(sentences[place] for place in sorted(chosen))


def first_words(sentences: Sequence[str], words: int) -> str:
    """Return the first `words` words, as `word_count` counts them, a sentence a line."""
    lines: list[str] = []
    left = words
    for sentence in sentences:
        taken: list[str] = []
        for word in sentence.split():
            left -= word_count(word)
            if left < 0:
                break
            taken.append(word)
        if taken:
            lines.append(" ".join(taken))
        if left <= 0:
            break
    return "\n".join(lines)
