import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.errors import ModelError, UsageError
from odqa.reader.neural.inputs import FusionTokenizer, Limits, Source, collate, marks_for
from odqa.reader.neural.sources import asked
from tests.tinyreader import MARKS, THINGS, make_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def wordpiece(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def shared(wordpiece) -> FusionTokenizer:
    return FusionTokenizer(wordpiece, wordpiece, marks_for(wordpiece, MARKS), Limits(question=8, passage=24, target=12))


@pytest.fixture(scope="module")
def bytes_apart(wordpiece) -> FusionTokenizer:
    """An encoder of words beside a decoder of bytes, as BERT beside GPT-2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    bpe.train_from_iterator(["the bridge is painted red", "the tower is blue"] * 4, trainer)
    names = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    decoder = PreTrainedTokenizerFast(tokenizer_object=bpe, **names)
    return FusionTokenizer(wordpiece, decoder, marks_for(decoder, MARKS), Limits(question=8, passage=32, target=40))


def test_answers_come_back_with_their_marks(shared, bytes_apart):
    text = "the bridge is red . [3] the tower . [1] [8]"
    assert shared.text(shared.target(text)) == text
    assert bytes_apart.text(bytes_apart.target("The bridge is réd. [3] It is blue. [1]")) == (
        "The bridge is réd. [3] It is blue. [1]"
    )


def test_a_mark_is_one_token_and_unknown_ones_are_left_out(shared):
    plain = shared.target("the bridge is red .")
    assert len(shared.target("the bridge is red . [3]")) == len(plain) + 1
    assert shared.target("the bridge is red . [0] [99]") == plain


def test_text_ends_at_the_end_and_begins_after_the_start(shared):
    tokens = shared.target("the bridge [2]")
    assert shared.text([shared.start, *tokens, *shared.target("red")]) == "the bridge [2]"
    assert shared.text([]) == ""
    assert shared.text([shared.end]) == ""


def test_long_answers_are_cut_and_still_end(shared):
    tokens = shared.target("the bridge is red . " * 9)
    assert len(tokens) == shared.max_target
    assert tokens[-1] == shared.end


def test_rows_hold_question_head_and_text_and_are_cut_at_the_end(shared):
    made = shared.sources("what colour is the bridge ?", [Source(2, "gate", "the bridge is red . " * 20)])
    assert made["lengths"].tolist() == [24]
    text = shared.encoder.decode(made["tokens"].tolist())
    assert text.startswith(
        "[CLS] what colour is the bridge? [SEP] gate : the bridge is red".replace("bridge?", "bridge ?")
    )
    assert text.endswith("[SEP]")


def test_copies_stand_where_they_were_read(shared):
    made = shared.sources("what colour is the bridge ?", [Source(2, "", "the well is blue .")])
    mark, *copied = made["copy_tokens"].tolist()
    first, *places = made["copy_places"].tolist()
    assert shared.text([mark]) == "[2]"
    assert first == 0
    assert [int(made["tokens"][place]) for place in places] == copied


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([*THINGS, "is", "the", "red.", "well-built", "(blue)", "„gate“", "réd", "日本"]),
        min_size=1,
        max_size=14,
    )
)
def test_copies_of_two_vocabularies_stand_at_the_same_characters(wordpiece, bytes_apart, words):
    text = " ".join(words)
    made = bytes_apart.sources("", [Source(4, "", text)])
    copied = made["copy_tokens"].tolist()[1:]
    written = bytes_apart.decoder.decode(copied)
    whole = len(made["tokens"]) < bytes_apart.limits.passage
    assert f" {text}".startswith(written)
    if whole:
        assert written == f" {text}"
    offsets = wordpiece(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    spans = bytes_apart.decoder(f" {text}", add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    for place, (start, end) in zip(made["copy_places"].tolist()[1:], spans, strict=False):
        read = offsets[place - 2]  # [CLS] and [SEP] stand before the passage.
        following = offsets[place - 1] if place - 1 < len(offsets) else (len(text) + 1, 0)
        assert read[0] <= end - 1  # A space alone goes with the word behind it.
        assert max(start - 1, 0) < following[0]


def test_summaries_are_read_but_neither_cited_nor_copied(shared):
    made = shared.sources("what is it ?", [Source(0, "", "the bridge is red .", summary=True), Source(1, "", "red")])
    assert made["kinds"].tolist() == [1, 0]
    assert made["numbers"].tolist() == [0, 1]
    assert made["copy_lengths"].tolist()[0] == 0


def test_collating_pads_rows_and_sources(shared):
    few = shared.sources("what ?", [Source(1, "", "red")])
    many = shared.sources("what ?", [Source(2, "", "the bridge is red ."), Source(3, "", "blue"), Source(4, "", "")])
    tensors = collate([few, many])
    assert tensors["input_ids"].shape[:2] == (2, 3)
    assert tensors["attention_mask"].sum().item() == len(few["tokens"]) + len(many["tokens"])
    assert tensors["sources"].tolist() == [[1, 0, 0], [2, 3, 4]]
    assert tensors["copy_tokens"][0, 1:].unique().tolist() == [-100]


def test_no_sources_at_all_is_an_input_too(shared):
    tensors = shared.inputs(["what ?"], [[]])
    assert tensors["attention_mask"].sum().item() == 0


def test_numbers_above_the_marks_are_refused(shared):
    with pytest.raises(UsageError, match="above the 8"):
        shared.sources("what ?", [Source(MARKS + 1, "", "red")])


def test_saved_and_opened_they_read_and_write_alike(tmp_path, shared, bytes_apart):
    for number, one in enumerate((shared, bytes_apart)):
        folder = tmp_path / str(number)
        folder.mkdir()
        one.save(folder)
        again = FusionTokenizer.open(folder)
        assert (again.limits, again.marks, again.shared) == (one.limits, one.marks, one.shared)
        assert again.target("the bridge [3] red") == one.target("the bridge [3] red")
        sources = [Source(3, "gate", "the bridge is red .")]
        for name, value in again.sources("what ?", sources).items():
            assert np.array_equal(value, one.sources("what ?", sources)[name])


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"marks": []}', '{"marks": 3, "limits": {"question": "x"}, "one_tokenizer": 1}']
)
def test_damaged_folders_are_refused_in_a_line(tmp_path, shared, damage):
    shared.save(tmp_path)
    (tmp_path / "inputs.json").write_text(damage)
    with pytest.raises(ModelError, match="tokenizers of a reader"):
        FusionTokenizer.open(tmp_path)


def test_marks_that_are_no_tokens_are_refused(wordpiece):
    with pytest.raises(UsageError, match="no token"):
        FusionTokenizer(wordpiece, wordpiece, ["[unused1]", "<3>"])


@pytest.mark.parametrize(("words", "said"), [(3, 10), (44, 40), (96, 100), (230, 250), (1000, 1000)])
def test_the_length_wanted_stands_before_the_question(words, said):
    assert asked(" Why?\n", words) == f"{said} words: Why?"


def test_what_is_saved_is_json(tmp_path, shared):
    shared.save(tmp_path)
    assert json.loads((tmp_path / "inputs.json").read_text())["marks"][0] == "[unused1]"


def test_titles_are_read_and_not_copied(shared, bytes_apart):
    for one in (shared, bytes_apart):
        made = one.sources("what ?", [Source(2, "the gate", "the well is blue .")])
        assert "gate" in one.encoder.decode(made["tokens"].tolist())
        copied = one.decoder.decode(made["copy_tokens"].tolist()[1:]).strip()
        assert copied == "the well is blue ."
