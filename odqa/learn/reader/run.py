"""The training of a reader from beginning to end: its stages, each with a stream of examples and a schedule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import UsageError
from odqa.learn.loop import Event, Run, Schedule, train
from odqa.learn.parallel import launched
from odqa.learn.reader.examples import Example, length_of, tokenized
from odqa.learn.reader.objective import Judge, likelihood

if TYPE_CHECKING:
    from odqa.data.stream import Stream, StreamBatches
    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.inputs import FusionTokenizer

_HELD_OUT = (20, 5, 2)
"""One group of examples in so many is held out: the first of these by which any is."""
_MOST_HELD_OUT = 48
_FORMAT = 1


Watched = tuple[Callable[[Event], None], Callable[[str, str, str], None]]
"""What is told the events of a stage, and what is told a question, the answer written and the one wanted."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training.

    Attributes:
        name: of its folder, and in the log.
        key: says what the examples are made of; another key makes them anew.
        examples: gives them, the same each time.
        schedule: how long and how fast.
        tokens: of a batch.
        judgements: times that it is judged.
        written: answers that are written at each.
    """

    name: str
    key: Mapping[str, Any]
    examples: Callable[[], Iterable[Example]]
    schedule: Schedule
    tokens: int = 6000
    judgements: int = 8
    written: int = 8


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of a stage.

    Attributes:
        run: the training.
        examples: learned from.
        held_out: examples that were not.
    """

    run: Run
    examples: int
    held_out: int

    @property
    def finished(self) -> bool:
        """Whether it was not left off before its time."""
        return self.run.stopped in {"steps", "patience"}


def learn(
    model: FusionModel,
    tokenizer: FusionTokenizer,
    stage: Stage,
    folder: Path,
    *,
    seed: int = 13,
    watching: Callable[[Mapping[str, Any], Schedule], AbstractContextManager[Watched]],
    tell: Callable[[int], None] | None = None,
    wait: float = 0.0,
) -> Learned:
    """Train a model through a stage; one that was finished before is taken from its checkpoint.

    Args:
        model: what is to learn requires gradients; left with the best weights.
        tokenizer: of the model.
        stage: what and how.
        folder: of its streams and checkpoints.
        seed: of what is held out, and of the order.
        watching: begins to watch, given what is known of the data, and the schedule.
        tell: told the number of examples that are tokenised.
        wait: seconds to wait for another process that writes the streams.

    Raises:
        UsageError: there are no examples.
        LoadError: the folder holds the checkpoint of another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = {"format": _FORMAT, "stage": stage.key, "seed": seed, "inputs": _inputs_key(tokenizer)}
    examples_of = _divided(stage, seed)
    held_out = _stream(examples_of, tokenizer, folder / "held-out", key, tell, wait)
    learned = _stream(examples_of, tokenizer, folder / "learned", key, tell, wait)
    batches = learned.batches(tokens=stage.tokens, seed=seed)
    schedule = _judged(stage, batches)
    data = {"examples": len(learned), "fingerprint": learned.fingerprint, "held_out": len(held_out)}
    with watching({stage.name: data}, schedule) as (watch, sample):
        examples = [held_out.example(n) for n in range(len(held_out))]
        judge = Judge(model, tokenizer, examples, stage.written, sample=sample)
        run = train(model, batches, likelihood(model), schedule, folder=folder, judge=judge, watch=watch)
    return Learned(run, len(learned), len(held_out))


def _judged(stage: Stage, batches: StreamBatches) -> Schedule:
    """Return the schedule of a stage with its judgements at even distances."""
    schedule, world = stage.schedule, max(1, launched())
    count = sum(batches.count(epoch) for epoch in range(schedule.epochs))
    steps = schedule.steps or count // (schedule.accumulate * world)
    return replace(schedule, judge_every=max(1, round(steps / stage.judgements)))


def _divided(stage: Stage, seed: int) -> Callable[[bool], Iterator[Example]]:
    """Return what gives the examples of a stage that are held out, or those that are not."""
    known: list[Callable[[Example], bool]] = []

    def chosen(held_out: bool) -> Iterator[Example]:
        known.append(known[0] if known else held_out_by(stage.examples(), seed))
        found = (example for example in stage.examples() if known[0](example) == held_out)
        return islice(found, _MOST_HELD_OUT if held_out else None)

    return chosen


def _stream(
    examples_of: Callable[[bool], Iterator[Example]],
    tokenizer: FusionTokenizer,
    place: Path,
    key: Mapping[str, Any],
    tell: Callable[[int], None] | None,
    wait: float,
) -> Stream:
    """Return tokenised examples of a stage: those held out, or the others, as the name of the folder has it."""
    from odqa.data.stream import write_stream

    def examples(start: int) -> Iterator[Mapping[str, Any]]:
        count = start
        for example in islice(examples_of(place.name == "held-out"), start, None):
            count += 1
            yield tokenized(example, tokenizer)
        if not count:
            raise UsageError(
                f"nothing can be learned in the stage of {place.parent.name}: there are no examples",
                "answers are learned as far as the documents that they name by `source` bear them out; "
                "--epochs 0 leaves that stage out, --sentences 0 the other",
            )

    text = json.dumps({**key, "part": place.name}, sort_keys=True)
    return write_stream(place, examples, key=text, length=length_of, progress=tell, wait=wait)


def held_out_by(examples: Iterable[Example], seed: int) -> Callable[[Example], bool]:
    """Return what tells whether an example is held out: its group decides, so that no group is divided.

    Args:
        examples: looked through until one is held out. Where there are so few groups that none would be, more are; of a
            single group, some examples are.
        seed: of the choice.
    """
    groups: dict[str, None] = {}
    for example in examples:
        if _drawn(example.group, seed, _HELD_OUT[0]):
            return lambda one: _drawn(one.group, seed, _HELD_OUT[0])
        groups[example.group] = None
    for share in _HELD_OUT[1:]:
        held_out = {group for group in groups if _drawn(group, seed, share)}
        if held_out and len(held_out) < len(groups):
            return lambda one: one.group in held_out
    if len(groups) > 1:
        first = min(groups)
        return lambda one: one.group == first
    return lambda one: _drawn(one.answer, seed, _HELD_OUT[1])


def _drawn(text: str, seed: int, share: int) -> bool:
    return int.from_bytes(hashlib.sha256(f"{seed}/{text}".encode()).digest()[:4]) % share == 0


def _inputs_key(tokenizer: FusionTokenizer) -> Mapping[str, Any]:
    vocabularies = [json.dumps(one.get_vocab(), sort_keys=True) for one in (tokenizer.encoder, tokenizer.decoder)]
    marks = hashlib.sha256("".join([*vocabularies, *tokenizer.marks]).encode()).hexdigest()
    return {"limits": asdict(tokenizer.limits), "vocabularies": marks}
