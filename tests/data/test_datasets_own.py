import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.datasets import AnswerLength, Gold, load_dataset
from odqa.data.datasets.quotes import find_quote
from odqa.errors import LoadError

Record = dict[str, Any]


def write(path: Path, *records: Record | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("The quay sank. The quay rose.", "The quay", ["The quay"]),
        ("the pier; The Pier", "The Pier", ["The Pier"]),
        ("It was “late” — by\ntwo years.", 'was "late" - by two years', ["was “late” — by\ntwo years"]),
        ("The café closed.", "the cafe\u0301 closed", ["The café closed"]),
        ("The cafe\u0301 closed.", "The café", ["The cafe\u0301"]),
        ("The cafe\u0301 closed.", "The cafe", []),
        ("Piles | 2418000 | GBP", "Piles,2418000,GBP", ["Piles | 2418000 | GBP"]),
        ("The Kittiwake took 50 minutes.", "| the *Kittiwake* took 50 |", ["The Kittiwake took 50"]),
        ("a particle of art", "art", ["art"]),
        ("21.2 metres, then 1.2 metres", "1.2 metres", ["1.2 metres"]),
        ("21.2 metres", "2 metres", []),
        ("1,200 men", "1", []),
        ("in 1996, it opened", "1996", ["1996"]),
        ("She said that. He did not.", "that, he", []),
        ("One two three four five six seven.", "one two three … five six seven", ["One two three", "five six seven"]),
        ("One two three four five six seven.", "... five six seven [...] one two three", []),
        ("One two three four five six seven.", "...three four five...", ["three four five"]),
        ("The end... was near to us.", "the end… was near", ["The end... was near"]),
        ("The pier was late. It was the end.", "the … end", []),
        ("公司于2017年3月募集了5亿元资金。", "2017年3月募集了5亿元", ["2017年3月募集了5亿元"]),
        ("Text.", "", []),
        ("Text.", " … ", []),
        ("", "Text", []),
    ],
)
def test_a_quote_is_found_as_the_same_words_or_not_at_all(text: str, quote: str, found: list[str]) -> None:
    assert [span.of(text) for span in find_quote(text, quote)] == found


LETTERS = st.text(alphabet="ab AÉe\u0301'’-—.,12| \n中文ß…", max_size=40)


def words(text: str) -> list[str]:
    kept = "".join(character if character.isalnum() else " " for character in text.casefold())
    return kept.split()


@given(LETTERS, LETTERS)
def test_a_place_never_holds_other_words(text: str, quote: str) -> None:
    spans = find_quote(text, quote)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    if len(spans) == 1 and "…" not in quote and "\u0301" not in text + quote and "É" not in text + quote:
        assert words(spans[0].of(text)) == words(quote)


@given(st.lists(st.sampled_from(["quay", "Pier", "1994", "late", "O'Hara", "café"]), min_size=3), st.data())
def test_words_of_a_text_are_found_however_they_are_set(given_words: list[str], data: st.DataObject) -> None:
    text = f"Before it, {' '.join(given_words)}; after it."
    first = data.draw(st.integers(0, len(given_words) - 3))
    chosen = given_words[first : data.draw(st.integers(first + 3, len(given_words)))]
    quote = data.draw(st.sampled_from([" ", "\n  ", ", ", " | "])).join(chosen).upper().replace("'", "’")
    (span,) = find_quote(text, quote)
    assert words(span.of(text)) == words(" ".join(chosen))


def test_a_long_run_of_one_letter_is_given_up() -> None:
    assert find_quote("a" * 300_000, "a" * 3_000) == ()


def test_own_questions_as_json(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.jsonl",
        {
            "question": "Why?",
            "answer": ["Fog.", "The fog."],
            "source": "a.md",
            "quote": "fog",
            "quote_2": "bell",
            "type": "why",
        },
        {
            "id": "x",
            "question": "Who?",
            "long_answer": "Nobody at all rang it, as far as is known.",
            "answer": "Nobody",
            "evidence": [{"document": "b.md", "quote": "nobody"}],
            "hops": 2,
        },
        "",
        {"question": "Where?", "answerable": False},
        {"question": "When?", "type": "unanswerable"},
    )
    why, who, where, when = load_dataset(path).questions()
    assert [question.id for question in (why, who, where, when)] == ["1", "x", "4", "5"]
    assert why.gold == (Gold("a.md", quote="fog"), Gold("a.md", quote="bell"))
    assert (why.references, why.type, why.hops, why.marked, why.mapped) == (("Fog.", "The fog."), "why", 1, 2, 0)
    assert (who.references, who.gold, who.hops) == (
        ("Nobody at all rang it, as far as is known.",),
        (Gold("b.md", quote="nobody"),),
        2,
    )
    assert [question.answerable for question in (why, who, where, when)] == [True, True, False, False]
    assert load_dataset(path).answers is AnswerLength.SHORT
    assert load_dataset(path).files == ()


@pytest.mark.parametrize("comma", [",", ";"])
def test_own_questions_as_a_table(tmp_path: Path, comma: str) -> None:
    rows = ["question,answer,answer_2,source,quote,answerable", '"Why\nthen?",Fog,Cold,a.md,,', "Who?,,,,,no", ",,,,,"]
    path = tmp_path / "mine.csv"
    path.write_text("\ufeff" + "\r\n".join(rows).replace(",", comma), encoding="utf-8")
    why, who = load_dataset(path).questions()
    assert (why.id, why.text, why.references, why.gold) == ("3", "Why then?", ("Fog", "Cold"), (Gold("a.md"),))
    assert (who.id, who.references, who.answerable) == ("4", (), False)


def test_a_folder_of_own_questions_brings_its_documents(tmp_path: Path) -> None:
    write(tmp_path / "questions.jsonl", {"question": "Why?", "source": "a.txt"})
    write(tmp_path / "documents" / "deep" / "a.txt", "It was fog.")
    dataset = load_dataset(tmp_path)
    (document,) = dataset.documents()
    assert document.text == "It was fog."
    assert dataset.files == (tmp_path / "documents" / "deep" / "a.txt",)
    assert dataset.answers is AnswerLength.NONE


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"question": "Why?"}\n{"answer": "Fog."}\n', "line 2: the field 'question' is missing"),
        ("a.jsonl", '{"question": " "}\n', "line 1: the question is empty"),
        ("a.jsonl", '{"question": "Why?", "sauce": "a.md"}\n', "line 1: unknown: 'sauce'; known are question, answer"),
        ("a.jsonl", '{"question": "Why?", "quote": "fog"}\n', "line 1: a quote needs a source"),
        ("a.jsonl", '{"question": "Why?", "answerable": "perhaps"}\n', "line 1: answerable is 'perhaps'"),
        (
            "a.jsonl",
            '{"question": "Why?", "id": 7}\n{"question": "Who?", "id": "7"}\n',
            "line 2: the id '7' is taken by line 1",
        ),
        ("a.jsonl", '{"question": "Why?", "evidence": ["a.md"]}\n', "line 1: "),
        ("a.jsonl", '{"question": 7}\n', "line 1: "),
        ("a.jsonl", '["Why?"]\n', "line 1: not an object"),
        ("a.jsonl", "{\n", "line 1: not JSON"),
        ("a.csv", "answer\nFog\n", "line 1: the field 'question' is missing"),
        ("a.csv", "question,sauce\nWhy?,\n", "line 1: unknown: 'sauce'"),
        ("a.csv", "", "line 1: the field 'question' is missing"),
        ("a.csv", "question,answer\nWhy?,Fog\nWho, me?,No\n", "line 3: 3 cells for 2 columns"),
        ("a.csv", 'question\n"Why?\n', "line 2: unexpected end"),
        ("a.csv", "question,hops\nWhy?,many\n", "line 2: "),
    ],
)
def test_a_wrong_line_of_own_questions_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LoadError, match=rf"{name}, {message}"):
        list(load_dataset(path).questions())


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("question\nWarum fährt es?\n".encode("latin-1"))
    with pytest.raises(LoadError, match=r"mine\.csv.*UTF-8"):
        load_dataset(path)
