"""Ask a model what is not in the cache: in batches, once more where an answer is not of the form."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from odqa.index.summary.generative.answers import Said, read_answer, salvage
from odqa.index.summary.generative.cache import AnswerCache, Rate
from odqa.index.summary.generative.prompts import Task, repair_prompt
from odqa.llm import Completion, LanguageModel, Prompt, Usage

_BATCH = 16
"""Calls after which answers are kept, so that an interruption loses no more."""


class Asker:
    """One model with the cache of its answers.

    Attributes:
        model: whom to ask.
        cache: where its answers are kept.
    """

    def __init__(self, model: LanguageModel, cache: AnswerCache) -> None:
        self.model, self.cache = model, cache
        self._rate_name = f"{model.fingerprint} at {model.place}"

    @property
    def rate(self) -> Rate:
        """What calls of this model took so far, in this process and before."""
        return self.cache.rate(self._rate_name)

    def is_kept(self, task: Task) -> bool:
        """Tell whether a call needs no model."""
        return task.key(self.model.fingerprint) in self.cache

    def ask(self, tasks: Sequence[Task]) -> list[list[Said] | None]:
        """Return what the model said to each task; None where nothing of it can be used.

        Raises:
            ModelError: the model cannot be reached or run. Answers up to then are kept.
        """
        keys = [task.key(self.model.fingerprint) for task in tasks]
        kept = {row: completion for row, key in enumerate(keys) if (completion := self.cache.get(key)) is not None}
        missing = [row for row in range(len(tasks)) if row not in kept]
        for start in range(0, len(missing), _BATCH):
            rows = missing[start : start + _BATCH]
            for row, completion in zip(rows, self._complete([tasks[row] for row in rows]), strict=True):
                self.cache.put(keys[row], completion)
                kept[row] = completion
        return [_read(task, kept[row]) for row, task in enumerate(tasks)]

    def _complete(self, tasks: Sequence[Task]) -> list[Completion]:
        completions = self._generate(tasks, [task.prompt for task in tasks])
        # An answer that was cut would be cut again; what stands complete in it is used.
        again = [
            row
            for row, (task, completion) in enumerate(zip(tasks, completions, strict=True))
            if task.schema is not None and completion.finish != "length" and read_answer(task, completion.text) is None
        ]
        if again:
            repairs = [repair_prompt(tasks[row], completions[row].text) for row in again]
            for row, repaired in zip(again, self._generate([tasks[row] for row in again], repairs), strict=True):
                if _read(tasks[row], repaired) is not None:
                    completions[row] = repaired
        return completions

    def _generate(self, tasks: Sequence[Task], prompts: Sequence[Prompt]) -> list[Completion]:
        """Return the completions in order; tasks of one form go to the model together."""
        done: list[Completion] = [Completion("")] * len(tasks)
        start = time.perf_counter()
        for rows in _alike(tasks):
            first = tasks[rows[0]]
            completions = self.model.generate(
                [prompts[row] for row in rows], max_tokens=first.max_tokens, schema=first.schema
            )
            for row, completion in zip(rows, completions, strict=True):
                done[row] = completion
        usages = (self._usage(prompt, completion) for prompt, completion in zip(prompts, done, strict=True))
        self.cache.note_rate(self._rate_name, len(tasks), time.perf_counter() - start, sum(usages, start=Usage()))
        return done

    def _usage(self, prompt: Prompt, completion: Completion) -> Usage:
        """Return the tokens of a call, estimated where the server does not count."""
        count = self.model.count_tokens
        read, written = completion.usage.prompt_tokens, completion.usage.completion_tokens
        return Usage(read or sum(count(message.content) for message in prompt), written or count(completion.text))


def _alike(tasks: Sequence[Task]) -> Iterator[list[int]]:
    groups: dict[tuple[int, str], list[int]] = {}
    for row, task in enumerate(tasks):
        groups.setdefault((task.max_tokens, repr(task.schema)), []).append(row)
    yield from groups.values()


def _read(task: Task, completion: Completion) -> list[Said] | None:
    said = read_answer(task, completion.text)
    return said if said is not None or task.schema is None else salvage(task, completion.text) or None
