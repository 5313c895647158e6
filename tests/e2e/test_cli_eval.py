"""`odqa eval`: what a script that measures odqa relies on."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, Run, run_here, write_library
from tests.towns import towns

QUESTIONS: list[dict[str, Any]] = [
    {
        "question": "Why was the Linden Bridge closed?",
        "answer": "Its third pier had sunk by 31 centimetres.",
        "source": "bridge-report.md",
        "quote": "its third pier had sunk by 31 centimetres",
        "type": "why",
    },
    {
        "question": "How wide is the bridge, and how much of it do the trams need?",
        "answer": "It is nine metres wide and the trams need seven.",
        "source": "council.vtt",
        "quote": "nine metres wide and the trams need seven",
        "type": "figure",
    },
    {"question": "Who wrote the opera Fidelio?", "answerable": False, "type": "foreign"},
]
KEYS = {"task", "dataset", "split", "n", "settings", "metrics", "baselines", "per_question", "seconds"}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of the user's own, a BEIR folder with long documents, and a cache of its own."""
    folder = tmp_path_factory.mktemp("sets")
    library = write_library(folder / "own" / "documents")
    for number, other in enumerate(towns(20)):
        (library / f"town-{number}.txt").write_text(other.text)
    _lines(folder / "own" / "questions.jsonl", QUESTIONS)
    beir = folder / "beir"
    documents = towns(24, paragraphs=30)
    _lines(beir / "corpus.jsonl", [{"_id": str(n), "title": d.title, "text": d.text} for n, d in enumerate(documents)])
    _lines(beir / "queries.jsonl", [{"_id": f"q{n}", "text": f"What was built at {d.title.removeprefix('Works at ')}?"}
                                    for n, d in enumerate(documents)])  # fmt: skip
    (beir / "qrels").mkdir()
    judged = "".join(f"q{n}\t{n}\t1\n" for n in range(len(documents)))
    (beir / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def evaluate(odqa: Program, sets: Path, *arguments: object, code: int = 0) -> Run:
    hashing = ("--set", "encoder=hashing")
    return run_here(odqa, "eval", *arguments, *hashing, cwd=sets, code=code, ODQA_CACHE=str(sets / "cache"))


def check_contract(found: dict[str, Any], task: str) -> None:
    assert found.keys() >= KEYS
    assert found["task"] == task
    assert found["settings"]["encoder"] == "hashing"
    rows = [json.loads(line) for line in Path(found["per_question"]).read_text().splitlines()]
    assert len([row for row in rows if not row.get("foreign")]) == found["n"]
    for figures in (found["metrics"], *found["baselines"].values()):
        assert all(value is None or isinstance(value, (int, float)) for value in figures.values())


def test_retrieval_on_a_beir_folder(odqa: Program, sets: Path) -> None:
    found = evaluate(odqa, sets, "retrieval", "beir", "--json", "-o", "out").json
    check_contract(found, "retrieval")
    assert (found["split"], found["n"]) == ("test", 24)
    assert found["metrics"]["R@10"] == found["metrics"]["all_gold@10"] > 0.9
    assert found["metrics"]["R@1"] <= found["metrics"]["R@5"] <= found["metrics"]["R@10"]
    assert {"R@10", "nDCG@10"} <= found["baselines"]["exhaustive"].keys()
    out = sets / "out"
    assert {"result.json", "per_question.jsonl", "report.html", "qrels.trec"} <= {path.name for path in out.iterdir()}
    again = evaluate(odqa, sets, "retrieval", "beir", "--json", "--run", out / "pooled.trec").json
    assert again["metrics"]["nDCG@10"] == pytest.approx(found["metrics"]["nDCG@10"])


def test_limit_types_and_settings_have_effect(odqa: Program, sets: Path) -> None:
    found = evaluate(odqa, sets, "retrieval", "beir", "--json", "--limit", 7, "--systems", "bm25").json
    assert (found["n"], list(found["baselines"])) == (7, ["bm25"])
    found = evaluate(odqa, sets, "retrieval", "own", "--json", "--types", "why", "--set", "documents=2").json
    assert (found["n"], found["settings"]["documents"]) == (1, 2)


def test_own_questions_against_an_index_of_ones_own(odqa: Program, sets: Path) -> None:
    build = ("index", "build", "own/documents", "-o", "own.odqa", "--set", "encoder=hashing", "-q")
    run_here(odqa, *build, cwd=sets)
    found = evaluate(odqa, sets, "retrieval", "own/questions.jsonl", "--index", "own.odqa", "--json").json
    check_contract(found, "retrieval")
    assert found["corpus"]["gold_mapped"] == found["corpus"]["gold_marked"] == 2
    assert found["metrics"]["R@10"] == 1


def test_pooling(odqa: Program, sets: Path) -> None:
    found = evaluate(odqa, sets, "pooling", "beir", "--json", "--sizes", "4,8,24").json
    check_contract(found, "pooling")
    assert 0 < found["metrics"]["kept@8x"] <= 1.5, found["curves"]
    points = found["curves"]["pooling"]
    assert len(points) == 4  # the sizes asked for, and the engine's own setting
    assert points[0]["compression"] < points[-1]["compression"]


def test_summaries(odqa: Program, sets: Path) -> None:
    stories = [
        {
            "metadata": {"passage_id": str(number)},
            "document": f"{town.title}\n\n" + "\n\n".join(block.span.of(town.text) for block in town.blocks[1:]),
            "questions": [
                {
                    "question_number": 1,
                    "question_text": "What is the plot of the story?",
                    "responses": [
                        {"response_text": f"Works at {town.title} were delayed, and nobody had measured it."}
                    ],
                }
            ],
        }
        for number, town in enumerate(towns(5))
    ]
    _lines(sets / "stories" / "dev.jsonl", stories)
    found = evaluate(odqa, sets, "summaries", "stories", "--json", "--words", 40, "--limit", 4, "-o", "summed").json
    assert (found["task"], found["split"], found["n"], found["settings"]["words"]) == ("summaries", "dev", 4, 40)
    assert {"lead", "random", "lexrank", "textrank", "oracle", "full-text", "human"} <= found["baselines"].keys()
    assert 0 < found["metrics"]["rouge1"] < found["baselines"]["oracle"]["rouge1"]
    assert found["metrics"]["words"] <= 40
    shown = evaluate(odqa, sets, "summaries", "stories", "--limit", 2).out
    assert "textrank" in shown
    assert "bm25_R@10" in shown
    assert "rouge1_low" not in shown
    compared = run_here(odqa, "eval", "compare", "summed", "summed", "--json", cwd=sets).json
    assert "rougeL" in {row["metric"] for row in compared["metrics"]}


def test_answers(odqa: Program, sets: Path) -> None:
    found = evaluate(odqa, sets, "answers", "own", "--json", "--foreign", 4).json
    check_contract(found, "answers")
    assert found["metrics"]["rougeL"] > 0.2
    assert found["metrics"]["citation_exact"] == 1
    assert 0 <= found["metrics"]["refusal_auc"] <= 1


def test_diagnose(odqa: Program, sets: Path) -> None:
    found = evaluate(odqa, sets, "diagnose", "own", "--json").json
    check_contract(found, "diagnose")
    assert found["metrics"]["retrieved_rougeL"] > found["metrics"]["random_rougeL"]


def test_two_measurements_are_compared_question_by_question(odqa: Program, sets: Path) -> None:
    for name, documents in (("a", 1), ("b", 30)):
        evaluate(odqa, sets, "retrieval", "beir", "-o", name, "--systems", "none", "--set", f"documents={documents}")
    compare = ("eval", "compare", "a/result.json", "b")
    found = run_here(odqa, *compare, "--json", "--html", "compare.html", cwd=sets).json
    (row,) = (row for row in found["metrics"] if row["metric"] == "R@10")
    interval = row["interval"]
    assert row["second"] - row["first"] == pytest.approx(interval["difference"], abs=1e-5)
    assert interval["low"] <= interval["difference"] <= interval["high"]
    assert "<html" in (sets / "compare.html").read_text()
    shown = run_here(odqa, *compare, cwd=sets).out
    assert "R@10" in shown
    assert "95 % interval" in shown


def test_a_person_sees_a_table_and_where_the_report_is(odqa: Program, sets: Path) -> None:
    run = evaluate(odqa, sets, "retrieval", "beir", "--html", "page.html")
    assert "nDCG@10" in run.out
    assert "exhaustive" in run.out
    assert "report: page.html" in run.err
    assert (sets / "page.html").exists()


def test_datasets_are_listed(odqa: Program, sets: Path) -> None:
    found = run_here(odqa, "eval", "datasets", "--json", "--data", "own", cwd=sets).json
    assert {"squality", "ottqa", "wice"} <= {one["name"] for one in found["datasets"]}
    assert not any(one["present"] for one in found["datasets"])
    assert "MIT" in run_here(odqa, "eval", "datasets", "--data", "own", cwd=sets).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("retrieval nowhere", "nowhere"),
        ("retrieval beir --split train", "test"),
        ("retrieval beir --limit 0", "limit"),
        ("retrieval own/questions.jsonl", "--index"),
        ("pooling beir --sizes 4,many", "--sizes"),
        ("retrieval beir --set pooling=none", "pooling"),
        ("grounding own", "wice"),
        ("summaries beir --set encoder=hashing", "human summaries"),
        ("summaries beir --words 0", "--words"),
        ("answers own --judge nobody --set encoder=hashing", "nobody"),
        ("compare out.json nowhere", "out.json"),
    ],
)
def test_a_wrong_request_is_one_line(odqa: Program, sets: Path, arguments: str, says: str) -> None:
    run = run_here(odqa, "eval", *arguments.split(), cwd=sets, code=2, ODQA_CACHE=str(sets / "cache"))
    assert says in run.err
    assert run.err.startswith("odqa: error: ")
    assert len(run.err.splitlines()) == 1


@pytest.mark.skipif(find_spec("bert_score") is not None, reason="bert-score is installed")
def test_a_measure_that_is_not_installed_is_told_before_the_work(odqa: Program, sets: Path) -> None:
    assert (
        "pip install 'odqa[eval-models]'"
        in evaluate(odqa, sets, "answers", "own", "--bertscore", "default", code=2).err
    )


def test_a_malformed_set_names_file_and_line(odqa: Program, sets: Path) -> None:
    broken = sets / "broken"
    for name in ("corpus.jsonl", "queries.jsonl"):
        broken.mkdir(exist_ok=True)
        (broken / name).write_bytes((sets / "beir" / name).read_bytes())
    (broken / "qrels").mkdir(exist_ok=True)
    (broken / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\t0\t1\nq1\t999\t1\n")
    run = evaluate(odqa, sets, "retrieval", "broken", code=2)
    assert "test.tsv" in run.err
    assert "line 3" in run.err
    assert "999" in run.err
