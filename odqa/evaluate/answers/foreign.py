"""Questions that a data set's documents cannot answer, because they belong to another domain.

Whoever never refuses looks best on a set in which every question has an answer. These questions are the other side:
they are taken from other data sets that are at hand, or else from a list of general questions that comes with odqa.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from odqa.data.datasets import Question, dataset_names, load_dataset
from odqa.errors import LoadError

if TYPE_CHECKING:
    from odqa.evaluate.bench import Bench

MOST_SETS = 3
"""Data sets that foreign questions are drawn from."""

_NAME = regex.compile(r"(?<=\p{Ll},? )\p{Lu}\p{L}+ \p{Lu}\p{L}+")  # `did Green Fields`, not `When Did`.


@dataclass(frozen=True, slots=True)
class _Source:
    """A data set whose questions can be asked of anyone.

    Attributes:
        name: of the data set.
        domain: data sets of one domain may answer each other's questions.
        named: only its questions that name somebody make sense without its documents.
    """

    name: str
    domain: str
    named: bool = False


# Sets about stories and meetings are not among them: "What is the plot?" fits any story. In the order of preference.
_SOURCES = (
    _Source("hotpot300", "encyclopedia"),
    _Source("rageval_finance", "finance", named=True),
    _Source("expertqa", "expert"),
    _Source("musique100", "encyclopedia"),
)
_DOMAINS = {source.name: source.domain for source in _SOURCES} | {
    "expertqa-pages": "expert",
    "ottqa": "encyclopedia",
    "ottqa-tables": "encyclopedia",
    "fetaqa": "encyclopedia",
    "wice": "encyclopedia",
    "tatqa": "finance",
}


def foreign_questions(bench: Bench, count: int, data: Path | None = None) -> list[Question]:
    """Return `count` questions of other domains, the same in every run, marked as unanswerable.

    Their ids say which data set each was drawn from. A question may by chance be answered by the documents all the
    same, which is rare for collections of thousands of documents and not to be expected of an encyclopedia.

    Args:
        bench: what is measured; its own domain gives no questions.
        count: how many; fewer where there are not so many.
        data: folder of the data sets; None takes the one that `load_dataset` takes.
    """
    if count < 1:
        return []
    domain = _DOMAINS.get(bench.dataset.name)
    generator = bench.rng("foreign")
    drawn: list[list[Question]] = []
    for source in _SOURCES:
        if source.domain != domain and len(drawn) < MOST_SETS and (found := list(_read(source, data))):
            generator.shuffle(found)
            drawn.append(found)
    if not drawn:
        drawn = [_general()]
        generator.shuffle(drawn[0])
    return _dealt(drawn, count)


def _read(source: _Source, data: Path | None) -> Iterator[Question]:
    """Yield what a data set asks; nothing where it is not at hand."""
    if source.name not in dataset_names():
        return
    try:
        for question in load_dataset(source.name, data=data).questions():
            if question.answerable and (not source.named or _NAME.search(question.text)):
                yield _foreign(question, source.name)
    except LoadError:
        return


def _foreign(question: Question, origin: str) -> Question:
    return replace(
        question,
        id=f"foreign/{origin}/{question.id}",
        type="foreign",
        hops=0,
        gold=(),
        references=(),
        answerable=False,
        marked=0,
        mapped=0,
    )


def _general() -> list[Question]:
    lines = files("odqa.data").joinpath("foreign_questions.txt").read_text(encoding="utf-8").splitlines()
    return [
        Question(f"foreign/general/{number}", line, "foreign", 0, (), (), answerable=False)
        for number, line in enumerate(lines, start=1)
        if line
    ]


def _dealt(drawn: list[list[Question]], count: int) -> list[Question]:
    """Take from each in turn, so that all have their share."""
    chosen: list[Question] = []
    for turn in range(max(map(len, drawn))):
        chosen += [some[turn] for some in drawn if turn < len(some)]
    return chosen[:count]
