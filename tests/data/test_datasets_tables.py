import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from odqa.data.builder import clean
from odqa.data.datasets import data_folder, fetaqa, hybridqa, ottqa, tatqa
from odqa.data.datasets.files import read_items
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.errors import LoadError, UsageError
from odqa.schema import BlockKind


def write(path: Path, records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.removesuffix(".xz").endswith(".jsonl"):
        text = "\n".join(json.dumps(record) for record in records) + "\n"
    else:
        text = json.dumps(records, indent=1)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def quotes(dataset: Dataset) -> dict[str, list[str]]:
    texts = {document.id: document.text for document in dataset.documents()}
    return {
        question.id: [span.of(texts[gold.document_id]) for gold in question.gold for span in gold.spans]
        for question in dataset.questions()
    }


# --- HybridQA and OTT-QA ---

TABLE = {
    "url": "https://en.wikipedia.org/wiki/Tarn_Race",
    "title": "Tarn Race",
    "header": [["Year", []], ["Winner", []]],
    "data": [
        [["1950", []], ["Io Vance", ["/wiki/Io_Vance", "/wiki/Ode"]]],
        [["", []], ["", []]],
        [["1951", []], ["Una Stroud", ["/wiki/Una_Stroud"]]],
    ],
    "section_title": "Results -- Winners",
    "section_text": "The race has two winners .",
    "intro": "The Tarn Race is a race .",
    "uid": "Tarn_Race_0",
}
PASSAGES = {"/wiki/Io_Vance": "Io Vance was born in Ode .", "/wiki/Una_Stroud": "Una Stroud is a mayor ."}


def hybrid(id_: str, nodes: list[Any] | None, **fields: Any) -> dict[str, Any]:
    record = {"question_id": id_, "question": "Who won ?", "table_id": "Tarn_Race_0", "answer-text": "Ode", **fields}
    return record if nodes is None else {**record, "answer-node": nodes}


IN_PASSAGE = ["Io Vance", [0, 1], "/wiki/Io_Vance", "passage"]
IN_TABLE = ["Una Stroud", [2, 1], None, "table"]
OUTSIDE = ["Una Stroud", [7, 1], None, "table"]
BEFORE = ["Year", [-1, 0], None, "table"]


def by_id(dataset: Dataset) -> dict[str, Question]:
    return {question.id: question for question in dataset.questions()}


@pytest.mark.parametrize("released", ["released_data", "."])
@pytest.mark.parametrize("place", ["WikiTables-WithLinks", "."])
def test_hybridqa_as_published(tmp_path: Path, released: str, place: str) -> None:
    other = {**TABLE, "title": "Ode", "section_title": "", "section_text": ""}
    write(tmp_path / place / "tables_tok/Tarn_Race_0.json", TABLE)
    write(tmp_path / place / "tables_tok/Ode_3.json", other)
    write(tmp_path / place / "request_tok/Tarn_Race_0.json", PASSAGES)
    write(tmp_path / place / "request_tok/Ode_3.json", PASSAGES)
    write(tmp_path / released / "dev.json", [hybrid("q", None)])
    nodes = [IN_PASSAGE, IN_TABLE, OUTSIDE, BEFORE]
    traced = [hybrid("p", [IN_PASSAGE]), hybrid("t", nodes), hybrid("c", []), hybrid("x", [IN_TABLE], table_id="Gone")]
    write(tmp_path / released / "dev.traced.json", traced)
    write(tmp_path / released / "train.json", [hybrid("plain", None)])
    assert hybridqa.matches(tmp_path)
    assert not ottqa.matches(tmp_path)
    dataset = hybridqa.load(tmp_path, "dev", name="mine")
    documents = {document.id: document for document in dataset.documents()}
    assert list(documents) == [
        "hybridqa/Ode_3",
        "hybridqa/Tarn_Race_0",
        "hybridqa/wiki/Io_Vance",
        "hybridqa/wiki/Una_Stroud",
    ]
    links = {
        (link.span.of(documents["hybridqa/Tarn_Race_0"].text), link.target)
        for link in documents["hybridqa/Tarn_Race_0"].links
    }
    assert links == {("Io Vance", "hybridqa/wiki/Io_Vance"), ("Una Stroud", "hybridqa/wiki/Una_Stroud")}
    assert documents["hybridqa/wiki/Io_Vance"].title == "Io Vance"
    questions = by_id(dataset)
    assert list(questions) == ["p", "t", "c", "x"]
    assert {id_: question.type for id_, question in questions.items()} == {
        "p": "passage",
        "t": "both",
        "c": "calculation",
        "x": "table",
    }
    assert [gold.document_id for gold in questions["p"].gold] == ["hybridqa/Tarn_Race_0", "hybridqa/wiki/Io_Vance"]
    assert questions["p"].references == ("Ode",)
    assert quotes(dataset)["t"] == ["Io Vance", "Una Stroud"]
    # Cells outside the table, and a table that is not there, are marked and not found.
    assert (questions["t"].marked, questions["t"].mapped) == (4, 2)
    assert (questions["x"].marked, questions["x"].mapped) == (1, 0)
    assert dataset.name == "mine"
    assert dataset.answers is AnswerLength.SHORT
    assert len(dataset.files) == 4
    assert dataset.training is not None
    (plain,) = dataset.training()
    assert (plain.type, plain.gold, plain.marked, plain.mapped) == ("unlabelled", (Gold("hybridqa/Tarn_Race_0"),), 1, 1)


def plain(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table as `all_plain_tables` has it: cells without links."""
    return {
        **table,
        "header": [cell for cell, _ in table["header"]],
        "data": [[cell for cell, _ in row] for row in table["data"]],
    }


def test_ottqa_as_published_in_objects(tmp_path: Path) -> None:
    write(tmp_path / "released_data/dev.traced.json", [hybrid("t", [IN_TABLE]), hybrid("p", [IN_PASSAGE])])
    write(tmp_path / "data/all_plain_tables.json", {"Tarn_Race_0": plain(TABLE), "Ode_3": plain(TABLE)})
    write(tmp_path / "data/traindev_tables.json.xz", {"Tarn_Race_0": TABLE})
    write(tmp_path / "data/all_passages.json", PASSAGES)
    assert ottqa.matches(tmp_path)
    assert not hybridqa.matches(tmp_path)
    dataset = ottqa.load(tmp_path, None)
    documents = {document.id: document for document in dataset.documents()}
    assert list(documents) == ["ottqa/Tarn_Race_0", "ottqa/Ode_3", "ottqa/wiki/Io_Vance", "ottqa/wiki/Una_Stroud"]
    assert [len(document.links) for document in documents.values()] == [2, 0, 0, 0]
    assert documents["ottqa/Tarn_Race_0"].text == documents["ottqa/Ode_3"].text
    assert quotes(dataset) == {"t": ["Una Stroud"], "p": ["Io Vance"]}
    tables = ottqa.load(tmp_path, "dev", name="ottqa-tables")
    assert [document.id for document in tables.documents()] == ["ottqa/Tarn_Race_0", "ottqa/Ode_3"]
    assert [gold.document_id for gold in by_id(tables)["p"].gold] == ["ottqa/Tarn_Race_0"]
    with pytest.raises(UsageError, match="no split 'test'"):
        ottqa.load(tmp_path, "test")


def test_ottqa_as_published_in_folders(tmp_path: Path) -> None:
    write(tmp_path / "released_data/dev.json", [hybrid("q", None)])
    write(tmp_path / "data/traindev_tables_tok/Tarn_Race_0.json", TABLE)
    write(tmp_path / "data/traindev_request_tok/Tarn_Race_0.json", PASSAGES)
    assert ottqa.matches(tmp_path)
    dataset = ottqa.load(tmp_path, "dev")
    ids = [document.id for document in dataset.documents()]
    assert ids == ["ottqa/Tarn_Race_0", "ottqa/wiki/Io_Vance", "ottqa/wiki/Una_Stroud"]
    assert by_id(dataset)["q"].mapped == 1


def test_all_layouts_of_ottqa_make_the_same_documents(tmp_path: Path) -> None:
    lines = tmp_path / "lines/ottqa"
    write(lines / "tables.jsonl.xz", [{**TABLE, "table_id": "Tarn_Race_0"}])
    write(lines / "passages.jsonl.xz", [{"id": link, "text": text} for link, text in PASSAGES.items()])
    write(lines / "questions_dev.jsonl.xz", [hybrid("t", [IN_TABLE]), hybrid("p", [IN_PASSAGE, OUTSIDE])])
    write(
        tmp_path / "crawl/released_data/dev.traced.json", [hybrid("t", [IN_TABLE]), hybrid("p", [IN_PASSAGE, OUTSIDE])]
    )
    write(tmp_path / "crawl/traindev_tables.json", {"Tarn_Race_0": TABLE})
    write(tmp_path / "crawl/all_passages.json", PASSAGES)
    assert ottqa.matches(lines)
    registered, folder, crawl = (
        ottqa.load(lines, None),
        ottqa.load(lines, "dev"),
        ottqa.load(tmp_path / "crawl", None),
    )
    assert list(registered.documents()) == list(folder.documents()) == list(crawl.documents())
    assert list(registered.questions()) == list(folder.questions()) == list(crawl.questions())
    assert by_id(crawl)["p"].mapped == 1


def test_a_broken_table_or_question_is_named(tmp_path: Path) -> None:
    write(tmp_path / "released_data/dev.json", [hybrid("q", None), hybrid("q", None)])
    write(tmp_path / "tables_tok/Tarn_Race_0.json", {key: value for key, value in TABLE.items() if key != "title"})
    write(tmp_path / "request_tok/Tarn_Race_0.json", {"/wiki/Ode": None})
    dataset = hybridqa.load(tmp_path, None)
    with pytest.raises(LoadError, match=r"Tarn_Race_0\.json, table 'Tarn_Race_0': .*no field 'title'"):
        list(dataset.documents())
    write(tmp_path / "tables_tok/Tarn_Race_0.json", TABLE)
    with pytest.raises(LoadError, match=r"Tarn_Race_0\.json, passage '/wiki/Ode'"):
        list(dataset.documents())
    with pytest.raises(LoadError, match=r"dev\.json, record 2: .*'q' is taken"):
        list(dataset.questions())
    write(tmp_path / "tables_tok/Tarn_Race_0.json", [1])
    with pytest.raises(LoadError, match=r"Tarn_Race_0\.json"):
        list(dataset.questions())


def test_ottqa_refuses_a_second_document_of_an_id(tmp_path: Path) -> None:
    write(tmp_path / "tables.jsonl", [{**TABLE, "table_id": "a"}] * 2)
    write(tmp_path / "questions_dev.jsonl", [])
    with pytest.raises(LoadError, match=r"tables\.jsonl, line 2: .*'ottqa/a' is taken"):
        list(ottqa.load(tmp_path, None).documents())


# --- FeTaQA ---


def feta(id_: int, cells: list[list[int]], **fields: Any) -> dict[str, Any]:
    return {
        "feta_id": id_,
        "page_wikipedia_url": "http://en.wikipedia.org/wiki/Io_Vance",
        "table_page_title": "Io Vance",
        "table_section_title": "Films",
        "table_array": [["Year", "Film", "Role"], ["1950", "Lyme Hill", "-"], ["1951", "Brask", "Una"]],
        "highlighted_cell_ids": cells,
        "question": "What did Io Vance film in 1951?",
        "answer": "In 1951 Io Vance filmed Brask.",
        **fields,
    }


@pytest.mark.parametrize("name", ["fetaQA-v1_dev.jsonl", "fetaQA-v1_dev.json", "dev.jsonl.xz"])
def test_fetaqa_highlighted_cells(tmp_path: Path, name: str) -> None:
    renamed = feta(3, [[1, 1]], table_array=[["Year", "Film"], ["1960", "Ode"]])
    records = [feta(1, [[2, 0], [2, 1], [0, 2]]), feta(2, [[1, 1], [3, 0], [1, 9]]), renamed]
    write(tmp_path / name, {"version": "v1", "split": "dev", "data": records} if name.endswith("json") else records)
    assert fetaqa.matches(tmp_path)
    assert not tatqa.matches(tmp_path)
    dataset = fetaqa.load(tmp_path, "dev")
    documents = list(dataset.documents())
    assert [document.id for document in documents] == ["fetaqa/Io Vance/Films", "fetaqa/Io Vance/Films#2"]
    assert documents[0].text == "Io Vance\n\nFilms\n\nYear | Film | Role\n1950 | Lyme Hill | -\n1951 | Brask | Una"
    assert documents[0].source == "http://en.wikipedia.org/wiki/Io_Vance"
    assert documents[0].blocks[-1].header_rows == 1
    assert quotes(dataset) == {"1": ["Role", "1951", "Brask"], "2": ["Lyme Hill"], "3": ["Ode"]}
    questions = by_id(dataset)
    assert (questions["2"].marked, questions["2"].mapped) == (3, 1)
    assert questions["1"].references == ("In 1951 Io Vance filmed Brask.",)
    assert questions["1"].type == "table"
    assert dataset.answers is AnswerLength.LONG


def test_fetaqa_asks_one_split_of_the_tables_of_all(tmp_path: Path) -> None:
    write(tmp_path / "fetaQA-v1_dev.jsonl", [feta(1, [[0, 0]])])
    write(tmp_path / "fetaQA-v1_train.jsonl", [feta(2, [[0, 0]]), feta(3, [[0, 0]], table_page_title="Ode")])
    dataset = fetaqa.load(tmp_path, "dev")
    assert {document.title for document in dataset.documents()} == {"Io Vance", "Ode"}
    assert list(by_id(dataset)) == ["1"]
    assert dataset.training is not None
    assert len(list(dataset.training())) == 2
    write(tmp_path / "fetaQA-v1_dev.jsonl", [feta(1, [[0, 0]]), feta(1, [[0, 0]])])
    with pytest.raises(LoadError, match=r"dev\.jsonl, line 2: .*'1' is taken"):
        list(dataset.questions())
    write(tmp_path / "fetaQA-v1_dev.jsonl", [{"feta_id": 1}])
    with pytest.raises(LoadError, match=r"dev\.jsonl, line 1: .*no field 'table_page_title'"):
        list(fetaqa.load(tmp_path, "dev").documents())


# --- TAT-QA ---


def tat(*questions: dict[str, Any], uid: str = "u1") -> dict[str, Any]:
    return {
        "table": {
            "uid": uid,
            "table": [
                ["", "", "Years ended"],
                ["", "2019", "2018"],
                ["Sales:", "", ""],
                ["Mills", "$  1,452", "1,146"],
                ["", "", ""],
                ["Canals", "44", "56"],
            ],
        },
        "paragraphs": [
            {"uid": "p2", "order": 2, "text": "Canals are dug by hand."},
            {"uid": "p1", "order": 1, "text": "Sales by kind: mills and  canals."},
        ],
        "questions": list(questions),
    }


def asked(uid: str, answer: Any, kind: str = "span", source: str = "table", **fields: Any) -> dict[str, Any]:
    return {
        "uid": uid,
        "order": 1,
        "question": "What were the sales?",
        "answer": answer,
        "derivation": "",
        "answer_type": kind,
        "answer_from": source,
        "rel_paragraphs": [],
        "scale": "",
        **fields,
    }


@pytest.mark.parametrize("name", ["tatqa_dataset_dev.json", "dev.jsonl.xz"])
def test_tatqa_contexts_and_gold(tmp_path: Path, name: str) -> None:
    questions = [
        asked("text", ["by hand"], source="text", rel_paragraphs=["2"]),
        asked("cell", ["1,452"], scale="million"),
        asked("both", ["mills", "Canals"], "multi-span", "table-text", rel_paragraphs=["1"]),
        asked("sum", -12.5, "arithmetic", "table-text", rel_paragraphs=["1", "7"], scale="percent"),
        asked("count", 2, "count"),
        asked("none", ["9,999"]),
    ]
    write(tmp_path / name, [tat(*questions)])
    assert tatqa.matches(tmp_path)
    assert not fetaqa.matches(tmp_path)
    dataset = tatqa.load(tmp_path, None)
    (document,) = dataset.documents()
    assert document.id == "tatqa/u1"
    assert document.title == "Sales by kind: mills and canals."
    assert document.text == (
        "Sales by kind: mills and canals.\n\nCanals are dug by hand.\n\n |  | Years ended\n | 2019 | 2018\n"
        "Sales: |  | \nMills | $ 1,452 | 1,146\nCanals | 44 | 56"
    )
    assert [(block.kind, block.header_rows) for block in document.blocks][2:] == [(BlockKind.TABLE, 2)]
    assert quotes(dataset) == {
        "text": ["Canals are dug by hand."],
        "cell": ["$ 1,452"],
        "both": ["Sales by kind: mills and canals.", "Mills", "Canals"],
        "sum": ["Sales by kind: mills and canals."],
        "count": [],
        "none": [],
    }
    found = by_id(dataset)
    assert found["cell"].references == ("1,452", "1,452 million")
    assert found["both"].references == ("mills, Canals",)
    assert found["sum"].references == ("-12.5", "-12.5 percent")
    assert found["count"].references == ("2",)
    assert {id_: question.hops for id_, question in found.items()} == {
        "text": 1,
        "cell": 1,
        "both": 2,
        "sum": 2,
        "count": 1,
        "none": 1,
    }
    assert found["sum"].type == "arithmetic/table-text"
    assert {id_: (each.marked, each.mapped) for id_, each in found.items()} == {
        "text": (1, 1),
        "cell": (1, 1),
        "both": (3, 3),
        "sum": (2, 1),
        "count": (1, 1),
        "none": (1, 0),
    }


def test_tatqa_cells_that_the_test_set_names(tmp_path: Path) -> None:
    mappings = [{"table": [3, 2]}, {"table": [5, 2]}, {"table": [4, 0]}, {"paragraph_2": [0, 6]}]
    named = asked("a", 1202, "arithmetic", "table-text", rel_paragraphs=["2"], mappings=mappings)
    write(tmp_path / "tatqa_dataset_test_gold.json", [tat(named)])
    dataset = tatqa.load(tmp_path, "test")
    assert quotes(dataset) == {"a": ["Canals are dug by hand.", "1,146", "56"]}
    assert (by_id(dataset)["a"].marked, by_id(dataset)["a"].mapped) == (4, 3)


def test_tatqa_contexts_of_all_splits_and_ids_that_are_taken(tmp_path: Path) -> None:
    write(tmp_path / "tatqa_dataset_dev.json", [tat(asked("a", ["44"]))])
    write(tmp_path / "tatqa_dataset_train.json", [tat(asked("b", ["44"]), uid="u2")])
    write(tmp_path / "tatqa_dataset_test_gold.json", [tat(asked("c", ["44"]), uid="u3")])
    dataset = tatqa.load(tmp_path, "test")
    assert [document.id for document in dataset.documents()] == ["tatqa/u2", "tatqa/u1", "tatqa/u3"]
    assert list(by_id(dataset)) == ["c"]
    assert dataset.training is not None
    assert [question.id for question in dataset.training()] == ["b"]
    write(tmp_path / "tatqa_dataset_dev.json", [tat(asked("a", ["44"]), asked("a", ["44"]), uid="u2")])
    with pytest.raises(LoadError, match=r"tatqa_dataset_dev\.json, record 1: .*'tatqa/u2' is taken"):
        list(dataset.documents())
    with pytest.raises(LoadError, match=r"tatqa_dataset_dev\.json: the question 'a' of context 'tatqa/u2'"):
        list(tatqa.load(tmp_path, "dev").questions())
    write(tmp_path / "tatqa_dataset_dev.json", [tat({"uid": "a"})])
    with pytest.raises(LoadError, match=r"tatqa_dataset_dev\.json, record 1: .*no field 'answer_type'"):
        list(tatqa.load(tmp_path, "dev").questions())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["", "2019", "2018"], ["Sales", "1", "2"]], 1),
        ([["", "Years", ""], ["", "2019 (1)", "2018"], ["$m", "", "Note"], ["Sales", "1", "2"]], 3),
        ([["(in thousands)", "", ""], ["At 31 May", "2019", "2020-2021"], ["Sales", "1.5", "(2)"]], 2),
        ([["", "2019"], ["Assets:", ""], ["Cash", "130"]], 1),
        ([["Name", "Position"], ["Io Vance", "Director"]], 1),
        ([["Sales", "130"], ["Costs", "20"]], 1),
        ([["Only"]], 1),
        ([], 0),
    ],
)
def test_tatqa_header_rows(rows: list[list[str]], expected: int) -> None:
    assert tatqa.header_rows(rows) == expected


@pytest.mark.parametrize("format_", [fetaqa, hybridqa, tatqa])
def test_an_empty_folder_is_refused(tmp_path: Path, format_: Any) -> None:
    assert not format_.matches(tmp_path)
    with pytest.raises(LoadError, match=str(tmp_path)):
        format_.load(tmp_path, None)


# --- the real data ---


def real(name: str) -> Path:
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    if not (folder / name).is_dir():
        pytest.skip(f"no folder {name} in {folder}")
    return folder / name


@pytest.mark.data
def test_real_fetaqa_gold_is_the_highlighted_cell() -> None:
    folder = real("fetaqa")
    assert fetaqa.matches(folder)
    dataset = fetaqa.load(folder, "dev")
    questions = by_id(dataset)
    assert (len(list(dataset.documents())), len(questions)) == (992, 1001)
    assert all(question.mapped == question.marked > 0 for question in questions.values())
    found = quotes(dataset)
    for record in read_items(folder / "dev.jsonl.xz", lambda record: record):
        places = sorted({tuple(place) for place in record["highlighted_cell_ids"]})
        assert found[str(record["feta_id"])] == [clean(record["table_array"][row][column]) for row, column in places]


@pytest.mark.data
def test_real_tatqa_gold_is_in_paragraphs_and_cells() -> None:
    folder = real("tatqa")
    assert tatqa.matches(folder)
    dataset = tatqa.load(folder, "dev")
    documents, questions = list(dataset.documents()), by_id(dataset)
    assert (len(documents), len(questions)) == (278, 1668)
    assert sum(question.mapped for question in questions.values()) >= 0.98 * sum(q.marked for q in questions.values())
    sources = Counter(question.type.partition("/")[2] for question in questions.values())
    assert sources == {"table": 772, "table-text": 507, "text": 389}
    assert all(question.references and len(question.gold) == 1 for question in questions.values())
    found = quotes(dataset)
    for record in read_items(folder / "dev.jsonl.xz", lambda record: record):
        paragraphs = {str(each["order"]): clean(each["text"]) for each in record["paragraphs"]}
        cells = {clean(cell) for row in record["table"]["table"] for cell in row}
        for question in record["questions"]:
            related = [paragraphs[order] for order in question["rel_paragraphs"]]
            assert set(related) <= set(found[question["uid"]])
            assert set(found[question["uid"]]) - set(related) <= cells
    for document in documents:
        assert 0 < document.blocks[-1].header_rows < len(document.blocks[-1].rows) or len(document.blocks[-1].rows) == 1
