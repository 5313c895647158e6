"""`odqa train fusion`: weights of search from one's own questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.retriever.hops.expand import load_fusion
from odqa.retriever.hops.features import NAMES
from odqa.settings import Settings
from tests.e2e.program import Program
from tests.tinyreader import make_encoder

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


@pytest.mark.timeout(300)
def test_train_reader_writes_a_reader_that_answers_is_listed_and_compared(tmp_path: Path, odqa: Program) -> None:
    words = " ".join(f"viaduct crosses the river on nine arches it was designed by {' '.join(PEOPLE)} who ?".split())
    encoder = make_encoder(tmp_path / "encoder", size=32, words=words.lower())
    documents, questions = [], []
    for number, person in enumerate(PEOPLE):
        work = DocumentBuilder(f"works/{number}", title=f"Viaduct {person}")
        for part in ("crosses the river on nine arches.", f"was designed by {person}.", "was painted red by the town."):
            work.paragraph(" ".join([f"The viaduct of {person} {part}"] * 6))
        documents.append(work.build())
        answer = f"The viaduct of {person} was designed by {person}."
        asked = {
            "question": f"Who designed the viaduct of {person}?",
            "long_answer": answer,
            "source": f"works/{number}",
        }
        questions.append(asked)
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in questions), "utf-8")
    Engine.build(documents, tmp_path / "w.odqa", settings=Settings(encoder="hashing")).close()
    command = [
        "train",
        "reader",
        "questions.jsonl",
        "-i",
        "w.odqa",
        "-o",
        "mine",
        "--encoder",
        encoder,
        "--layers",
        "2",
    ]
    command += [
        "--sentences",
        "20",
        "--epochs",
        "1",
        "--sources",
        "3",
        "--answer-tokens",
        "40",
        "--passage-tokens",
        "48",
    ]
    command += ["--batch-tokens", "400", "--judgements", "1", "--set", "encoder=hashing", "--set", "device=cpu"]
    store = {"ODQA_MODELS": str(tmp_path / "store")}
    trained = odqa(*command, "--json", cwd=tmp_path, **store)
    assert trained.json["finished"]
    assert list(trained.json["stages"]) == ["sentences", "answers"]
    (listed,) = [
        one for one in odqa("models", "list", "--json", cwd=tmp_path, **store).json["models"] if one["name"] == "mine"
    ]
    assert listed["kind"] == "reader"
    ran = odqa(
        "ask",
        questions[0]["question"],
        "-i",
        "w.odqa",
        "--set",
        "reader=mine",
        "--json",
        cwd=tmp_path,
        code=None,
        **store,
    )
    assert ran.code in {0, 3}  # So little training may well leave it silent, and never makes it fail.
    assert "claims" in ran.json or ran.json["refused"]
    compared = odqa("train", "compare", tmp_path / "store" / "mine", cwd=tmp_path, **store)
    assert "mine/answers" in compared.out


def test_train_reader_says_in_a_line_what_is_missing(tmp_path: Path, odqa: Program) -> None:
    (tmp_path / "questions.jsonl").write_text('{"question": "Who?", "answer": "She."}\n', "utf-8")
    ran = odqa("train", "reader", "questions.jsonl", "-o", "mine", cwd=tmp_path, code=2, ODQA_MODELS=str(tmp_path))
    assert "names no documents" in ran.err
    assert not (tmp_path / "mine").exists()
