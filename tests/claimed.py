"""Labelled claims with their pages, and questions with long answers: data sets for trainings of a verifier."""

from __future__ import annotations

import json
from pathlib import Path

from tests import grounders

TOWNS = ("Dalton", "Brackwater", "Alder", "Morrow", "Lisbon", "Lyon", "Stockholm", "Oxford", "Varnholt", "Esker")


def write(folder: Path) -> Path:
    """Write `claims` and `answers`, two data sets of ten towns, and `encoder`, a tiny one to start from."""
    (folder / "claims").mkdir(parents=True)
    (folder / "answers" / "documents").mkdir(parents=True)
    claims, answers = [], []
    for number, town in enumerate(TOWNS):
        page = [
            f"The second pier of {town} was closed in the spring of {1900 + number}.",
            f"Thomas Reed had tested the silt below the harbour {number + 3} times.",
            "The ferries came again in autumn with Margaret Ellis on board.",
            "Nobody paid for the repairs of the old customs house.",
        ]
        told = (f"The second pier was closed in the spring of {1900 + number}.", "supported", [[0]])
        made_up = (f"Bakers of {number + 90} villages baked bread, which made everyone rich.", "not_supported", [])
        for part, (claim, label, sentences) in enumerate((told, made_up)):
            meta = {"id": f"{town}-{part}", "claim_title": town}
            claims.append(
                {"meta": meta, "claim": claim, "evidence": page, "label": label, "supporting_sentences": sentences}
            )
        (folder / "answers" / "documents" / f"{town}.md").write_text(f"# {town}\n\n{' '.join(page)}\n", "utf-8")
        answer = f"The second pier of {town} was closed in spring {1900 + number}. {page[1]} {page[2]}"
        answers.append({"question": f"What of {town}?", "long_answer": answer, "source": f"{town}.md"})
    for name, records in (("claims/dev.jsonl", claims), ("answers/questions.jsonl", answers)):
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    grounders.encoder(folder / "encoder")
    return folder
