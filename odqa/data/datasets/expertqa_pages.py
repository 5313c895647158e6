"""ExpertQA over the pages that systems had cited: its questions, with what was quoted of those pages as documents.

ExpertQA itself comes without documents. Of the evidence that systems gave for their claims, though, the text is there,
by address: a page is what all of them quoted of it, and the gold of a question is what its claims rest on, as far as an
expert found that it carries them, whole or in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import regex

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, read_records
from odqa.data.datasets.types import AnswerLength, ClaimLabel, Dataset, Gold, Question
from odqa.schema import Document, Span

ADDRESS = regex.compile(r"^\s*(?:\[\d{1,3}\]\s*)?(?P<address>(?:\w+://|www\.)\S+)?\s*")
"""What stands before the text of a piece of evidence: its number and where it is from, each of which may be missing."""


@dataclass(slots=True)
class _Page:
    """What was quoted of a page: each excerpt once, in the order in which it is met."""

    name: str
    address: str
    excerpts: dict[str, None] = field(default_factory=dict)

    def document(self, id_: str) -> tuple[Document, Mapping[str, Span]]:
        """Return it as a document, and where each excerpt stands in it."""
        builder = DocumentBuilder(id_, title=self.name, source=self.address)
        parts = {excerpt: [part for part in excerpt.split("\n\n") if clean(part)] for excerpt in self.excerpts}
        for part in (part for own in parts.values() for part in own):
            builder.paragraph(part)
        document = builder.build()
        blocks = iter(document.blocks)
        places: dict[str, Span] = {}
        for excerpt, own in parts.items():
            spans = [next(blocks).span for _ in own]
            places[excerpt] = Span(spans[0].start, spans[-1].end)
        return document, places


class _Cited(NamedTuple):
    """An excerpt that a claim of an answer to a question rests on."""

    question: str
    page: str
    address: str
    excerpt: str
    is_borne_out: bool


def dataset(
    name: str,
    split: str | None,
    judged: Mapping[str, Path],
    questions: Callable[[], Iterator[Question]],
    label_of: Mapping[str, ClaimLabel],
) -> Dataset:
    """Return the questions that have evidence, over what was quoted of the pages.

    Args:
        name: of the data set.
        split: that was chosen; None for all.
        judged: files of systems' answers, by split.
        questions: of the splits that were chosen, without gold.
        label_of: what the judgements of claims mean.
    """

    def cited() -> Iterator[_Cited]:
        for path in judged.values():
            for found in read_records(path, lambda record: list(_cited(record, label_of))):
                yield from found

    @cache
    def placed() -> Mapping[str, Sequence[Gold]]:
        """Return the gold of each question, by its text."""
        known = list(cited())
        spans = {page.name: page.document("")[1] for page in _pages(known)}
        gold: dict[str, dict[Gold, None]] = {}
        for one in known:
            if one.is_borne_out:
                place = Gold(f"{name}/{one.page}", (spans[one.page][one.excerpt],))
                gold.setdefault(one.question, {})[place] = None
        return {question: tuple(found) for question, found in gold.items()}

    def answered() -> Iterator[Question]:
        for question in questions():
            if gold := placed().get(question.text):
                yield replace(question, gold=tuple(gold), marked=len(gold), mapped=len(gold))

    def documents() -> Iterator[Document]:
        for page in _pages(cited()):
            yield page.document(f"{name}/{page.name}")[0]

    files = tuple(judged.values())
    return Dataset(
        name, documents=documents, questions=answered, split=split or "", answers=AnswerLength.LONG, files=files
    )


def _pages(cited: Iterable[_Cited]) -> Sequence[_Page]:
    pages: dict[str, _Page] = {}
    for one in cited:
        pages.setdefault(one.page, _Page(one.page, one.address)).excerpts[one.excerpt] = None
    return list(pages.values())


def _cited(record: Record, label_of: Mapping[str, ClaimLabel]) -> Iterator[_Cited]:
    """Yield the excerpts with an address that the claims of a record rest on."""
    question = clean(record["question"])
    for answer in record["answers"].values():
        for claim in answer["claims"] or ():
            label = label_of.get(claim["support"])
            is_borne_out = label in (ClaimLabel.SUPPORTED, ClaimLabel.PARTIALLY_SUPPORTED)
            for evidence in claim["evidence"] or ():
                found = ADDRESS.match(evidence)
                if found and found["address"] and clean(text := evidence[found.end() :]):
                    address = clean(found["address"])
                    # The same page is cited with one scheme and the other.
                    yield _Cited(question, address.partition("://")[2] or address, address, text, is_borne_out)
