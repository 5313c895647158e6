import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from odqa.data.datasets import data_folder, dataset_names, load_dataset
from odqa.data.datasets.qmsum import utterance
from odqa.errors import LoadError, UsageError
from odqa.schema import BlockKind


def write(path: Path, *lines: dict[str, Any] | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")


def story(text: str, number: str = "1") -> dict[str, Any]:
    asked = ["What is the plot of the tale?", "Describe the setting of the tale.", "Who sank the boat?"]
    responses = [{"response_text": f"Answer {n}."} for n in range(4)]
    questions = [
        {"question_text": text, "question_number": n, "responses": responses} for n, text in enumerate(asked, 1)
    ]
    return {"metadata": {"passage_id": number}, "document": text, "questions": questions}


WRAPPED = """


Produced by Some People and the Online
Distributed Proofreading Team at http://www.pgdp.net
THE SUNKEN BELL
BY ANNA VERRALL
A bell rang where no
bell should be.
 
  [Transcriber's Note: This text was produced from
   
  an old magazine.]
I
 
  The ferryman pulled his oars out of the
water , and waited.
 
  "Who rang?" he asked.
II
 
  Nobody rang again.
 
 THE END
"""

UNWRAPPED = (
    "Nothing was ever so wet as the day on which the two brothers went to look for their bell!\n \n \n"
    " THE BELL AGAIN\n \n By\n \n CARL OAKES\n \n Illustrated by NOBODY\n \n \n"
    ' " We shall find it," said the elder, who had not believed in the bell until that very morning at breakfast.\n'
    '"Perhaps," said the younger, who had believed in it all his life and was now beginning to doubt it a little.\n \n'
    " They rowed out in silence, past the mole and the last of the moored barges, into the grey of the estuary."
)


def meeting(turns: list[tuple[str, str]], **fields: Any) -> dict[str, Any]:
    return {
        "meeting_id": "M1",
        "meeting_transcripts": [{"speaker": speaker, "content": content} for speaker, content in turns],
        "general_query_list": [{"query": "Summarize the meeting.", "answer": "It was short ."}],
        "specific_query_list": [{"query": "What rang?", "answer": "A bell.", "relevant_text_span": [["1", "3"]]}],
        **fields,
    }


def test_story_loses_its_production_notes_and_keeps_its_paragraphs(tmp_path: Path) -> None:
    write(tmp_path / "squality" / "dev.jsonl.xz", story(WRAPPED))
    document = next(load_dataset("squality", data=tmp_path, split="dev").documents())
    assert document.id == "squality/1"
    assert document.title == "THE SUNKEN BELL"
    assert document.metadata["author"] == "ANNA VERRALL"
    assert [(block.kind.value, block.span.of(document.text)) for block in document.blocks] == [
        ("heading", "THE SUNKEN BELL"),
        ("paragraph", "A bell rang where no bell should be."),
        ("heading", "I"),
        ("paragraph", "The ferryman pulled his oars out of the water, and waited."),
        ("paragraph", '"Who rang?" he asked.'),
        ("heading", "II"),
        ("paragraph", "Nobody rang again."),
    ]


def test_story_after_a_teaser_takes_its_title_from_above_the_author(tmp_path: Path) -> None:
    write(tmp_path / "squality" / "train.jsonl.xz", story(UNWRAPPED, "7"))
    document = next(load_dataset("squality", data=tmp_path, split="train").documents())
    assert document.title == "THE BELL AGAIN"
    assert document.metadata["author"] == "CARL OAKES"
    paragraphs = [b.span.of(document.text) for b in document.blocks if b.kind is BlockKind.PARAGRAPH]
    assert [paragraph[:11] for paragraph in paragraphs] == ["Nothing was", '"We shall f', '"Perhaps," ', "They rowed "]


def test_story_questions_have_types_and_all_references(tmp_path: Path) -> None:
    write(tmp_path / "squality" / "train.jsonl.xz", story(WRAPPED, "1"))
    write(tmp_path / "squality" / "dev.jsonl.xz", story(WRAPPED, "2"))
    questions = list(load_dataset("squality", data=tmp_path).questions())
    assert [question.type for question in questions] == ["plot", "setting", "specific"] * 2
    assert len({question.id for question in questions}) == 6
    assert questions[3].gold[0].document_id == "squality/2"
    assert questions[0].references == ("Answer 0.", "Answer 1.", "Answer 2.", "Answer 3.")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("OK , we 're on .", "OK, we're on."),
        ("So {disfmarker} uh {vocalsound} it 's {gap} there .", "So uh it's there."),
        ("{vocalsound} .", ""),
        ("{vocalsound} , and then ?", "and then?"),
        ("Mm - hmm .", "Mm-hmm."),
        ("I do n't know . 'Kay ?", "I don't know. 'Kay?"),
        ("It costs 3.5 , or .5 , I think ...", "It costs 3.5, or .5, I think ..."),
    ],
)
def test_utterances_are_written_as_a_person_would(raw: str, said: str) -> None:
    assert utterance(raw) == said


def test_meeting_gold_is_exactly_the_turns(tmp_path: Path) -> None:
    turns = [
        ("Ada", "Good morning ."),
        ("Ben", "{vocalsound}"),
        ("Ada", "A bell 's rung ."),
        ("Ben", "{disfmarker} It has ."),
        ("Ada", "Goodbye ."),
    ]
    silent = {"query": "Who was silent?", "answer": "Ben.", "relevant_text_span": [["1", "1"], ["4", "4"]]}
    record = meeting(turns)
    record["specific_query_list"].append(silent)
    write(tmp_path / "qmsum" / "val.jsonl.xz", record)
    dataset = load_dataset("qmsum", data=tmp_path, split="val")
    document = next(dataset.documents())
    general, rang, who = dataset.questions()
    assert document.id == general.gold[0].document_id == "qmsum/M1"
    assert document.text == "Ada: Good morning.\nAda: A bell's rung.\nBen: It has.\nAda: Goodbye."
    assert [block.kind for block in document.blocks] == [BlockKind.TURN] * 4
    assert (general.type, general.gold[0].spans) == ("general", ())
    assert [span.of(document.text) for span in rang.gold[0].spans] == ["Ada: A bell's rung.\nBen: It has."]
    assert [span.of(document.text) for span in who.gold[0].spans] == ["Ada: Goodbye."]
    assert rang.references == ("A bell.",)


@pytest.mark.parametrize("line", ["{not json", "[]", '{"metadata": {}}', "\udcff"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "squality" / "dev.jsonl.xz"
    path.parent.mkdir()
    good = json.dumps(story(WRAPPED))
    path.write_bytes(lzma.compress(f"{good}\n{line}\n".encode("utf-8", "surrogateescape")))
    documents = load_dataset("squality", data=tmp_path, split="dev").documents()
    next(documents)
    with pytest.raises(LoadError, match=r"dev\.jsonl\.xz, line 2"):
        next(documents)


@pytest.mark.parametrize("content", [b"not xz at all", lzma.compress(b'{"a": 1}\n' * 9999)[:80]])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "qmsum" / "val.jsonl.xz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"val\.jsonl\.xz"):
        list(load_dataset("qmsum", data=tmp_path, split="val").documents())


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODQA_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(LoadError, match=r"nowhere.*ODQA_DATA"):
        data_folder()
    with pytest.raises(LoadError, match=r"qmsum"):
        list(load_dataset("qmsum", data=tmp_path).documents())
    monkeypatch.setenv("ODQA_DATA", str(tmp_path))
    assert data_folder() == tmp_path


def test_unknown_names_are_refused_with_those_there_are(tmp_path: Path) -> None:
    assert {"qmsum", "squality"} <= set(dataset_names())
    with pytest.raises(UsageError, match="squality"):
        load_dataset("nothing", data=tmp_path)
    with pytest.raises(UsageError, match="train, dev"):
        load_dataset("squality", data=tmp_path, split="test")
