"""`odqa train fusion`: weights of search from one's own questions."""

from __future__ import annotations

import json
from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.retriever.hops.expand import load_fusion
from odqa.retriever.hops.features import NAMES
from odqa.settings import Settings
from tests.e2e.program import Program

PEOPLE = [
    "Anna Holm",
    "Bertil Strand",
    "Clara Voss",
    "David Reed",
    "Elin Falk",
    "Frida Moss",
    "Gustav Lind",
    "Hedda Brandt",
]


def test_train_fusion_writes_weights_that_the_engine_takes(tmp_path: Path, odqa: Program) -> None:
    documents, questions = [], []
    for number, person in enumerate(PEOPLE):
        work = DocumentBuilder(f"works/{number}", title=f"Viaduct {number}")
        work.paragraph(f"Viaduct {number} crosses the river on nine arches. It was designed by {person}.")
        life = DocumentBuilder(f"lives/{number}", title=person)
        life.paragraph(f"{person} came into the world in the winter of {1800 + number} and was raised by an aunt.")
        documents += [work.build(), life.build()]
        text = f"When was the engineer who designed Viaduct {number} born?"
        questions += [
            {"question": text, "answer": str(1800 + number), "source": f"works/{number}", "source_2": f"lives/{number}"}
        ]
    index, asked, out = tmp_path / "w.odqa", tmp_path / "questions.jsonl", tmp_path / "fusion.json"
    Engine.build(documents, index, settings=Settings(encoder="hashing", pooling=4)).close()
    asked.write_text("".join(json.dumps(question) + "\n" for question in questions), "utf-8")
    ran = odqa("train", "fusion", asked, "-i", index, "-o", out, "--json", "--set", "encoder=hashing", cwd=tmp_path)
    assert ran.json["weights"] == json.loads(out.read_text("utf-8"))["weights"]
    assert set(load_fusion(str(out)).weights) == set(NAMES)
    found = odqa(
        "search", questions[3]["question"], "-i", index, "--set", f"fusion={out}", "--json", "-k", "4", cwd=tmp_path
    )
    assert "lives/3" in found.out


def test_a_file_of_weights_that_is_none_is_one_clear_line(tmp_path: Path, odqa: Program, place: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[]", "utf-8")
    ran = odqa("search", "anything", "-i", place / "library.odqa", "--set", f"fusion={bad}", cwd=tmp_path, code=2)
    assert "bad.json" in ran.err
    assert "Traceback" not in ran.err
