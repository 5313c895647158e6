"""Evidence as the encoder–decoder reads it, in training and in use alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from odqa.reader.neural.inputs import Source
from odqa.reader.untrusted import is_instruction
from odqa.reader.words import squeeze
from odqa.schema import Evidence, PassageKind

_JOIN = " › "
_LONGEST_HEAD = 120


def source_of(item: Evidence, number: int) -> Source:
    """Return a passage with where it stands; sentences that give orders to its reader are left out.

    Args:
        item: the passage.
        number: as an answer cites it.
    """
    text = item.document.text
    kept = [span.of(text) for span in item.passage.sentences or (item.passage.span,)]
    said = squeeze(" ".join(sentence for sentence in kept if not is_instruction(sentence)))
    return Source(number, head_of(item), said)


def summary_of(title: str, gist: str) -> Source:
    """Return what a document is about as a source that is read, and neither cited nor copied.

    Args:
        title: of the document.
        gist: of its structured summary.
    """
    return Source(0, squeeze(title)[:_LONGEST_HEAD], squeeze(gist), summary=True)


def head_of(item: Evidence) -> str:
    """Return title and headings of a passage; for a table's row, its header too."""
    if item.passage.kind is PassageKind.ROW and item.passage.context:
        names: Sequence[str] = (item.passage.context,)
    else:
        names = (item.document.title, *item.section.path)
    return squeeze(_JOIN.join(_spoken(names)))[:_LONGEST_HEAD]


def _spoken(names: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name and not is_instruction(name):
            yield name


def asked(question: str, words: int) -> str:
    """Return a question as the model reads it: with the length wanted, rounded as people say it.

    Args:
        question: as asked.
        words: of the answer.
    """
    rounded = max(10, round(words / 10) * 10) if words < 100 else round(words / 50) * 50
    return f"{rounded} words: {squeeze(question)}"
