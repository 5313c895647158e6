"""Timed transcripts: SubRip (.srt) and WebVTT (.vtt) cues become speaker turns with times."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.files import identify, read_text, readable_title
from odqa.data.loaders.speakers import read_label, seconds
from odqa.errors import LimitError, LoadError
from odqa.schema import Document

_TIMING = re.compile(
    r"\s*(?P<start>(?:\d{1,4}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)\s*-->\s*(?P<end>(?:\d{1,4}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)"
)
_CHANGE = re.compile(
    r"<v(?:\.[^\s<>]*)?(?:\s(?P<name>[^<>]*))?>|</v>|^[^\S\n]*(?:(?:>>|&gt;&gt;)+|[-–—](?=\s))",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]*>")
_POSITION = re.compile(r"\{\\[^{}]*\}")  # {\an8}, a subtitle editor's way to say where on the screen
_MAX_GAP_S = 3.0
_MAX_TURN_S = 60.0
_MAX_TURN_CHARACTERS = 600
_MAX_CUES = 1_000_000


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said between two times.

    Attributes:
        start_s: seconds from the start of the recording.
        end_s: seconds at which it ends.
        text: the words, without mark-up.
        speaker: who says them, where the file tells.
        changes: the file marks that somebody else begins to speak here.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None
    changes: bool = False


class TranscriptLoader:
    """Reads SubRip and WebVTT transcripts.

    Cues of one speaker become one turn while the pause between them is short, up to 60 seconds or 600
    characters, so that a citation still leads to the right moment of the recording.
    """

    suffixes = (".srt", ".vtt")

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        Raises:
            LoadError: the file cannot be read, is not text, or has no cue.
            LimitError: it has more than a million cues.
        """
        decoded = read_text(path)
        media_type = "text/vtt" if path.suffix.lower() == ".vtt" else "application/x-subrip"
        builder = DocumentBuilder(identify(path), title=readable_title(path), media_type=media_type)
        end_s = 0.0
        cues = list(islice(read_cues(decoded.text), _MAX_CUES + 1))
        if len(cues) > _MAX_CUES:
            raise LimitError(f"{path}: the transcript has more than {_MAX_CUES:,} cues", "split the file")
        for turn in merge_cues(name_speakers(cues)):
            builder.turn(turn.text, turn.speaker, turn.start_s, turn.end_s)
            end_s = max(end_s, turn.end_s)
        if builder.is_empty:
            remedy = 'cues need a line such as "00:01:02.000 --> 00:01:05.000"'
            raise LoadError(f"{path}: the transcript has no cue with text", remedy)
        encoding = {} if decoded.encoding == "utf-8" else {"encoding": decoded.encoding}
        yield builder.build({"duration_s": round(end_s, 3), **encoding})


def read_cues(text: str) -> Iterator[Cue]:
    """Yield the cues of a SubRip or WebVTT file in its order; notes, styles and regions are left out.

    Lines that a rolling caption repeats from the cue before are yielded once.
    """
    before_s, before = -1.0, ""
    for timing, lines in _blocks(text):
        start_s = seconds(timing["start"])
        end_s = max(seconds(timing["end"]), start_s)
        worded = [(line, words) for line in lines if (words := _words(line))]
        rolls = start_s <= before_s + 0.1
        yield from _voices([line for line, words in worded if not (rolls and words == before)], start_s, end_s)
        before_s, before = end_s, worded[-1][1] if worded else ""


def name_speakers(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Take a `NAME:` at the start of a cue for its speaker: in capitals, or where the name comes back."""
    labels = [None if cue.speaker else read_label(cue.text) for cue in cues]
    counts = Counter(label.name for label in labels if label)
    for cue, label in zip(cues, labels, strict=True):
        if label and label.said.strip() and (counts[label.name] > 1 or label.name.isupper()):
            yield replace(cue, text=label.said, speaker=label.name, changes=True)
        else:
            yield cue


def merge_cues(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Join cues of the same speaker into turns of bounded length."""
    turn: Cue | None = None
    for cue in cues:
        if turn is not None and _continues(turn, cue):
            turn = replace(turn, text=f"{turn.text} {cue.text}", end_s=max(turn.end_s, cue.end_s))
            continue
        if turn is not None:
            yield turn
        turn = cue
    if turn is not None:
        yield turn


def _continues(turn: Cue, cue: Cue) -> bool:
    same = cue.speaker == turn.speaker and not (cue.changes and cue.speaker is None)
    near = -1.0 <= cue.start_s - turn.end_s <= _MAX_GAP_S
    short = cue.end_s - turn.start_s <= _MAX_TURN_S and len(turn.text) + len(cue.text) < _MAX_TURN_CHARACTERS
    return same and near and short


def _blocks(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield each cue's timing and lines; a cue ends at a blank line, or before the next cue's number."""
    timing: re.Match[str] | None = None
    lines: list[str] = []
    for line in re.split("\r\n|[\r\n\x85\u2028\u2029]", text):
        match = _TIMING.match(line) if "-->" in line else None
        if match:
            if timing is not None:
                # Only a cue that lacks its blank line has lines here still; the last is the new cue's number.
                yield timing, lines[:-1] if lines and lines[-1].strip().isdigit() else lines
            timing, lines = match, []
        elif timing is not None and line.strip():
            lines.append(_POSITION.sub("", line))
        elif timing is not None and lines:
            yield timing, lines
            timing, lines = None, []
    if timing is not None:
        yield timing, lines


def _voices(lines: list[str], start_s: float, end_s: float) -> Iterator[Cue]:
    """Split a cue where a voice tag, `>>` or a dash says that somebody else speaks."""
    text = "\n".join(lines)
    position, speaker, changes = 0, None, False
    for mark in (*_CHANGE.finditer(text), None):
        if words := _words(text[position : mark.start() if mark else len(text)]):
            yield Cue(start_s, end_s, words, speaker, changes)
        if mark:
            position, changes = mark.end(), True
            speaker = clean(html.unescape(mark["name"] or "")) or None


def _words(markup: str) -> str:
    return clean(html.unescape(_TAG.sub("", markup)))
