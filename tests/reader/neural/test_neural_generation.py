"""Writing with the encoder–decoder: the ways of transformers' `generate`, with a cache and without."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import PAD, POSITIONS, START, fusion, passages  # noqa: E402
from transformers.generation.streamers import BaseStreamer  # noqa: E402

from odqa.errors import LimitError, UsageError  # noqa: E402

WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "beams": {"do_sample": False, "num_beams": 3, "num_return_sequences": 2},
    "nucleus": {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2},
}
KINDS = [("gpt_neo", False), ("gpt_neo", True), ("gpt2", False), ("gpt2", True)]


def rows(given: dict[str, Any], one: int) -> dict[str, Any]:
    return {name: value[one : one + 1] for name, value in given.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("decoder", "pointer"), KINDS)
def test_a_cache_changes_no_token(decoder: str, pointer: bool, way: str) -> None:
    model, written = fusion(decoder, pointer).double(), []
    for cached in (True, False):
        torch.manual_seed(5)
        written.append(model.generate(**passages(), max_new_tokens=8, use_cache=cached, **WAYS[way]))
    assert torch.equal(*written)
    assert len(written[0]) == 2 * WAYS[way].get("num_return_sequences", 1)
    assert (written[0][:, 0] == START).all()


def test_greedy_tokens_are_the_best_of_one_pass() -> None:
    model, given = fusion(pointer=True).double(), passages()
    written = model.generate(**given, max_new_tokens=12, do_sample=False, eos_token_id=None)
    with torch.no_grad():
        best = model(**given, decoder_input_ids=written[:, :-1]).logits.argmax(-1)
    assert torch.equal(best, written[:, 1:])


@pytest.mark.parametrize("way", ["greedy", "beams"])
def test_neighbours_in_a_batch_change_no_token(way: str) -> None:
    model, given = fusion(pointer=True).double(), passages(batch=3)
    together = model.generate(**given, max_new_tokens=7, eos_token_id=None, **WAYS[way])
    each = [model.generate(**rows(given, one), max_new_tokens=7, eos_token_id=None, **WAYS[way]) for one in range(3)]
    assert torch.equal(together, torch.cat(each))


def test_evidence_decides_what_is_written() -> None:
    model, asked = fusion(pointer=True), {"max_new_tokens": 10, "do_sample": False}
    one, other = (model.generate(**passages(seed), **asked) for seed in (0, 7))
    assert one.tolist() != other.tolist()


def test_evidence_is_encoded_once_where_it_was_before() -> None:
    model, given = fusion(pointer=True), passages()
    expected = model.generate(**given, max_new_tokens=8, do_sample=False)
    assert torch.equal(model.generate(given.pop("input_ids"), **given, max_new_tokens=8, do_sample=False), expected)
    with torch.no_grad():
        memory = model.encode(**passages())
    model.encoder.forward = lambda **_: pytest.fail("the evidence was encoded again")
    assert torch.equal(model.generate(encoder_outputs=memory, max_new_tokens=8, do_sample=False), expected)


def test_texts_end_at_the_end_token() -> None:
    model, given = fusion(), passages()
    free = model.generate(**given, max_new_tokens=12, do_sample=False, eos_token_id=None)
    end = int(free[0, 4])
    first = 1 + free[0, 1:].tolist().index(end)
    written = model.generate(**given, max_new_tokens=12, do_sample=False, eos_token_id=end)
    assert written[0, : first + 1].tolist() == free[0, : first + 1].tolist()
    assert set(written[0, first + 1 :].tolist()) <= {PAD}


def test_prompts_are_continued_and_may_be_padded_on_the_left() -> None:
    model, given = fusion(pointer=True).double(), passages()
    asked = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": None}
    prompts = torch.tensor([[START, 9, 8, 7, 6], [PAD, PAD, START, 9, 8]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    both = model.generate(**given, decoder_input_ids=prompts, decoder_attention_mask=mask, **asked)
    first = model.generate(**rows(given, 0), decoder_input_ids=prompts[:1], **asked)
    second = model.generate(**rows(given, 1), decoder_input_ids=prompts[1:, 2:], **asked)
    assert both[0].tolist() == first[0].tolist()
    assert both[1, 2:].tolist() == second[0].tolist()
    # A prompt that does not begin with the start token is given one.
    bare = model.generate(**rows(given, 0), decoder_input_ids=prompts[:1, 1:], **asked)
    assert bare.tolist() == first.tolist()


class Heard(BaseStreamer):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.ended = False

    def put(self, value: Any) -> None:
        self.tokens += value.flatten().tolist()

    def end(self) -> None:
        self.ended = True


def test_tokens_are_streamed_as_they_are_written() -> None:
    model, given, heard = fusion(pointer=True), rows(passages(), 0), Heard()
    written = model.generate(**given, max_new_tokens=9, do_sample=False, streamer=heard)
    assert heard.tokens == written[0].tolist()
    assert heard.ended


def test_scores_are_log_probabilities_of_the_mixture() -> None:
    found = fusion(pointer=True).generate(
        **passages(), max_new_tokens=4, do_sample=False, output_scores=True, return_dict_in_generate=True
    )
    for scores in found.scores:
        torch.testing.assert_close(scores.exp().sum(-1), torch.ones(2))


@pytest.mark.parametrize("decoder", ["gpt_neo", "gpt2"])
def test_more_tokens_than_positions_are_refused_before_anything_is_written(decoder: str) -> None:
    model, given = fusion(decoder), rows(passages(), 0)
    asked = {"do_sample": False, "eos_token_id": None}
    whole = model.generate(**given, max_new_tokens=POSITIONS, **asked)
    assert whole.shape == (1, POSITIONS + 1)
    heard = Heard()
    prompt = torch.tensor([[START, 9, 8]])
    for options in (
        {"max_new_tokens": POSITIONS + 1},
        {"max_length": POSITIONS + 2},
        {"max_new_tokens": POSITIONS - 1, "decoder_input_ids": prompt},
        {"max_new_tokens": POSITIONS - 1, "decoder_input_ids": prompt[:, 1:]},  # The start token goes before it.
    ):
        with pytest.raises(LimitError, match="longer than the 40 positions"):
            model.generate(**given, **asked, **options, streamer=heard)
    assert not heard.tokens
    with torch.no_grad():
        cache = model(**given, decoder_input_ids=whole[:, :-1], use_cache=True).past_key_values
    with torch.no_grad(), pytest.raises(LimitError, match="longer than"):
        model(**given, decoder_input_ids=whole[:, -1:], past_key_values=cache, use_cache=True)


@pytest.mark.parametrize("decoder", ["gpt_neo", "gpt2"])
def test_a_static_cache_is_refused(decoder: str) -> None:
    model, given = fusion(decoder), rows(passages(), 0)
    with pytest.raises(UsageError, match="static"):
        model.generate(**given, max_new_tokens=3, cache_implementation="static")
    assert model.generate(**given, max_new_tokens=3, cache_implementation="dynamic").shape[1] <= 4
    model.generation_config.cache_implementation = "static"
    with pytest.raises(UsageError, match="static"):
        model.generate(**given, max_new_tokens=3)


@pytest.mark.parametrize("decoder", ["gpt_neo", "gpt2"])
def test_no_cache_holds_a_window_even_if_the_configuration_names_one(decoder: str) -> None:
    model, asked = fusion(decoder), {"max_new_tokens": 10, "do_sample": False, "eos_token_id": None}
    expected = model.generate(**passages(), **asked)
    model.config.decoder.sliding_window = model.decoder.config.sliding_window = 2
    found = model.generate(**passages(), **asked, return_dict_in_generate=True)
    cache = found.past_key_values
    assert torch.equal(found.sequences, expected)
    assert not any(cache.self_attention_cache.is_sliding)
    assert not any(cache.cross_attention_cache.is_sliding)
    assert {layer.keys.shape[2] for layer in cache.cross_attention_cache.layers} == {
        int(passages()["attention_mask"].sum((1, 2)).max())
    }


def test_an_example_without_passages_writes_what_the_decoder_alone_writes() -> None:
    model, given = fusion(pointer=True).double(), passages()
    given["attention_mask"][1] = 0
    asked = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
    written = model.generate(**given, **asked)
    alone = model.decoder.generate(torch.tensor([[START]]), **asked)
    assert written[1].tolist() == alone[0].tolist()
