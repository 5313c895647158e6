from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from odqa.data.builder import DocumentBuilder
from odqa.reader.words import content_stems
from odqa.schema import Block, BlockKind, Document, Evidence, Passage, PassageKind, Section, Span

_END = re.compile(r"(?<!Mr\.)(?<!Mrs\.)(?<!Dr\.)(?<=[.!?。])[”\"]?\s+")


def _sentences(text: str, span: Span) -> tuple[Span, ...]:
    spans, start = [], span.start
    for match in [*_END.finditer(text, span.start, span.end), None]:
        end = match.start() if match else span.end
        if text[start:end].strip():
            spans.append(Span(start, end))
        start = match.end() if match else end
    return tuple(spans)


def to_evidence(document: Document) -> list[Evidence]:
    """One passage for each block and each table row, with the headings above it as section path."""
    found: list[Evidence] = []
    path: list[str] = []
    caption = ""
    section = Section(0, "", (), Span(0, len(document.text)))
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            title = block.span.of(document.text)
            path = [*path[: block.level - 1], title]
            section = Section(section.index + 1, title, tuple(path), block.span, block.level)
            continue
        if block.kind is BlockKind.CAPTION:
            caption = block.span.of(document.text)
            continue
        for span, sentences, kind in _parts(document, block):
            header = [cell.of(document.text) for cells in block.rows[: block.header_rows] for cell in cells]
            context = " › ".join([document.title, *path, *([caption, " | ".join(header)] if header else [])])
            passage = Passage(document.id, len(found), section.index, span, sentences, kind, context)
            found.append(Evidence(document, section, passage, 1.0 / (len(found) + 1)))
    return found


def _parts(document: Document, block: Block) -> list[tuple[Span, tuple[Span, ...], PassageKind]]:
    if block.kind is BlockKind.TABLE:
        rows = [Span(cells[0].start, cells[-1].end) for cells in block.rows[block.header_rows :]]
        return [(row, (row,), PassageKind.ROW) for row in rows]
    kind = PassageKind.TURNS if block.kind is BlockKind.TURN else PassageKind.TEXT
    return [(block.span, _sentences(document.text, block.body), kind)]


class HashedEncoder:
    """Bags of stems, hashed to 256 dimensions: a real, if plain, encoder that needs no file."""

    name = "hashed"
    dimension = 256
    max_tokens = 512
    fingerprint = "hashed-256"

    def encode(self, texts: Sequence[str], *, kind: str = "passage") -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for stem in content_stems(text):
                vectors[row, sum(ord(c) * 31**i for i, c in enumerate(stem)) % self.dimension] += 1
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(norms > 0, norms, 1)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@pytest.fixture
def encoder() -> HashedEncoder:
    return HashedEncoder()


@pytest.fixture(scope="session")
def evidence_of() -> Callable[[Document], list[Evidence]]:
    return to_evidence


def build_report() -> Document:
    builder = DocumentBuilder("reports/harbour.pdf", title="Harbour Commission Report", source="reports/harbour.pdf")
    builder.page(1)
    builder.heading("Findings", 1)
    builder.paragraph(
        "The Harbour Commission examined the two piers of Port Alder between March and June 1994. "
        "It was led by Margaret Ellis, a civil engineer from Dalton. "
        "The commission heard forty-one witnesses and read the maintenance books of twelve years."
    )
    builder.heading("Second pier", 2)
    builder.page(4)
    builder.paragraph(
        "The second pier failed because its timber foundations had been eaten by shipworm. "
        "However, the maintenance books show that inspectors had reported soft timber as early as 1987. "
        "They were not heard. "
        "The harbour master, Thomas Reed, did not order a repair because the budget for that year was spent. "
        "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars."
    )
    builder.heading("Recommendations", 1)
    builder.page(7)
    builder.paragraph(
        "The commission recommends that all timber piles be replaced by concrete within five years. "
        "An inspection by divers should take place every spring. "
        "The costs may rise by 15 percent if the work is delayed. "
        "The town council approved the first three recommendations in September 1994."
    )
    builder.heading("Costs", 1)
    builder.caption("Spending on the piers")
    builder.table(
        [
            ["Item", "Year", "Contractor", "Budget", "Actual"],
            ["Second pier foundations", "1994", "Kerr & Sons", "1,000,000", "1,204,000"],
            ["First pier decking", "1995", "Oakley Marine", "310,000", "298,500"],
            ["Diver inspections", "1996", "Oakley Marine", "42,000", "41,750"],
        ]
    )
    return builder.build()


def build_meeting() -> Document:
    builder = DocumentBuilder("council.vtt", title="Council meeting of 3 October")
    builder.turn("Good evening everyone. Let us begin with the pier.", "Clerk", 2.0, 9.0)
    builder.turn(
        "We cannot wait another winter for the second pier. The dockers have asked us three times for safer ladders. "
        "I propose that we borrow the money from the county.",
        "Mayor Ellis",
        845.0,
        870.0,
    )
    builder.turn(
        "I disagree with borrowing from the county. The interest would eat the whole repair budget in eight years. "
        "We should sell the old customs house instead.",
        "Councillor Brandt",
        871.0,
        890.0,
    )
    builder.turn("Is the customs house not a listed building?", "Mayor Ellis", 891.0, 895.0)
    builder.turn("It is listed, but the county allows a sale.", "Councillor Brandt", 896.0, 901.0)
    return builder.build()


@pytest.fixture(scope="session")
def report() -> Document:
    return build_report()


@pytest.fixture(scope="session")
def meeting() -> Document:
    return build_meeting()
