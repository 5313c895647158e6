"""Find the gold that people state in words, a file's name and a quote, in the documents of an index or of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import PurePath
from typing import Protocol

from odqa.data.datasets import Gold, Question
from odqa.data.datasets.quotes import find_quote
from odqa.schema import Document, Span


class Library(Protocol):
    """Documents that can be looked up: an engine has them in its index."""

    def documents(self) -> Iterable[tuple[str, str]]:
        """Return id and title of every document."""

    def sources(self) -> Iterable[tuple[str, str]]:
        """Return id and source of every document."""

    def document(self, document_id: str) -> Document:
        """Return a document by its id."""


class Shelf:
    """Documents in memory, where no index of them is at hand."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """Take the documents.

        Args:
            documents: of which all stay in memory.
        """
        self._by_id = {document.id: document for document in documents}

    def documents(self) -> Iterator[tuple[str, str]]:
        """Yield id and title of every document."""
        return ((document.id, document.title) for document in self._by_id.values())

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield id and source of every document."""
        return ((document.id, document.source) for document in self._by_id.values())

    def document(self, document_id: str) -> Document:
        """Return a document by its id."""
        return self._by_id[document_id]


def place_gold(questions: Iterable[Question], library: Library) -> list[Question]:
    """Return the questions with their gold as documents of the index and characters of their text.

    A gold document that is no id is looked for by its source, its absolute path, its file name with or
    without ending, and its title: the first of these that fits one document only, or one only that holds the quote.
    Gold that cannot be found stays with the question, so that not finding it counts, and is marked but not mapped;
    where only the quote cannot be found, the document is gold as a whole, and that is not mapped either.

    Args:
        questions: with gold as the data set states it.
        library: the engine over the index that is searched, or the documents themselves.
    """
    places = _Places(library)
    return [_placed(question, places) for question in questions]


def _placed(question: Question, places: _Places) -> Question:
    if all(places.is_good(gold) for gold in question.gold):
        return question
    gold: list[Gold] = []
    lost = found = 0
    for each in question.gold:
        if places.is_good(each):
            gold.append(each)
            continue
        placed = places.find(each)
        # Characters of another text than the index holds say nothing here.
        gold.append(placed or replace(each, spans=()))
        lost += max(len(each.spans), 1)
        found += placed is not None and bool(placed.spans or not each.quote)
    marked = max(question.marked, len(gold))
    mapped = min(max(question.mapped - lost, 0) + found, marked)
    return replace(question, gold=tuple(gold), marked=marked, mapped=mapped)


class _Places:
    """Documents by everything that people call them."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def is_good(self, gold: Gold) -> bool:
        """Tell whether gold names a document of the index, and its characters if it names any words."""
        return gold.document_id in self._titles and bool(gold.spans or not gold.quote)

    def find(self, gold: Gold) -> Gold | None:
        """Return gold with the document's id and the places of its quote; None if no document is the one meant."""
        for ids in self._candidates(gold.document_id):
            if len(ids) == 1:
                return replace(gold, document_id=ids[0], spans=self._spans(ids[0], gold.quote))
            holding = [(id_, spans) for id_ in ids if (spans := self._spans(id_, gold.quote))]
            if len(holding) == 1:
                return replace(gold, document_id=holding[0][0], spans=holding[0][1])
        return None

    def _candidates(self, name: str) -> Iterator[list[str]]:
        """Yield the documents that a name may mean, by one way of naming after the other."""
        if name in self._titles:
            yield [name]
            return
        yield self._by_source.get(name, [])
        yield self._by_source.get(os.path.abspath(os.path.expanduser(name)), [])
        # `library/report.md` is the end of a path, and `library/report` that without its ending.
        *folders, file = PurePath(name).parts or ("",)
        for by_name in (self._by_file, self._by_stem):
            yield [id_ for id_ in by_name.get(file, ()) if _folders(id_)[-len(folders) :] == folders or not folders]
        yield self._by_title.get(_plain(name), [])

    def _spans(self, id_: str, quote: str) -> tuple[Span, ...]:
        return find_quote(self._library.document(id_).text, quote) if quote else ()

    @cached_property
    def _titles(self) -> dict[str, str]:
        """Title of every document, by its id."""
        return dict(self._library.documents())

    @cached_property
    def _by_source(self) -> dict[str, list[str]]:
        sources = self._library.sources()
        return _grouped((name, id_) for id_, source in sources for name in {source, _path(source), _path(id_)})

    @cached_property
    def _by_file(self) -> dict[str, list[str]]:
        return _grouped((PurePath(_path(id_)).name, id_) for id_ in self._titles)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return _grouped((PurePath(_path(id_)).stem, id_) for id_ in self._titles)

    @cached_property
    def _by_title(self) -> dict[str, list[str]]:
        return _grouped((_plain(title), id_) for id_, title in self._titles.items())


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the ids by name, each once."""
    grouped: dict[str, dict[str, None]] = {}
    for name, id_ in pairs:
        grouped.setdefault(name, {})[id_] = None
    return {name: list(ids) for name, ids in grouped.items()}


def _path(id_: str) -> str:
    """Return the path in an id, which for a record inside a file is `path#key`."""
    return id_.partition("#")[0]


def _folders(id_: str) -> list[str]:
    return list(PurePath(_path(id_)).parts[:-1])


def _plain(title: str) -> str:
    return " ".join(title.casefold().split())
