import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from odqa.data.datasets import (
    Dataset,
    data_folder,
    dataset_names,
    describe_datasets,
    evaluation_split,
    load_dataset,
)
from odqa.data.datasets.registry import DATASETS, FORMATS
from odqa.errors import LoadError, UsageError

Record = dict[str, Any]


def write(path: Path, *records: Record) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


STORY = {"metadata": {"passage_id": "1"}, "document": "THE BELL\n\nIt rang.\n", "questions": []}
MEETING = {"meeting_id": "1", "meeting_transcripts": [], "general_query_list": [], "specific_query_list": []}
CLAIM = {"claim": "A", "evidence": ["A"], "supporting_sentences": [[0]], "label": "supported", "meta": {"id": "dev1"}}
PAPER = {"id": "P1", "title": "A", "abstract": [], "sections": [], "gold_summary": "A"}
JUDGED = {"question": "Q?", "annotator_id": "x", "answers": {}, "metadata": {}}
CONTEXT = {"_id": "1", "question": "Q?", "answer": "A", "supporting_facts": [], "context": [["T", ["S."]]]}

FOLDERS: dict[str, dict[str, Record]] = {
    "scisummnet": {"papers.jsonl": PAPER, "citances.jsonl": {"cited": "P1"}},
    "beir": {"corpus.jsonl": {"_id": "1"}, "queries.jsonl": {"_id": "1"}, "qrels/test.tsv": {}},
    "rageval": {"dragonball_docs.jsonl": {"doc_id": 1, "content": "A"}, "dragonball_queries.jsonl": {"query": {}}},
    "hotpotqa": {"hotpot_dev_distractor_v1.jsonl": CONTEXT},
    "qmsum": {"train.jsonl": MEETING, "val.jsonl": MEETING},
    "squality": {"train.jsonl": STORY, "dev.jsonl": STORY},
    "wice": {"entailment_retrieval/claim/dev.jsonl": CLAIM},
    "expertqa": {"r2_compiled_anon.jsonl": JUDGED},
    "own": {"questions.jsonl": {"question": "Q?"}, "documents/a.txt": {}},
    "eli5": {"dev.jsonl": {"q_id": "1", "title": "Q?", "selftext": "", "answers": {"text": ["A"], "score": [1]}}},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_recognised_as_one_format_only(tmp_path: Path, name: str) -> None:
    for path, record in FOLDERS[name].items():
        write(tmp_path / path, record)
    assert [known for known, format_ in FORMATS.items() if format_.matches(tmp_path)] == [name]


@pytest.mark.parametrize("kind", ["nothing", "documents", "broken", "text"])
def test_another_folder_is_refused_with_what_there_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "documents":
        write(path / "report.txt", {})
    elif kind == "broken":
        write(path / "train.jsonl").write_text("{not json\n", encoding="utf-8")
    elif kind == "text":
        path.write_text("Is this a question?\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{kind}.*hotpot300.*beir.*\.csv"):
        load_dataset(path)
    with pytest.raises(UsageError, match=kind):
        evaluation_split(path)


def test_splits_are_chosen_named_and_refused(tmp_path: Path) -> None:
    story = STORY | {"questions": [{"question_text": "Who rang?", "question_number": 1, "responses": []}]}
    write(tmp_path / "train.jsonl", story)
    write(tmp_path / "test.jsonl", story | {"metadata": {"passage_id": "2"}})
    assert evaluation_split(tmp_path) == "test"
    asked = {
        split: [question.id for question in load_dataset(tmp_path, split=split).questions()]
        for split in ("train", "test", "all", None)
    }
    assert asked["all"] == asked[None] == [*asked["train"], *asked["test"]] == ["squality/1#1", "squality/2#1"]
    with pytest.raises(UsageError, match="choose one of: train, test"):
        load_dataset(tmp_path, split="dev")
    write(tmp_path / "dev.jsonl", story | {"metadata": {"passage_id": "3"}})
    assert evaluation_split(tmp_path) == "dev"


def test_a_set_without_splits_has_none_to_choose(tmp_path: Path) -> None:
    questions = write(tmp_path / "mine.jsonl", {"question": "Why?"})
    assert evaluation_split(questions) is None
    assert load_dataset(str(questions), split="all").name == "mine.jsonl"
    with pytest.raises(UsageError, match="no split 'dev'"):
        load_dataset(questions, split="dev")


def test_a_name_is_looked_up_before_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "here" / "wice" / "dev.jsonl", {"question": "Q?", "answers": ["A"]})
    write(tmp_path / "data" / "wice" / "dev.jsonl", CLAIM)
    monkeypatch.chdir(tmp_path / "here")
    assert [claim.id for claim in load_dataset("wice", data=tmp_path / "data").claims()] == ["wice/dev1"]
    assert [question.text for question in load_dataset("./wice").questions()] == ["Q?"]


def test_every_registered_set_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wice").mkdir()
    described = describe_datasets(tmp_path)
    assert [info.name for info in described if info.present] == ["wice"]
    assert sorted(info.name for info in described) == dataset_names()
    assert all(info.description and info.licence and info.gold and info.format in FORMATS for info in described)
    assert json.loads(json.dumps([asdict(info) for info in described]))[0]["name"] == described[0].name
    monkeypatch.setenv("ODQA_DATA", str(tmp_path / "nowhere"))
    assert not any(info.present for info in describe_datasets())


def shared(name: str) -> Dataset:
    try:
        folder = data_folder() / DATASETS[name].folder
    except LoadError as error:
        pytest.skip(str(error))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    return load_dataset(name, split=evaluation_split(name))


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_shared_set_is_recognised_and_yields_what_it_is_said_to(name: str) -> None:
    dataset = shared(name)
    folder = data_folder() / DATASETS[name].folder
    assert [known for known, format_ in FORMATS.items() if format_.matches(folder)] == [DATASETS[name].format]
    assert dataset.name == name
    assert dataset.split == (evaluation_split(name) or "")
    assert all(path.is_file() for path in dataset.files)
    assert not dataset.files or next(dataset.documents()).text
    if name in {"wice", "expertqa"}:
        assert next(dataset.claims()).document.text
    # To place OTT-QA's gold, all tables are read, which takes half a minute.
    if name not in {"wice", "ottqa", "ottqa-tables"}:
        assert len({question.id for question in islice(dataset.questions(), 20)}) == 20
