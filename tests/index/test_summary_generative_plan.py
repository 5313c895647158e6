"""How a document is cut for a model, and what it will cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa import testing
from odqa.errors import ConfigError
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.generative.answers import read_answer, salvage
from odqa.index.summary.generative.cache import AnswerCache
from odqa.index.summary.generative.check import RememberingEncoder
from odqa.index.summary.generative.estimate import Estimate, Price, announce, parse_price
from odqa.index.summary.generative.plan import runs
from odqa.index.summary.generative.prompts import Ask, Item, make_task
from odqa.llm import Completion, Usage
from odqa.schema import FieldKind, Span


class Words:
    """A model that counts words, and is asked nothing."""

    name, place, fingerprint = "words", "here", "words/1"
    context_tokens, follows_instructions = 4096, True

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, prompts: object, **options: object) -> list[Completion]:
        raise NotImplementedError


ASKS = (Ask("gist", "What it says.", 3, FieldKind.STATEMENT), Ask("questions", "Asked.", 2, FieldKind.QUESTION))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=60), st.integers(64, 200))
def test_runs_hold_everything_in_order_and_none_is_too_long(sizes: list[int], room: int) -> None:
    items = [Item(" ".join([f"w{number}"] * size), (Span(number, number + 1),)) for number, size in enumerate(sizes)]
    cut = runs(Words(), items, room)
    assert [item.spans for run in cut for item in run] == [item.spans for item in items]
    lengths = [sum(Words().count_tokens(item.text) + 8 for item in run) for run in cut]
    assert all(0 < length <= room for length in lengths)
    if len(cut) > 1:
        assert len(cut) <= -(-sum(lengths) // (room - 68 if room > 68 else 1))


def test_runs_are_about_equal() -> None:
    items = [Item("word " * 12, (Span(number, number + 1),)) for number in range(21)]
    assert [len(run) for run in runs(Words(), items, 400)] == [11, 10]


def test_a_sentence_that_fits_nowhere_is_cut_in_the_prompt_only() -> None:
    ((item,),) = runs(Words(), [Item("word " * 500, (Span(0, 2500),))], 100)
    assert 50 < len(item.text.split()) <= 92
    assert item.spans == (Span(0, 2500),)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300) | st.text(alphabet='{}[]",: \\\n0123456789gistexourcp', max_size=300))
def test_no_answer_breaks_the_reading(text: str) -> None:
    task = make_task(Words(), ASKS, ("Title",), [Item("One.", (Span(0, 4),)), Item("Two.", (Span(5, 9),))])
    for said in (read_answer(task, text) or [], salvage(task, text)):
        assert all(one.text and set(one.sources) <= {0, 1} for one in said)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200))
def test_a_cut_answer_gives_what_was_complete(end: int) -> None:
    whole = (
        '{"gist": [{"text": "One, \\"so to say\\".", "sources": [1]}, {"text": "Two.", "sources": [2]}],'
        ' "questions": []}'
    )
    task = make_task(Words(), ASKS, (), [Item("One.", (Span(0, 4),)), Item("Two.", (Span(5, 9),))])
    said = [(one.text, one.sources) for one in salvage(task, whole[:end])]
    assert said == [('One, "so to say".', (0,)), ("Two.", (1,))][: len(said)]
    assert len(said) == (end >= whole.index("}") + 1) + (end >= whole.index("}]") + 1)


def test_what_was_asked_decides_the_key() -> None:
    def key(text: str = "One.", asks: tuple[Ask, ...] = ASKS, model: str = "a") -> str:
        return make_task(Words(), asks, ("Title",), [Item(text, (Span(0, 4),))]).key(model)

    moved = make_task(Words(), ASKS, ("Title",), [Item("One.", (Span(70, 74),))]).key("a")
    assert key() == moved  # The same sentences elsewhere in a document are the same question.
    assert len({key(), key("Two."), key(asks=ASKS[:1]), key(model="b")}) == 4


@pytest.mark.parametrize(
    ("text", "price"),
    [("", None), (" ", None), ("0.15/0.60", Price(0.15, 0.6)), (" 3 / 15 ", Price(3, 15)), ("0/0", Price(0, 0))],
)
def test_prices(text: str, price: Price | None) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize("text", ["0.15", "a/b", "-1/2", "1/2/3", "1,5/2", "nan/1"])
def test_prices_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="llm_price"):
        parse_price(text)


def test_a_price_is_of_a_million_tokens() -> None:
    assert Price(2.0, 10.0).of(500_000, 20_000) == pytest.approx(1.2)


def test_an_estimate_is_one_line() -> None:
    estimate = Estimate("qwen3", "localhost:11434", 12, 340, 1_234_567, 98_765, 20, 5400.0, 1.5)
    assert announce(estimate) == str(estimate)
    assert announce(estimate) == (
        "Summaries by qwen3 at localhost:11434: 340 calls for 12 documents; about 1,200,000 tokens to read and 99,000 "
        "to write; about 1.5 h; cost about 1.50; 20 answers are cached"
    )
    assert announce(Estimate("m", "p", 1, 1, 90, 9, 0)) == (
        "Summaries by m at p: 1 call for 1 document; about 90 tokens to read and 9 to write; "
        "time not known before a first call"
    )
    assert announce(Estimate("m", "p", 3, 0, 0, 0, 7)) == "Summaries by m: no calls needed, 7 answers are cached"


def test_a_rate_is_learnt_and_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    assert cache.rate("m").seconds_for(10, 10) is None
    cache.note_rate("m", 2, 3.0, Usage(200, 100))
    cache.note_rate("m", 1, 1.0, Usage(60, 40))
    cache.note_rate("other", 1, 9.0, Usage(1, 1))
    rate = AnswerCache(tmp_path).rate("m")
    assert (rate.calls, rate.seconds) == (3, 4.0)
    assert rate.seconds_for(300, 100) == pytest.approx(4.0)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = AnswerCache(tmp_path / "file" / "summaries")
    cache.put("ab" * 32, Completion("x"))
    cache.note_rate("m", 1, 1.0, Usage(1, 1))
    assert cache.get("ab" * 32) is None


def test_an_encoder_that_remembers_gives_the_same_vectors_and_encodes_a_text_once() -> None:
    asked: list[str] = []

    class Counting(HashingEncoder):
        def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> np.ndarray:
            asked.extend(texts)
            return super().encode(texts, kind=kind)

    encoder = RememberingEncoder(Counting())
    first, second = ["the pier", "the silt", "the pier"], ["the silt", "the ferry"]
    np.testing.assert_array_equal(encoder.encode(first), HashingEncoder().encode(first))
    np.testing.assert_array_equal(encoder.encode(second), HashingEncoder().encode(second))
    assert encoder.encode([]).shape == (0, 384)
    assert asked == ["the pier", "the silt", "the ferry"]
    testing.check_encoder(RememberingEncoder(HashingEncoder()))
