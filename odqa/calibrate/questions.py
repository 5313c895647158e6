"""Questions with known answerability, made from a collection itself: nobody has to label any.

Answered ones are those that the structured summaries state, each with the sentence that answers it. Unanswered ones are
of three kinds: *foreign*, general questions from a list; *excluded*, a question of the collection asked of all other
documents; *swapped*, a question of the collection with its year or name replaced by one that the collection lacks. The
last two are as hard as what people ask in earnest: everything fits but the fact.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from odqa.data.datasets.files import read_items
from odqa.errors import LoadError, UsageError
from odqa.retriever.asked import NAME, YEAR

if TYPE_CHECKING:
    from pathlib import Path

    from odqa.index.snapshot import Snapshot
    from odqa.schema import Span

ANSWERED, FOREIGN, EXCLUDED, SWAPPED, LABELLED = "answered", "foreign", "excluded", "swapped", "labelled"

_FEWEST_WORDS = 4
_INVENTED = (
    "Quillory Vantage", "Ostrava Pelling", "Mirabeck Thorne", "Velden Drossick", "Harrowmint Sable", "Tessaly Crane",
    "Borvik Ansell", "Yarrowdale Finch", "Corvane Lusk", "Ilmarine Pettersby", "Drumwick Okoro", "Zephrine Halloway",
)  # fmt: skip
"""Names that hardly any collection holds; those that one does hold are not used for it."""


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """A question, and whether the collection answers it.

    Attributes:
        text: in words.
        answerable: whether it is answered where it is asked.
        kind: `answered`, `foreign`, `excluded`, `swapped`, or `labelled` where the user wrote it.
        document_id: the document that it was made from; "" for others.
        spans: characters of that document that answer it.
        group: questions made from one share it, so that none helps to judge another.
    """

    text: str
    answerable: bool
    kind: str
    document_id: str = ""
    spans: tuple[Span, ...] = ()
    group: str = ""


def answered_questions(snapshot: Snapshot, count: int, rng: random.Random) -> list[MadeQuestion]:
    """Return up to `count` questions that documents answer by their summaries, from as many documents as there are."""
    numbers = list(snapshot.live_documents())
    rng.shuffle(numbers)
    made: list[list[MadeQuestion]] = []
    for number in numbers[:count]:
        own = [
            MadeQuestion(statement.text, True, ANSWERED, snapshot.ids[number], statement.spans)
            for summary in snapshot.summaries(number)[:1]
            for statement in summary["questions"]
            if len(statement.text.split()) >= _FEWEST_WORDS
        ]
        rng.shuffle(own)
        made.append(own)
    dealt = [some[turn] for turn in range(max(map(len, made), default=0)) for some in made if turn < len(some)]
    once = {question.text.casefold(): question for question in reversed(dealt)}
    return list(reversed(once.values()))[:count]


def foreign_questions(count: int, rng: random.Random) -> list[MadeQuestion]:
    """Return up to `count` general questions that a collection of one's own hardly answers."""
    text = files("odqa.data").joinpath("foreign_questions.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line]
    rng.shuffle(lines)
    return [MadeQuestion(line, False, FOREIGN, group=line) for line in lines[:count]]


def excluded_questions(made: Sequence[MadeQuestion], count: int, rng: random.Random) -> list[MadeQuestion]:
    """Return up to `count` of the questions, each to be asked of all documents but its own."""
    chosen = rng.sample(list(made), min(count, len(made)))
    return [MadeQuestion(q.text, False, EXCLUDED, q.document_id, q.spans, q.text) for q in chosen]


def swapped_questions(
    made: Sequence[MadeQuestion], count: int, rng: random.Random, is_known: Callable[[str], bool]
) -> Iterator[MadeQuestion]:
    """Yield up to `count` of the questions with their last name, or else year, replaced by one that is not known.

    Args:
        made: questions that are answered.
        count: how many at most.
        rng: chooses them.
        is_known: tells whether any passage of the collection holds a word.
    """
    names = [name for name in _INVENTED if not any(map(is_known, name.split()))]
    for question in rng.sample(list(made), len(made)):
        if count < 1:
            return
        text = question.text
        if years := list(YEAR.finditer(text)):
            asked = int(years[-1].group())
            lacking = [str(year) for year in range(asked - 15, asked + 16) if not is_known(str(year))]
            text = _replaced(text, years[-1], rng.choice(lacking)) if lacking else text
        if text == question.text and names and (found := list(NAME.finditer(text))):
            text = _replaced(text, found[-1], rng.choice(names))
        if text != question.text:
            count -= 1
            yield MadeQuestion(text, False, SWAPPED, question.document_id, question.spans, question.text)


def read_questions(path: Path) -> list[MadeQuestion]:
    """Read the user's own questions: JSON Lines with `question`, and `answerable` as true or false.

    Raises:
        LoadError: the file cannot be read, or a line lacks one of them.
        UsageError: no line, or a question twice.
    """

    def convert(record: dict[str, object]) -> MadeQuestion:
        text, answerable = record["question"], record["answerable"]
        if not isinstance(text, str) or not text.strip():
            raise ValueError("`question` must be text")
        if not isinstance(answerable, bool):
            raise ValueError("`answerable` must be true or false")
        text = " ".join(text.split())
        return MadeQuestion(text, answerable, LABELLED, group=text)

    if not path.is_file():
        raise LoadError(f"{path}: there is no such file", "name a file of JSON Lines: {question, answerable}")
    questions = list(read_items(path, convert))
    if not questions:
        raise UsageError(f"{path}: there is no question in it", "one JSON object a line: question, answerable")
    if len({question.text for question in questions}) < len(questions):
        raise UsageError(f"{path}: a question stands there twice", "leave one of them out")
    return questions


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]
