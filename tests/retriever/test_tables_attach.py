"""Calculations on evidence: where they are put, which rows are brought in, and which tables they are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.retriever.tables import attach, calculate, recompute, views
from odqa.schema import Evidence, ParsedDocument, PassageKind

ROWS = [
    ["Bridge", "Town", "Length (m)"],
    ["Old Span", "Arden", "120"],
    ["Iron Arch", "Brook", "310"],
    ["Long Deck", "Arden", "1,150"],
    ["Harbour Link", "Cove", "975"],
    ["Mill Crossing", "Dale", "45"],
]


def parsed(rows: Sequence[Sequence[str]] = ROWS, id: str = "bridges") -> ParsedDocument:
    builder = DocumentBuilder(id, title="Bridges of the county")
    builder.paragraph("The county keeps a list of its bridges.")
    builder.table(rows)
    builder.paragraph("Lengths are those of the deck.")
    return parse(builder.build(), lambda texts: [len(text.split()) for text in texts])


def evidence(source: ParsedDocument, *indices: int) -> list[Evidence]:
    return [
        Evidence(source.document, source.sections[source.passages[index].section], source.passages[index], 1.0)
        for index in indices
    ]


def row_of(source: ParsedDocument, words: str) -> int:
    return next(passage.index for passage in source.passages if words in source.passage_text(passage))


class Shelf:
    """Reads passages as evidence and remembers which."""

    def __init__(self, *sources: ParsedDocument) -> None:
        self.sources = {source.document.id: source for source in sources}
        self.read: list[int] = []

    def __call__(self, document_id: str, index: int) -> Evidence | None:
        self.read.append(index)
        source = self.sources[document_id]
        return evidence(source, index)[0] if 0 <= index < len(source.passages) else None


def test_a_calculation_stands_on_every_item_that_holds_its_cells_and_on_no_other() -> None:
    source = parsed()
    items = evidence(source, *(passage.index for passage in source.passages))
    found = attach("How much longer is Long Deck than Iron Arch?", items)
    assert [item.passage for item in found] == [item.passage for item in items]
    holders = [item.text.split(" | ")[0] for item in found if item.calculations]
    assert holders == ["Iron Arch", "Long Deck"]
    (calculation,) = {each for item in found for each in item.calculations}
    assert calculation.value == 840.0
    assert recompute(calculation, source.document)


@pytest.mark.parametrize("given", ["Old Span", "Mill Crossing", "Harbour Link"])
def test_rows_that_the_evidence_lacks_are_read(given: str) -> None:
    source = parsed()
    shelf = Shelf(source)
    items = evidence(source, row_of(source, given))
    found = attach("How much longer is Long Deck than Iron Arch?", items, read_row=shelf)
    assert found[0].passage == items[0].passage
    assert {item.text.split(" | ")[0] for item in found[1:]} == {"Long Deck", "Iron Arch"}
    assert all(item.calculations for item in found[1:])
    assert len(shelf.read) == 2  # Rows are counted off, not searched for.


def test_without_a_callback_only_what_is_there_carries_the_calculation() -> None:
    source = parsed()
    items = evidence(source, row_of(source, "Long Deck"), row_of(source, "Old Span"))
    found = attach("Which is the longest bridge?", items)
    assert [bool(item.calculations) for item in found] == [True, False]


def test_a_callback_that_finds_nothing_is_no_trouble() -> None:
    source = parsed()
    items = evidence(source, row_of(source, "Old Span"))
    found = attach("Which is the longest bridge?", items, read_row=lambda document_id, index: None)
    assert [item.passage for item in found] == [item.passage for item in items]


def test_a_sum_over_many_rows_brings_in_only_some() -> None:
    source = parsed([ROWS[0], *([f"Bridge {'ABCDEFGHIJKLMNOPQRST'[n]}", "Arden", str(n + 10)] for n in range(20))])
    items = evidence(source, row_of(source, "Bridge K"))
    found = attach("What is the total length of the bridges?", items, read_row=Shelf(source))
    assert found[0].calculations[0].value == sum(range(10, 30))
    assert 1 < len(found) <= 10


def test_tables_that_the_evidence_does_not_touch_are_not_looked_at() -> None:
    source = parsed()
    items = evidence(source, 0)
    assert items[0].passage.kind is PassageKind.TEXT
    assert attach("Which is the longest bridge?", items, read_row=Shelf(source)) == items


def test_a_question_without_operation_leaves_the_evidence_as_it_is() -> None:
    source = parsed()
    items = evidence(source, row_of(source, "Old Span"), row_of(source, "Iron Arch"))
    assert attach("Why was Long Deck built?", items, read_row=Shelf(source)) == items
    assert attach("Which is the longest bridge?", [], read_row=Shelf(source)) == []


def test_two_tables_are_each_their_own() -> None:
    one, other = parsed(), parsed([["Ship", "Length (m)"], ["Petrel", "12"], ["Gannet", "30"]], id="ships")
    items = evidence(one, row_of(one, "Long Deck")) + evidence(other, row_of(other, "Gannet"))
    found = attach("Which is the longest ship?", items)
    assert [bool(item.calculations) for item in found] == [False, True]
    assert found[1].calculations[0].value == "Gannet"


class Thesaurus:
    """Knows that `inhabitants` and `Population` mean the same, and nothing else."""

    name, dimension, max_tokens, fingerprint = "thesaurus", 8, 512, "thesaurus/1"

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            place = 0 if text.lower() in ("inhabitants", "population") else 1 + sum(map(ord, text)) % 7
            vectors[row, place] = 1.0
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def test_an_encoder_finds_headers_that_are_called_otherwise() -> None:
    source = parsed([["Town", "Population", "Area"], ["Arden", "4,100", "12"], ["Brook", "900", "31"]])
    (view,) = views(source.document)
    question = "Which town has the most inhabitants?"
    assert calculate(question, view) == []
    (found,) = calculate(question, view, encoder=Thesaurus())
    assert found.value == "Arden"
    assert found.confidence < 1.0
    assert calculate("Which town has the most lighthouses?", view, encoder=Thesaurus()) == []
