"""A language model answers from numbered excerpts, sentence by sentence.

What it says is a proposal: each sentence names the evidence that it claims to rest on, and is checked against it by
whoever asked. Where more is found than the model reads at once, it takes notes from each part first, and answers from
the notes, which keep the numbers of their excerpts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from odqa.errors import ConfigError, ModelError
from odqa.llm import GREEDY, Completion, LanguageModel, Prompt, Sampling, Usage, make_language_model, prompt_room
from odqa.llm.untrusted import visible
from odqa.protocols import Encoder
from odqa.reader.chat.drafting import Drafting, draft_of
from odqa.reader.chat.packing import Excerpt, Read, by_value, excerpts, fill
from odqa.reader.chat.parse import AnswerParser, Cited
from odqa.reader.chat.prompt import answer_prompt, notes_prompt, reduce_prompt
from odqa.reader.chat.sentences import Sources
from odqa.reader.question import analyse, resolve_style
from odqa.reader.untrusted import quarantined
from odqa.schema import AnswerStyle, Draft, DraftSentence, Evidence, Style

if TYPE_CHECKING:
    from odqa.settings import Settings

_TOKENS_PER_WORD = 1.6
_SPARE_TOKENS = 64
_LARGE_CONTEXT = 8192
_MOST_THOUGHTS = 2048
"""Tokens that a model with a large context may use up beyond the words wanted, as those that think aloud do."""
_ENOUGH = 0.66
"""Where so much of the evidence's value fits one prompt, the rest is left out rather than read in parts."""
_MOST_BATCHES = 8
_LEAST_NOTES, _MOST_NOTES = 96, 512
_LEAST_ROOM = 128


class ChatReader:
    """Answers with a language model that follows instructions.

    Args:
        model: whom to ask.
        sampling: how it chooses its words.
        max_tokens: most tokens that it writes for an answer; 0 goes by the words wanted.

    Raises:
        ConfigError: the model only rewrites texts.
    """

    name = "chat"

    def __init__(self, model: LanguageModel, *, sampling: Sampling = GREEDY, max_tokens: int = 0) -> None:
        if not model.follows_instructions:
            raise ConfigError(
                f"{model.name} only rewrites texts and cannot answer questions",
                "name a model that follows instructions, or set reader = extractive",
            )
        self.model, self._sampling, self._max_tokens = model, sampling, max_tokens

    def draft(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> Draft:
        """Propose an answer, or say that the evidence is silent.

        Args:
            question: in words.
            evidence: best first.
            style: layout and length wanted.

        Raises:
            ModelError: the model cannot be reached or run, or reads too little to be asked.
        """
        return draft_of(self.stream(question, evidence, style))

    def stream(
        self, question: str, evidence: Sequence[Evidence], style: AnswerStyle
    ) -> Iterator[DraftSentence | Draft]:
        """Yield each sentence once it is written, then the whole draft; closing the iterator stops the model.

        Args:
            question: in words.
            evidence: best first.
            style: layout and length wanted.

        Raises:
            ModelError: as `draft`.
        """
        layout, words = resolve_style(question, style)
        asked = _Asked(question, layout, words, self._tokens(words))
        passages = [Read(n, kept) for n, item in enumerate(evidence) if (kept := quarantined(item)) is not None]
        if not passages:
            yield Draft((), "No passage was found that could answer this.")
            return
        answer = Drafting(self.model.name, Sources(question, passages), asked.max_tokens)
        answer.note_untrusted(len(evidence) - len(passages))
        prompt, shown = self._prompt(asked, passages, answer)
        if prompt is None:
            yield answer.finish(AnswerParser(()), layout)
            return
        answer.shown = {excerpt.number: excerpt for excerpt in shown}
        parser = AnswerParser(answer.shown)
        yield from self._written(prompt, asked, parser, answer)
        yield answer.finish(parser, layout)

    def _written(
        self, prompt: Prompt, asked: _Asked, parser: AnswerParser, answer: Drafting
    ) -> Iterator[DraftSentence]:
        pieces = self.model.stream(prompt, max_tokens=asked.max_tokens, sampling=self._sampling)
        completion = Completion("")
        try:
            for piece in pieces:
                if isinstance(piece, Completion):
                    completion = piece
                else:
                    yield from answer.take(parser.feed(piece))
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        answer.usage += self._usage(prompt, completion)
        answer.note(completion)
        yield from answer.take(parser.close(is_cut=completion.finish != "stop"))

    def _prompt(
        self, asked: _Asked, passages: Sequence[Read], answer: Drafting
    ) -> tuple[Prompt | None, Sequence[Excerpt]]:
        """Return the prompt for the answer and the excerpts that it may name; no prompt where the notes are empty."""
        count = self.model.count_tokens
        room = self._room(answer_prompt(asked.question, [], asked.layout, asked.words), asked.max_tokens)
        terms = analyse(asked.question).terms
        packed = excerpts(by_value(passages), terms, count, room - 1)
        batches = list(fill(packed, room, count))
        if not batches:
            raise ModelError(f"{self.model.name} reads too little for a single passage", "raise llm_context")
        first = batches[0]
        if len(batches) == 1 or sum(excerpt.value for excerpt in first) >= _ENOUGH:
            self._say_left(packed, first, passages, answer)
            return answer_prompt(asked.question, first, asked.layout, asked.words), first
        notes, shown = self._notes(asked, packed, passages, answer)
        if not notes:
            return None, shown
        room = self._room(reduce_prompt(asked.question, [], asked.layout, asked.words), asked.max_tokens)
        return reduce_prompt(asked.question, _fitting(notes, room, self.model), asked.layout, asked.words), shown

    def _notes(
        self, asked: _Asked, packed: Sequence[Excerpt], passages: Sequence[Read], answer: Drafting
    ) -> tuple[list[str], list[Excerpt]]:
        """Return notes on the parts of the evidence, the best part's first, and the excerpts that they are from."""
        # Notes have to fit together into the prompt for the answer.
        room = self._room(reduce_prompt(asked.question, [], asked.layout, asked.words), asked.max_tokens)
        most = max(_LEAST_NOTES, min(_MOST_NOTES, room // 3))
        notes_room = self._room(notes_prompt(asked.question, []), most)
        batches = list(islice(fill(packed, notes_room, self.model.count_tokens), _MOST_BATCHES))
        shown = [excerpt for batch in batches for excerpt in batch]
        self._say_left(packed, shown, passages, answer)
        prompts = [notes_prompt(asked.question, batch) for batch in batches]
        completions = self.model.generate(prompts, max_tokens=most, sampling=self._sampling)
        notes: list[str] = []
        for batch, prompt, completion in zip(batches, prompts, completions, strict=True):
            answer.usage += self._usage(prompt, completion)
            parser = AnswerParser({excerpt.number for excerpt in batch})
            cited = [*parser.feed(completion.text), *parser.close(is_cut=completion.finish != "stop")]
            notes += [_note(said) for said in cited if said.numbers]
        return notes, shown

    def _say_left(
        self, packed: Sequence[Excerpt], shown: Sequence[Excerpt], passages: Sequence[Read], answer: Drafting
    ) -> None:
        left = sum(len(excerpt.evidence) for excerpt in packed) - sum(len(excerpt.evidence) for excerpt in shown)
        if left:
            answer.notes.append(
                f"{left} of {len(passages)} passages did not fit what {self.model.name} reads at once "
                f"({self.model.context_tokens} tokens; see llm_context)"
            )

    def _room(self, empty: Prompt, max_tokens: int) -> int:
        taken = sum(self.model.count_tokens(message.content) for message in empty)
        room = prompt_room(self.model, max_tokens) - taken
        if room < _LEAST_ROOM:
            raise ModelError(
                f"{self.model.name} reads {self.model.context_tokens} tokens at once, which leaves none for evidence",
                "raise llm_context, lower llm_tokens, or take a model with a longer context",
            )
        return room

    def _tokens(self, words: int) -> int:
        """Return the most tokens of an answer of so many words."""
        if self._max_tokens:
            return self._max_tokens
        context = self.model.context_tokens
        wanted = round(_TOKENS_PER_WORD * words) + _SPARE_TOKENS
        if context >= _LARGE_CONTEXT:
            wanted += min(_MOST_THOUGHTS, context // 4)
        return min(wanted, context // 2)

    def _usage(self, prompt: Prompt, completion: Completion) -> Usage:
        """Return the tokens of a call, estimated where the server does not count."""
        count = self.model.count_tokens
        read, written = completion.usage.prompt_tokens, completion.usage.completion_tokens
        return Usage(read or sum(count(message.content) for message in prompt), written or count(completion.text))


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    layout: Style
    words: int
    max_tokens: int


def _note(said: Cited) -> str:
    """Write a note down for the next prompt: what a model copied from a document is no more to be trusted than that."""
    return f"{visible(said.text)} {''.join(f'[{number}]' for number in said.numbers)}"


def _fitting(notes: Sequence[str], room: int, model: LanguageModel) -> list[str]:
    kept: list[str] = []
    for note in dict.fromkeys(notes):
        room -= model.count_tokens(note) + 1
        if room < 0:
            break
        kept.append(note)
    return kept


def make_chat(settings: Settings, encoder: Encoder) -> ChatReader:
    """Return the chat reader over the language model of the settings; the encoder is not needed.

    Raises:
        ConfigError: no model is named, or it follows no instructions.
        ModelError: it does not exist or cannot be reached.
    """
    sampling = Sampling(settings.llm_temperature, settings.llm_top_p)
    return ChatReader(make_language_model(settings), sampling=sampling, max_tokens=settings.llm_tokens)
