"""Recognise a plain text that is a dialogue, and turn it into speaker turns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from odqa.data.builder import DocumentBuilder
from odqa.data.loaders.speakers import Label, read_label

_MIN_TURNS = 4
_ANSWERING = re.compile(r"(?:Speaker|Interviewee|Witness|Respondent|Informant|Narrator):\s*(?P<name>[^,;(]{2,60}).*")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines without a blank line between them, the number of blank lines before them, and their page."""

    lines: list[str]
    gap: int = 1
    page: int = 1


def join_lines(lines: Sequence[str]) -> str:
    """Join hard-wrapped lines; a word broken at its hyphen is put together, hyphen kept."""
    pieces: list[str] = []
    for line in map(str.strip, lines):
        before = pieces[-1] if pieces else ""
        broken = len(before) > 1 and before[-1] == "-" and before[-2].isalpha() and line[:1].islower()
        pieces += [line] if broken or not pieces else [" ", line]
    return "".join(pieces)


def find_dialogue(chunks: Sequence[Chunk]) -> Dialogue | None:
    """Return how to read a text as a dialogue, or None where it is none.

    One label such as `Note:` proves nothing, and neither do the field names of a list of records. A dialogue
    has at least two labels that come back, labels at the start of most of its chunks (or of many lines, where
    nothing is set off by blank lines), and speeches of several words that mostly end like sentences.

    Args:
        chunks: the text.
    """
    labels = [[read_label(line) for line in chunk.lines] for chunk in chunks]
    counts = Counter(label.name for chunk in labels for label in chunk if label)
    recurring = frozenset(name for name, count in counts.items() if count > 1)
    if len(recurring) < 2 or sum(counts[name] for name in recurring) < _MIN_TURNS:
        return None
    marked = [sum(bool(label and label.name in recurring) for label in chunk) for chunk in labels]
    region = [n for n, count in enumerate(marked) if count]
    spoken = [n for n in range(region[0], region[-1] + 1) if not _is_note(chunks[n].lines)]
    lines = sum(len(chunks[n].lines) for n in spoken)
    by_line = len(spoken) < _MIN_TURNS or lines > 8 * len(spoken)
    if by_line:
        consistent = sum(marked) >= 0.15 * lines
    else:
        starts = [chunk[0] for chunk in labels]
        consistent = sum(bool((label := starts[n]) and label.name in recurring) for n in spoken) >= 0.5 * len(spoken)
    if not consistent or not _are_speeches([chunks[n].lines for n in spoken], recurring):
        return None
    gap = Counter(chunks[n].gap for n in spoken[1:]).most_common(1)[0][0] if len(spoken) > 1 else 1
    continued = any(not any(labels[n]) for n in spoken)
    return Dialogue(
        recurring, _full_names(chunks[: region[0]], recurring), by_line=by_line, continued=continued, gap=gap
    )


def _full_names(head: Sequence[Chunk], speakers: frozenset[str]) -> dict[str, str]:
    """Return who answers as `A`, where the lines before an interview in questions and answers say it."""
    if not {"Q", "A"} <= speakers:
        return {}
    for line in (line.strip() for chunk in head for line in chunk.lines):
        if match := _ANSWERING.fullmatch(line):
            return {"A": match["name"].strip()}
    return {}


class Dialogue:
    """Reads chunks of a dialogue into turns.

    Args:
        speakers: names that come back.
        names: what to write for some of them.
        by_line: speeches follow each other line by line, without blank lines.
        continued: a chunk without a label goes on with the speech before it; otherwise it is prose.
        gap: blank lines between speeches; a chunk without a label that is set off by more is prose.
    """

    def __init__(
        self, speakers: frozenset[str], names: Mapping[str, str], *, by_line: bool, continued: bool, gap: int
    ) -> None:
        self._speakers = speakers
        self._names = names
        self._gap = gap
        self._by_line = by_line
        self._continued = continued
        self._turn: Label | None = None
        self._said: list[str] = []

    def add(self, chunk: Chunk, builder: DocumentBuilder) -> bool:
        """Add a chunk; return False where it is no speech, so that the caller adds it as prose."""
        labels = [self._label(line, starts=number == 0) for number, line in enumerate(chunk.lines)]
        goes_on = self._turn is not None and self._continued and chunk.gap <= self._gap and not _is_note(chunk.lines)
        if not goes_on and not any(labels):
            self.end_turn(builder)
            return False
        for line, label in zip(chunk.lines, labels, strict=True):
            if label:
                self.end_turn(builder)
                self._turn, self._said = label, [label.said]
            else:
                self._said.append(line)
        return True

    def end_turn(self, builder: DocumentBuilder) -> None:
        """Add the turn that is under way."""
        text = join_lines(self._said)
        if self._turn is not None:
            name = self._names.get(self._turn.name, self._turn.name)
            builder.turn(text, name, start_s=self._turn.start_s)
        else:
            builder.paragraph(text)
        self._turn, self._said = None, []

    def _label(self, line: str, *, starts: bool) -> Label | None:
        label = read_label(line)
        if label is None or label.name in self._speakers:
            return label
        # Somebody who speaks once: only where a speech may begin, and only once the dialogue has begun.
        distinct = " " in label.name or (label.name.isupper() and len(label.name) > 1)
        return label if self._turn is not None and (distinct if self._by_line else starts) else None


def _is_note(chunk: Sequence[str]) -> bool:
    """Tell whether a chunk is a transcriber's note: `[The kettle boils.]`."""
    first, last = chunk[0].strip(), chunk[-1].strip()
    return (first[0], last[-1]) in {("[", "]"), ("(", ")"), ("{", "}")}


def _are_speeches(chunks: Sequence[list[str]], speakers: frozenset[str]) -> bool:
    speeches = list(_speeches(chunks, speakers))
    words = sum(len(speech.split()) for speech in speeches)
    ended = sum(speech.rstrip("\"'”’)]*_ ").endswith((".", "?", "!", "…", "—", "-")) for speech in speeches)
    return words >= 3 * len(speeches) and ended >= 0.4 * len(speeches)


def _speeches(chunks: Sequence[list[str]], speakers: frozenset[str]) -> Iterator[str]:
    speech: list[str] = []
    for chunk in chunks:
        for line in chunk:
            label = read_label(line)
            if label and label.name in speakers:
                if speech:
                    yield " ".join(speech)
                speech = [label.said]
            else:
                speech.append(line)
    yield " ".join(speech)
