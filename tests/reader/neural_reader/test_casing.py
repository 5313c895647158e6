"""Lower-case text with a blank before every sign becomes what people write, without another word."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.load import load_documents
from odqa.data.sentences import split_sentences
from odqa.index.minilm_graph import bundled_minilm
from odqa.llm.untrusted import visible
from odqa.reader.neural.atoms import key_of
from odqa.reader.neural.casing import Casing
from odqa.reader.neural.spacing import blanks
from odqa.schema import BlockKind

LIBRARY = Path(__file__).resolve().parents[3] / "examples" / "library"
SAID = (
    "The Harbour Commission, led by Margaret Ellis, met on 12 May 1993. It wasn't short: 1,204,000 dollars (3.5% of "
    "the town's budget) was spent on long-term repairs. “We cannot wait,” said Ellis. The commission agreed."
)


@cache
def minilm() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundled_minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def tokens(text: str) -> list[int]:
    ids: list[int] = minilm().encode(text, add_special_tokens=False).ids
    return ids


def written(text: str) -> str:
    """What a decoder with MiniLM's vocabulary gives back for a text."""
    return str(minilm().decode(tokens(text), skip_special_tokens=False))


def test_words_take_the_form_that_they_have_in_the_source() -> None:
    casing = Casing({1: SAID})
    assert casing.restore(written(SAID)) == SAID
    assert casing.restore("the commission met margaret ellis in may 1993 .") == (
        "The commission met Margaret Ellis in May 1993."
    )
    assert casing.restore("it may wait , said ellis .") == "It may wait, said Ellis."


def test_the_commonest_form_counts_that_no_sentence_begins_with() -> None:
    casing = Casing(
        {1: "Shipworm was found. The shipworm ate on.\nSpring came late. The Spring Act failed.\nIn spring."}
    )
    assert casing.restore("they saw shipworm in spring under the spring act") == (
        "They saw shipworm in spring under the Spring Act"
    )


def test_headings_written_with_capitals_throughout_do_not_count() -> None:
    casing = Casing({1: "The final report came late."}, ["Final Report Of The Harbour Inquiry", "Anna Oakley"])
    assert casing.restore("in the final report anna oakley said so") == "In the final report Anna Oakley said so"


def test_the_source_that_is_cited_comes_before_the_others() -> None:
    sources = {1: "The engineer, Thomas Reed, left.", 2: "They cut a reed. A reed bends. That reed broke."}
    casing = Casing(sources)
    assert casing.restore("he asked reed . [1]") == "He asked Reed. [1]"
    assert casing.restore("he cut the reed . [2]") == "He cut the reed. [2]"


def test_sentences_come_one_by_one_with_their_marks_and_places() -> None:
    casing = Casing({1: "Mr. Reed paid $4,000 in the U.S. in 1994. It was 3.5% more."})
    text = "mr . reed paid $ 4 , 000 [1] . it was 3 . 5 % more . [1] [2] then nothing"
    found = casing.sentences(text)
    assert [sentence.text for sentence in found] == [
        "Mr. Reed paid $4,000 [1].",
        "It was 3.5% more. [1] [2]",
        "Then nothing",
    ]
    assert text[found[0].end :].startswith(" it was")
    assert text[found[1].end :] == " then nothing"
    assert found[2].end == len(text)
    assert [sentence.text for sentence in casing.sentences("[2] it was so")] == ["[2] It was so"]
    assert casing.sentences("") == []


def test_a_word_that_the_vocabulary_cannot_write_is_taken_from_the_run_that_holds_it() -> None:
    source = "The ferry ‹Ægir🛥› sailed from Dalton."
    casing = Casing({1: source})
    assert "[UNK]" in written(source)
    assert casing.restore(written(source)) == source
    assert casing.restore("the [UNK] sank") == "The sank"


def test_accents_come_back() -> None:
    assert Casing({1: "They met at the café of Søren Ångström."}).restore("the cafe of søren angstrom") == (
        "The café of Søren Ångström"
    )


@pytest.mark.parametrize(
    ("spaced", "joined"),
    [
        ("it ' s the dockers ' pay , isn ' t it ?", "It's the dockers' pay, isn't it?"),
        ('he said : " wait . " then " go " .', 'He said: "wait." Then "go".'),
        ("a long - term loan of £1 , 204 , 000", "A long-term loan of £1,204,000"),
        ("from 1914 – 18 , at 14 : 30 , 3 . 5 km ( or less )", "From 1914–18, at 14:30, 3.5 km (or less)"),
        ("in 1994 , 200 men and / or women", "In 1994, 200 men and/or women"),
        ("on 3 march i met mrs farr at pile p7", "On 3 March I met Mrs Farr at pile P7"),
        ("at five o ' clock on monday", "At five o'clock on Monday"),
        ("the u . s . navy", "The U.S. navy"),
        ("it cost less than planned . 40 men came .", "It cost less than planned. 40 men came."),
    ],
)
def test_without_a_source_rules_of_writing_hold(spaced: str, joined: str) -> None:
    assert Casing({}).restore(spaced) == joined


def test_what_sources_know_of_blanks_comes_before_the_rules() -> None:
    assert blanks(["r", "&", "d"], [None, False, False]) == [False, False, False]
    assert blanks(["r", "&", "d"], [None, None, None]) == [False, True, True]


def test_sentences_of_the_library_come_back_as_they_stand_there() -> None:
    said: list[tuple[str, str]] = []
    for name in ("harbour-commission-report.md", "council-meeting-1994-03-17.vtt", "chronicle.txt"):
        (document,) = load_documents(LIBRARY / name)
        for block in document.blocks:
            if block.kind is not BlockKind.TABLE:
                text = visible(block.body.of(document.text))
                spans = split_sentences(document.text, block.body)
                said += [(visible(span.of(document.text)), text) for span in spans]
    chosen = [row for row in said if len(row[0].split()) > 3][::4]
    assert len(chosen) > 100
    same = sum(Casing({1: text}).restore(written(sentence)) == sentence for sentence, text in chosen)
    assert same >= 0.98 * len(chosen)


PIECES = st.sampled_from(
    "the The THE pier Pier Reed reed Ellis ellis i I it ' ’ \" “ ” . , ; : ! ? - – — % $ £ ( ) [3] [12] 3 5 000 1994 "
    "a.m. U.S. O'Brien don't 4,000 3.5 e.g. Mr. café Ångström naïve 東京 № ½ … / & # mr may May 1993 \n bigger".split(
        " "
    )
)
TEXTS = st.lists(PIECES, max_size=14).map(" ".join)


@settings(max_examples=120, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_only_capitals_accents_and_blanks_change(text: str, source: str, other: str) -> None:
    casing = Casing({3: source, 12: other}, ["The Pier Of May Ellis"])
    draft = written(text)
    restored = casing.restore(draft)
    assert tokens(restored) == tokens(draft.replace("[UNK]", "")) or "[UNK]" in draft
    assert "  " not in restored
    assert restored == restored.strip()


@given(st.text(max_size=40))
def test_any_text_at_all_is_taken(text: str) -> None:
    casing = Casing({1: text})
    assert key_of(casing.restore(text)).split() == key_of(casing.restore(text)).split()
    assert casing.restore(key_of(text)) == casing.restore(key_of(text))
