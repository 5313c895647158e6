import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from odqa.data.builder import clean
from odqa.data.datasets import data_folder, hotpot, musique, wikimultihop
from odqa.data.datasets import files as data_files
from odqa.data.datasets.files import find_file, read_items, read_json, read_members, read_unique
from odqa.data.datasets.types import AnswerLength, Dataset
from odqa.errors import LoadError, UsageError


def write(path: Path, records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.removesuffix(".xz").endswith(".jsonl"):
        text = "\n".join(json.dumps(record) for record in records) + "\n"
    else:
        text = json.dumps(records, indent=1)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def quoted(dataset: Dataset) -> dict[str, list[list[str]]]:
    texts = {document.id: document.text for document in dataset.documents()}
    return {
        question.id: [[span.of(texts[gold.document_id]) for span in gold.spans] for gold in question.gold]
        for question in dataset.questions()
    }


MILL = ["Orrin Mill stands on the Tarn.", " It was built by Ada Quill in 1812.", ""]
QUILL = ["Ada Quill was an engineer from Brask.", " She also dug a canal."]
HOTPOT = {
    "_id": "a1",
    "question": "Where was the builder of Orrin Mill from?",
    "answer": "Brask",
    "type": "bridge",
    "level": "easy",
    "supporting_facts": [["Orrin Mill", 1], ["Ada Quill", 0]],
    "context": [["Orrin Mill", MILL], ["Ada Quill", QUILL]],
}


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.xz", ".json", ".json.xz"])
def test_hotpot_with_a_corpus(tmp_path: Path, ending: str) -> None:
    corpus = [{"title": title, "sentences": sentences} for title, sentences in HOTPOT["context"]]
    asked = {**{key: HOTPOT[key] for key in ("question", "answer", "supporting_facts")}, "id": "q", "type": None}
    write(tmp_path / f"corpus{ending}", corpus)
    write(tmp_path / f"questions{ending}", [asked])
    assert hotpot.matches(tmp_path)
    assert not musique.matches(tmp_path)
    assert not wikimultihop.matches(tmp_path)
    dataset = hotpot.load(tmp_path, None, name="mine")
    documents = list(dataset.documents())
    assert [document.id for document in documents] == ["hotpot/Orrin Mill", "hotpot/Ada Quill"]
    assert documents[0].text == "Orrin Mill stands on the Tarn. It was built by Ada Quill in 1812."
    assert quoted(dataset) == {"q": [["It was built by Ada Quill in 1812."], ["Ada Quill was an engineer from Brask."]]}
    (question,) = dataset.questions()
    assert (question.type, question.hops, question.references) == ("unlabelled", 2, ("Brask",))
    assert (question.marked, question.mapped) == (2, 2)
    assert dataset.name == "mine"
    assert dataset.answers is AnswerLength.SHORT
    assert dataset.files == (tmp_path / f"corpus{ending}",)


def test_hotpot_as_published_asks_one_split_of_the_paragraphs_of_all(tmp_path: Path) -> None:
    write(tmp_path / "hotpot_dev_distractor_v1.json", [HOTPOT])
    write(tmp_path / "hotpot_dev_fullwiki_v1.json", [{**HOTPOT, "context": [["Brask", ["Brask is a town."]]]}])
    train = {**HOTPOT, "_id": "t1", "context": [["Tarn", ["The Tarn is a river."]]], "supporting_facts": [["Tarn", 0]]}
    write(tmp_path / "hotpot_train_v1.1.json", [train])
    dataset = hotpot.load(tmp_path, "dev")
    assert {document.title for document in dataset.documents()} == {"Orrin Mill", "Ada Quill", "Brask", "Tarn"}
    assert [question.id for question in dataset.questions()] == ["a1"]
    assert dataset.training is not None
    assert [question.id for question in dataset.training()] == ["t1"]
    assert len(dataset.files) == 3
    everything = hotpot.load(tmp_path, None)
    assert [question.id for question in everything.questions()] == ["t1", "a1"]
    assert everything.training is None
    with pytest.raises(UsageError, match=r"no split 'test'.*train, dev"):
        hotpot.load(tmp_path, "test")


def test_two_paragraphs_of_one_title_are_both_kept_and_gold_is_the_one_with_the_sentences(tmp_path: Path) -> None:
    short = ["Orrin Mill is a farm."]
    write(
        tmp_path / "corpus.jsonl",
        [{"title": "Orrin Mill", "sentences": short}, {"title": "Orrin Mill", "sentences": MILL}] * 2,
    )
    asked = {"id": "q", "question": "Who?", "answer": "Ada Quill", "supporting_facts": [["Orrin Mill", 1]]}
    write(tmp_path / "questions.jsonl", [asked])
    dataset = hotpot.load(tmp_path, None)
    assert [document.id for document in dataset.documents()] == ["hotpot/Orrin Mill", "hotpot/Orrin Mill#2"]
    assert [gold.document_id for question in dataset.questions() for gold in question.gold] == ["hotpot/Orrin Mill#2"]
    # As published, the question's own paragraph is meant, though the other's first sentence exists too.
    other = {**HOTPOT, "_id": "b", "context": [["Orrin Mill", MILL]], "supporting_facts": [["Orrin Mill", 0]]}
    write(
        tmp_path / "published/hotpot_dev_distractor_v1.json",
        [{**other, "_id": "a", "context": [["Orrin Mill", short]]}, other],
    )
    published = hotpot.load(tmp_path / "published", "dev")
    assert quoted(published) == {"a": [["Orrin Mill is a farm."]], "b": [["Orrin Mill stands on the Tarn."]]}


def test_supporting_facts_that_are_not_there_count_as_marked(tmp_path: Path) -> None:
    facts = [["Orrin Mill", 0], ["Orrin Mill", 2], ["Orrin Mill", 9], ["Nowhere", 0]]
    write(tmp_path / "hotpot_dev_distractor_v1.json", [{**HOTPOT, "supporting_facts": facts}])
    (question,) = hotpot.load(tmp_path, "dev").questions()
    assert (question.marked, question.mapped, question.hops) == (4, 1, 2)
    assert [gold.document_id for gold in question.gold] == ["hotpot/Orrin Mill"]


def test_wikimultihop_sentences_are_joined_by_blanks(tmp_path: Path) -> None:
    context = [
        ["Lyme Hill", ["Lyme Hill is a film by Io Vance.", "It is from 1950."]],
        ["Io Vance", ["Io Vance was born in Ode."]],
    ]
    record = {
        "_id": "w1",
        "type": "compositional",
        "question": "Where was the director of Lyme Hill born?",
        "context": context,
        "supporting_facts": [["Lyme Hill", 0], ["Io Vance", 0]],
        "evidences": [["Lyme Hill", "director", "Io Vance"], ["Io Vance", "place of birth", "Ode"]],
        "answer": "Ode",
    }
    write(tmp_path / "dev.json", [record])
    blind = {**record, "_id": "w2", "supporting_facts": [], "evidences": [], "answer": None}
    write(tmp_path / "test.json", [blind])
    assert wikimultihop.matches(tmp_path)
    assert not hotpot.matches(tmp_path)
    dataset = wikimultihop.load(tmp_path, None)
    documents = list(dataset.documents())
    assert [document.id for document in documents] == ["wikimultihop/Lyme Hill", "wikimultihop/Io Vance"]
    assert documents[0].text == "Lyme Hill is a film by Io Vance. It is from 1950."
    known, unknown = dataset.questions()
    assert (known.type, known.hops, known.references) == ("compositional", 2, ("Ode",))
    assert quoted(dataset)["w1"] == [["Lyme Hill is a film by Io Vance."], ["Io Vance was born in Ode."]]
    assert (unknown.gold, unknown.references, unknown.marked) == ((), (), 0)


def musique_record(**fields: Any) -> dict[str, Any]:
    paragraphs = [
        {"idx": 0, "title": "Orrin Mill", "paragraph_text": "Orrin Mill is old.", "is_supporting": False},
        {"idx": 1, "title": "Orrin Mill", "paragraph_text": "It was built by Ada Quill.", "is_supporting": True},
        {"idx": 2, "title": "Ada Quill", "paragraph_text": "She came from Brask.", "is_supporting": True},
        {"idx": 3, "title": "Brask", "paragraph_text": "Brask has a mayor, Una Stroud.", "is_supporting": True},
    ]
    steps = [{"id": n, "question": "?", "answer": "!", "paragraph_support_idx": n} for n in (1, 2, 3)]
    return {
        "id": "3hop1__1_2_3",
        "question": "Who is mayor where the builder of Orrin Mill came from?",
        "paragraphs": paragraphs,
        "question_decomposition": steps,
        "answer": "Una Stroud",
        "answer_aliases": ["Stroud", "Una Stroud"],
        "answerable": True,
        **fields,
    }


def test_musique_gold_is_the_paragraph_not_its_namesake(tmp_path: Path) -> None:
    write(tmp_path / "musique_ans_v1.0_dev.jsonl", [musique_record()])
    assert musique.matches(tmp_path)
    dataset = musique.load(tmp_path, "dev")
    ids = [document.id for document in dataset.documents()]
    assert ids == ["musique/Orrin Mill", "musique/Orrin Mill#2", "musique/Ada Quill", "musique/Brask"]
    (question,) = dataset.questions()
    assert [gold.document_id for gold in question.gold] == ids[1:]
    assert quoted(dataset)[question.id][0] == ["It was built by Ada Quill."]
    assert (question.type, question.hops) == ("3hop1", 3)
    assert question.references == ("Una Stroud", "Stroud")
    assert (question.marked, question.mapped) == (3, 3)


def test_musique_full_has_unanswerable_twins_of_the_same_id(tmp_path: Path) -> None:
    twin = musique_record(answerable=False)
    write(tmp_path / "musique_full_v1.0_dev.jsonl", [musique_record(), twin])
    write(tmp_path / "musique_full_v1.0_train.jsonl", [musique_record(id="2hop__7_8")])
    dataset = musique.load(tmp_path, "dev")
    answerable, unanswerable = dataset.questions()
    assert answerable.answerable
    assert not unanswerable.answerable
    assert unanswerable.id == "3hop1__1_2_3#unanswerable"
    assert (unanswerable.gold, unanswerable.references) == ((), ())
    assert dataset.training is not None
    assert [question.type for question in dataset.training()] == ["2hop"]
    write(tmp_path / "musique_ans_v1.0_dev.jsonl", [musique_record()])
    assert len(list(musique.load(tmp_path, "dev").questions())) == 1
    assert len(list(musique.load(tmp_path, "dev", name="musique-full").questions())) == 2


def test_musique_with_a_corpus_that_lacks_a_paragraph(tmp_path: Path) -> None:
    paragraphs = musique_record()["paragraphs"]
    corpus = [{"title": each["title"], "text": each["paragraph_text"]} for each in paragraphs[:3]]
    write(tmp_path / "corpus.jsonl.xz", corpus)
    write(tmp_path / "questions.jsonl.xz", [musique_record()])
    assert musique.matches(tmp_path)
    assert not hotpot.matches(tmp_path)
    (question,) = musique.load(tmp_path, None).questions()
    assert (question.marked, question.mapped, len(question.gold)) == (3, 2, 2)


@pytest.mark.parametrize("missing", ["question", "_id", "context"])
def test_a_record_without_a_field_is_named(tmp_path: Path, missing: str) -> None:
    broken = {key: value for key, value in HOTPOT.items() if key != missing}
    write(tmp_path / "hotpot_dev_distractor_v1.json", [HOTPOT, broken])
    dataset = hotpot.load(tmp_path, "dev")
    with pytest.raises(LoadError, match=r"hotpot_dev_distractor_v1\.json, record 2: .*no field"):
        list(dataset.questions())


def test_a_question_id_that_is_taken_is_named(tmp_path: Path) -> None:
    write(tmp_path / "musique_ans_v1.0_dev.jsonl", [musique_record(), musique_record()])
    with pytest.raises(LoadError, match=r"musique_ans_v1\.0_dev\.jsonl, line 2: .*'3hop1__1_2_3' is taken"):
        list(musique.load(tmp_path, "dev").questions())
    write(tmp_path / "two/musique_ans_v1.0_dev.jsonl", [musique_record()])
    write(tmp_path / "two/musique_ans_v1.0_train.jsonl", [musique_record()])
    with pytest.raises(LoadError, match=r"_dev\.jsonl: .*'3hop1__1_2_3' is in musique_ans_v1\.0_train\.jsonl"):
        list(musique.load(tmp_path / "two", None).questions())


@pytest.mark.parametrize("format_", [hotpot, musique, wikimultihop])
def test_an_empty_folder_has_no_questions(tmp_path: Path, format_: Any) -> None:
    assert not format_.matches(tmp_path)
    with pytest.raises(LoadError, match="no questions of"):
        format_.load(tmp_path, None)


def test_matching_does_not_fail_on_other_files(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text('"a text"')
    (tmp_path / "corpus.jsonl").write_text("not json\n")
    (tmp_path / "questions.jsonl").write_text("[]\n")
    assert not any(format_.matches(tmp_path) for format_ in (hotpot, musique, wikimultihop))


MEMBERS = [{"a": [1, {"b": "],}"}]}, {"ü": None}, {"c": -12.5}, {}]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_is_read_record_by_record(
    tmp_path: Path, chunk: int, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "_CHUNK", chunk)
    path = tmp_path / "array.json"
    path.write_text(json.dumps(MEMBERS, indent=indent, ensure_ascii=False), encoding="utf-8")
    assert list(read_items(path, lambda record: record)) == MEMBERS
    path.write_text(json.dumps({"version": 1, "data": MEMBERS}, indent=indent), encoding="utf-8")
    assert list(read_items(path, lambda record: record)) == MEMBERS
    path.write_text(json.dumps([1234, 5.5, True, "x"], indent=indent), encoding="utf-8")
    assert list(read_members(path)) == [(None, 1234), (None, 5.5), (None, True), (None, "x")]
    path.write_text(json.dumps({"a": 1, "b": [2]}, indent=indent), encoding="utf-8")
    assert list(read_members(path)) == [("a", 1), ("b", [2])]
    path.write_text(" [ ] ", encoding="utf-8")
    assert list(read_items(path, lambda record: record)) == []


@pytest.mark.parametrize(
    "text", ["", "[", '[{"a": 1}', '[{"a": 1},', '[{"a": 1} {"b": 2}]', '{"a" 1}', "nonsense", '[{"a": 1}, x]']
)
def test_an_array_that_is_cut_short_or_malformed_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(LoadError, match=r"broken\.json, after record \d: not JSON"):
        list(read_items(path, lambda record: record))
    with pytest.raises(LoadError, match=r"broken\.json"):
        read_json(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.json.xz").write_bytes(lzma.compress(b"[1, 2]")[:-8])
    (tmp_path / "bytes.json").write_bytes(b'["\xff"]')
    for name in ("cut.json.xz", "bytes.json", "missing.json"):
        with pytest.raises(LoadError, match=name):
            list(read_members(tmp_path / name))


def test_read_unique_shares_the_ids_of_several_files(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl", [{"id": "x"}]), write(tmp_path / "b.json", [{"id": "y"}, {"id": "x"}])
    seen: set[str] = set()
    assert list(read_unique(first, lambda record: str(record["id"]), key=str, seen=seen)) == ["x"]
    with pytest.raises(LoadError, match=r"b\.json, record 2: .*'x' is taken"):
        list(read_unique(second, lambda record: str(record["id"]), key=str, seen=seen))


def test_find_file_takes_the_first_name_and_any_ending(tmp_path: Path) -> None:
    write(tmp_path / "b.json.xz", [])
    assert find_file(tmp_path, "a", "b") == tmp_path / "b.json.xz"
    write(tmp_path / "a.json", [])
    assert find_file(tmp_path, "a", "b") == tmp_path / "a.json"
    assert find_file(tmp_path, "c") is None


def real(name: str) -> Path:
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    if not (folder / name).is_dir():
        pytest.skip(f"no folder {name} in {folder}")
    return folder / name


@pytest.mark.data
def test_real_hotpot_gold_is_the_published_sentence() -> None:
    folder = real("hotpot300")
    assert hotpot.matches(folder)
    dataset = hotpot.load(folder, None)
    questions = {question.id: question for question in dataset.questions()}
    assert (len(list(dataset.documents())), len(questions)) == (2952, 299)
    assert all(question.marked == question.mapped and question.hops == 2 for question in questions.values())
    sentences = dict(read_items(folder / "corpus.jsonl.xz", lambda record: (record["title"], record["sentences"])))
    spans = quoted(dataset)
    for record in read_items(folder / "questions.jsonl.xz", lambda record: record):
        published = {clean(sentences[title][number]) for title, number in record["supporting_facts"]}
        assert {text for texts in spans[record["id"]] for text in texts} == published
        golds = {gold.document_id for gold in questions[record["id"]].gold}
        assert golds == {f"hotpot/{clean(title)}" for title in record["gold_titles"]}


@pytest.mark.data
def test_real_musique_gold_is_the_published_paragraph() -> None:
    folder = real("musique100")
    assert musique.matches(folder)
    dataset = musique.load(folder, None)
    questions = list(dataset.questions())
    assert (len(list(dataset.documents())), len(questions)) == (1890, 100)
    assert Counter(question.hops for question in questions) == {2: 68, 3: 27, 4: 5}
    assert all(question.marked == question.mapped == question.hops for question in questions)
    spans = quoted(dataset)
    for record in read_items(folder / "questions.jsonl.xz", lambda record: record):
        published = [clean(each["paragraph_text"]) for each in record["paragraphs"] if each["is_supporting"]]
        assert [text for texts in spans[record["id"]] for text in texts] == published
