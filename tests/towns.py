"""Documents for tests: reports on invented towns, each unlike the others, as many as one wants."""

from __future__ import annotations

import random

from odqa.data.builder import DocumentBuilder
from odqa.schema import Document

NAMES = ["Abbotsreach", "Brindle", "Carrow", "Dunmere", "Elsworth", "Farholt", "Gatesby", "Hollin", "Ivelton", "Jarrow"]
WORKS = ["bridge", "library", "reservoir", "tramway", "market hall", "sea wall", "observatory", "granary", "canal"]
CAUSES = ["the ground was soft", "the money ran out", "the contractor failed", "a flood came", "the stone was late"]


def town(number: int, *, paragraphs: int = 6, edition: int = 1) -> Document:
    """Return report `number`; another edition has another ending."""
    rng = random.Random(number)
    name = f"{NAMES[number % len(NAMES)]} {number}"
    builder = DocumentBuilder(f"towns/{number:04d}.txt", title=f"Works at {name}", source=f"/towns/{number:04d}.txt")
    builder.heading(f"Works at {name}")
    for index in range(paragraphs):
        work, cause = rng.choice(WORKS), rng.choice(CAUSES)
        year, cost = rng.randint(1820, 1990), rng.randint(10, 999)
        if index % 3 == 0:
            builder.heading(f"The {work}", 2)
        builder.paragraph(
            f"The {work} of {name} was begun in {year} and cost {cost},000 pounds. It was delayed because {cause}. "
            f"The engineer, {rng.choice(NAMES)} {rng.choice(NAMES)}, wrote that nobody had measured it twice. "
            f"After {rng.randint(2, 40)} months the council of {name} opened it with a dinner for {cost} guests."
        )
    builder.paragraph(f"Here ends edition {edition} of report {number}.")
    return builder.build({"edition": edition})


def towns(count: int, **options: int) -> list[Document]:
    """Return the first `count` reports."""
    return [town(number, **options) for number in range(count)]
