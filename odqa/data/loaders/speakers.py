"""Tell who speaks: labels such as `NAME:`, `Q:` or `Speaker 2 (00:01:10):` at the start of a line."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Words that stand before a colon in prose, letter heads and forms, and are no speakers.
_FIELD_WORDS = """
    absent abstract address age agenda also answers apologies appendix arguments attendees author authors bcc
    caution cc chapter conclusion copyright date definition duration editor email example examples fax figure
    finally first fixme from fwd however http https important input isbn item keywords lemma location name
    names nb note notes options output page pages part participants phone place present proof ps published
    publisher raises re recording remark remember requirements result results returns second section see sex
    source sources speakers status step subject summary table tel theorem therefore third time tip title to
    todo transcriber translator url usage venue version warning
"""
_NO_SPEAKERS = frozenset(_FIELD_WORDS.split())
_CLOCK = r"(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_WORD = r"[^\W\d_][\w.'’\-]*"
_LABEL = re.compile(
    rf"""
    \s{{0,8}}(?:[\[(]?(?P<before>{_CLOCK})[\])]?\s{{1,4}})?       # [00:01:10]
    (?:\*\*)?(?P<name>{_WORD}(?:\ (?:{_WORD}|\d{{1,3}})){{0,4}})  # Captain Ruth Aldane, Speaker 2, Q
    (?:\ ?[\[(](?:(?P<after>{_CLOCK})|[^\])\n]{{1,90}})[\])])?    # (00:01:10), (laughing)
    (?::\*\*|\*\*:|:)(?:\s+|$)(?P<said>.*)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Label:
    """A speaker's label and what follows it.

    Attributes:
        name: as written.
        said: the rest of the line.
        start_s: seconds into the recording, where the label holds a time.
    """

    name: str
    said: str
    start_s: float | None = None


def read_label(line: str) -> Label | None:
    """Return the label at the start of `line`, if what stands there could be a speaker's name."""
    if ":" not in line[:170]:
        return None
    match = _LABEL.match(line)
    if match is None or not _is_name(match["name"]):
        return None
    clock = match["before"] or match["after"]
    return Label(match["name"], match["said"], seconds(clock) if clock else None)


def seconds(clock: str) -> float:
    """Turn `h:mm:ss`, `mm:ss` or `mm:ss.mmm` into seconds."""
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return round(total, 3)


def _is_name(name: str) -> bool:
    words = name.split()
    if words[0].lower().rstrip(".") in _NO_SPEAKERS or len(name) > 48:
        return False
    # Every word of a name is capitalised, but for particles: Ludwig van Beethoven, Speaker of the House.
    particles = {"van", "von", "de", "der", "den", "la", "le", "di", "da", "du", "of", "the", "and", "bin", "ibn", "al"}
    return words[0][0].isupper() and all(w[0].isupper() or w[0].isdigit() or w in particles for w in words)
