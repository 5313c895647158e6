from __future__ import annotations

import pytest

from odqa.reader.question import QuestionKind, analyse, resolve_style
from odqa.schema import AnswerStyle, Style


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Why did the second pier fail?", QuestionKind.WHY),
        ("How was the pier rebuilt?", QuestionKind.HOW),
        ("What happened to the harbour master?", QuestionKind.WHAT_HAPPENED),
        ("Who is Thomas Reed?", QuestionKind.DEFINITION),
        ("Who led the commission?", QuestionKind.PERSON),
        ("When did the pier collapse?", QuestionKind.DATE),
        ("In what year was the pier built?", QuestionKind.DATE),
        ("Where is the customs house?", QuestionKind.PLACE),
        ("How many dockers were injured?", QuestionKind.NUMBER),
        ("How much did the repair cost?", QuestionKind.NUMBER),
        ("Which contractor was paid the most?", QuestionKind.CHOICE),
        ("Did the council approve the plan?", QuestionKind.YES_NO),
        ("What did Mayor Ellis think about the sale?", QuestionKind.OPINION),
        ("How do the two piers differ?", QuestionKind.COMPARISON),
        ("Give me a timeline of the repairs.", QuestionKind.TIMELINE),
        ("Summarize the whole meeting", QuestionKind.SUMMARY),
        ("What is the plot of the story?", QuestionKind.SUMMARY),
        ("Warum stürzte die Brücke ein?", QuestionKind.WHY),
        ("Wann wurde die Brücke gebaut?", QuestionKind.DATE),
    ],
)
def test_kinds(text, kind):
    assert analyse(text).kind is kind


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("What did Mayor Ellis say about the pier?", "Mayor Ellis"),
        ("What is Councillor Brandt's opinion on the sale?", "Councillor Brandt"),
        ("What did the Project Manager suggest?", "Project Manager"),
        ("According to Thomas Reed, why did it fall?", "Thomas Reed"),
        ("Why did the pier fall?", ""),
    ],
)
def test_asked_speaker(text, speaker):
    assert analyse(text).speaker == speaker


def test_terms_are_what_could_be_looked_for():
    asked = analyse("Please tell me why the second pier failed in 1993.")
    assert {"pier", "fail", "1993"} <= set(asked.terms)
    assert "tell" not in asked.terms
    assert analyse("What is the plot of the story?").is_broad


def test_names_numbers_and_quotations_are_found():
    asked = analyse("Did Kerr & Sons pay 1,204,000 for the “second pier”?")
    assert [name.text for name in asked.names] == ["Kerr & Sons"]
    assert [number.value for number in asked.numbers] == [1_204_000]
    assert asked.quoted == ("second pier",)


def test_german_nouns_are_no_names():
    assert analyse("Welche Ursache hatte der Einsturz?").names == ()


@pytest.mark.parametrize(
    ("question", "style", "expected"),
    [
        ("Why did it fall?", AnswerStyle(), Style.LONG),
        ("When did it fall?", AnswerStyle(), Style.SHORT),
        ("When did it fall?", AnswerStyle(Style.LONG), Style.LONG),
        ("Who was the mayor and why did she resign?", AnswerStyle(), Style.LONG),
    ],
)
def test_a_factoid_is_answered_shortly_unless_asked_otherwise(question, style, expected):
    assert resolve_style(question, style)[0] is expected


def test_words_override_the_style():
    assert resolve_style("Why?", AnswerStyle(Style.SHORT, words=90)) == (Style.SHORT, 90)
