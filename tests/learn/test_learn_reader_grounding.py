"""A reader that has learned answers from its sources: other sources, another answer; no sources that tell, none."""

import random
from dataclasses import replace

import pytest

from odqa.learn.loop import Schedule, Shuffled, train
from odqa.learn.reader.examples import tokenized
from odqa.learn.reader.objective import Judge, likelihood
from odqa.reader.neural.sources import asked
from tests.tinyreader import COLOURS, make_encoder, make_reader, question


def answer(model, tokenizer, example):
    inputs = tokenizer.inputs([asked(example.question, example.words)], [example.sources])
    return tokenizer.text(model.generate(**inputs, max_new_tokens=12, do_sample=False)[0].tolist())


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A reader that was taught 600 questions in so many steps."""
    model, tokenizer = make_reader(make_encoder(tmp_path_factory.mktemp("encoder")))
    rng = random.Random(1)
    examples = [tokenized(question(rng), tokenizer) for _ in range(600)]
    schedule = Schedule(steps=STEPS, rate=3e-3, warm_up=0.1, shape="cosine", patience=0)
    run = train(model, Shuffled(examples, 16, 3), likelihood(model), schedule)
    return model, tokenizer, run


STEPS = 450


def test_answers_change_with_the_evidence(taught):
    model, tokenizer, _ = taught
    rng = random.Random(2)
    right = followed = cited = 0
    for _ in range(20):
        example = question(rng)
        told = answer(model, tokenizer, example)
        right += told == example.answer
        cited += told.endswith(example.answer[-3:])
        other = next(colour for colour in COLOURS if not any(colour in source.text for source in example.sources))
        colour = example.said[0].text.split()[-2]
        swapped = tuple(replace(source, text=source.text.replace(colour, other)) for source in example.sources)
        told = answer(model, tokenizer, replace(example, sources=swapped))
        followed += told == example.answer.replace(colour, other)
    print(right, followed, cited)
    assert right >= 18
    assert followed >= 18
    assert cited >= 18


def test_random_evidence_gives_no_answer(taught):
    model, tokenizer, _ = taught
    rng = random.Random(4)
    right = 0
    for _ in range(20):
        example, other = question(rng), question(rng)
        rest = tuple(s for s in other.sources if example.question.split()[-2] not in s.text)
        told = answer(model, tokenizer, replace(example, sources=rest))
        right += told.split("[")[0] == example.answer.split("[")[0]
    assert right <= 4  # One of eight colours is right by chance.


def test_the_judge_sees_what_the_sources_are_good_for(taught):
    model, tokenizer, run = taught
    rng = random.Random(5)
    held_out = [tokenized(question(rng), tokenizer) for _ in range(12)]
    figures = Judge(model, tokenizer, held_out, written=8)()
    assert figures["loss"] < 0.2
    assert figures["loss_random"] > 5 * figures["loss"]
    assert figures["rougeL"] > 0.9
    assert figures["cited"] == 1.0
    assert run.losses[-1] < run.losses[0] / 5
