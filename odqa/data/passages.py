"""Divide a document into passages: the unit that is encoded, found, read and cited.

A passage holds as many whole sentences of one section as the token budget allows. Where to break is decided for a
whole run of sentences at once, as Knuth and Plass (1981) break a paragraph into lines: every passage costs the square
of the budget it leaves unused, and a break inside a paragraph or turn costs extra, so that passages are evenly filled,
end where the author paused, and leave no scrap at the end of a section.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from odqa.data.sections import find_sections
from odqa.data.sentences import cut, split_sentences, word_spans
from odqa.schema import Block, BlockKind, Document, ParsedDocument, Passage, PassageKind, Section, Span

MAX_SINGLE_ROWS = 2000
"""Rows up to which each row of a table is a passage; in a longer table, consecutive rows share one."""

CONTEXT_TOKENS = 32
"""Budget of a passage's title and section path, and another of a table's header."""

_JOIN = " › "
_INSIDE = 0.16  # Cost of a break inside a block: as much as a passage that ends with its block when only 60 % full.
_SCRAP = 0.25  # Share of the budget under which a passage says too little on its own, which costs 1.

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class _Atom:
    """One sentence or table row, with what a passage needs to know that begins or ends at it.

    Attributes:
        sentence: its characters.
        start: where a passage begins that begins here: before the speaker's name, for the first sentence of a turn.
        block: number of the block, or row, that it belongs to.
        speaker: who speaks, in a turn.
        lead: it is the caption or header of a table.
    """

    sentence: Span
    start: int
    block: int
    speaker: str = ""
    lead: bool = False

    def texts(self, text: str) -> Iterator[str]:
        """Yield what its weight is the sum of: the speaker's name, where it begins a turn, and the sentence."""
        if self.start < self.sentence.start:
            yield text[self.start : self.sentence.start]
        yield self.sentence.of(text)


@dataclass(frozen=True, slots=True)
class _Run:
    """Atoms of one section that may share passages, and what their contexts are made of.

    Attributes:
        kind: kind of the passages.
        section: index of the section.
        atoms: in order.
        path: document title, headings, table caption.
        header: header of the table, one line a row.
        caption: the last part of `path` is a caption.
        single: every atom is a passage of its own.
    """

    kind: PassageKind
    section: int
    atoms: tuple[_Atom, ...]
    path: tuple[str, ...]
    header: str = ""
    caption: bool = False
    single: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """The characters of a block that lie in one section; all of them, save where a huge paragraph was cut."""

    block: Block
    span: Span


def parse(document: Document, count_tokens: CountTokens, *, max_tokens: int = 128) -> ParsedDocument:
    """Divide a document into sections and passages.

    Every character that is not white, save headings and speakers' names, lies in a sentence of exactly one
    passage. A heading is part of the context of the passages under it; with nothing under it, it is a passage.

    Args:
        document: the document.
        count_tokens: counts the tokens of each text. Called once with all sentences, and once more with the
            words of those sentences that are over the budget alone. Joined sentences count as their sum.
        max_tokens: budget of a passage without its context; only one unbreakable word can be over it.
    """
    sections = find_sections(document)
    runs = [run for section in _parts(document, sections) for run in _runs(document, *section)]
    tokens = _count(document.text, runs, count_tokens, max_tokens)
    passages: list[Passage] = []
    for run in runs:
        atoms, weights = _fit(document.text, run.atoms, tokens, max_tokens)
        contexts = _Contexts(run, tokens)
        for first, end in pairwise(_breaks(atoms, weights, max_tokens, single=run.single)):
            passages.append(
                Passage(
                    document_id=document.id,
                    index=len(passages),
                    section=run.section,
                    span=Span(atoms[first].start, atoms[end - 1].sentence.end),
                    sentences=tuple(atom.sentence for atom in atoms[first:end]),
                    kind=run.kind,
                    context=contexts.of(atoms[first]),
                )
            )
    return ParsedDocument(document, sections, tuple(passages))


def _parts(document: Document, sections: Sequence[Section]) -> Iterator[tuple[Section, list[_Part]]]:
    number = 0
    for section in sections:
        parts: list[_Part] = []
        while number < len(document.blocks) and document.blocks[number].span.start < section.span.end:
            block = document.blocks[number]
            start, end = max(block.span.start, section.span.start), min(block.span.end, section.span.end)
            parts.append(_Part(block, Span(start, end)))
            if block.span.end > section.span.end:
                break  # The rest of it stands in the next section.
            number += 1
        yield section, parts


def _runs(document: Document, section: Section, parts: Sequence[_Part]) -> Iterator[_Run]:
    """Yield what may share a passage: prose with prose, turns with turns, each table for itself."""
    headings = sum(part.block.kind is BlockKind.HEADING for part in parts)
    body = parts[headings:]
    path = section.path if body else section.path[:-headings]
    titles = path if not document.title or document.title in section.path else (document.title, *path)
    together: list[_Part] = []
    for part in body or parts:
        if part.block.rows:
            caption = together.pop() if together and together[-1].block.kind is BlockKind.CAPTION else None
            if together:
                yield _prose(document.text, section, together, titles)
            yield _table(document.text, section, part.block, caption, titles)
            together = []
        elif together and (part.block.kind is BlockKind.TURN) != (together[-1].block.kind is BlockKind.TURN):
            yield _prose(document.text, section, together, titles)
            together = [part]
        else:
            together.append(part)
    if together:
        yield _prose(document.text, section, together, titles)


def _prose(text: str, section: Section, parts: Sequence[_Part], titles: tuple[str, ...]) -> _Run:
    kind = PassageKind.TURNS if parts[0].block.kind is BlockKind.TURN else PassageKind.TEXT
    atoms: list[_Atom] = []
    pieces = 0
    for part in parts:
        body = Span(max(part.block.body.start, part.span.start), part.span.end)
        for number, sentence in enumerate(split_sentences(text, body)):
            # Each item of a list counts as a block of its own: what it says belongs together.
            pieces += number == 0 or (part.block.kind is BlockKind.LIST and text.startswith("- ", sentence.start))
            start = sentence.start if number else part.span.start
            atoms.append(_Atom(sentence, start, pieces, part.block.speaker or ""))
    return _Run(kind, section.index, tuple(atoms), titles)


def _table(text: str, section: Section, block: Block, caption: _Part | None, titles: tuple[str, ...]) -> _Run:
    lines = [_trim(text, Span(row[0].start, row[-1].end)) for row in block.rows]
    header = lines[: block.header_rows]
    lead = [*(split_sentences(text, caption.span) if caption else ()), *header]
    spans = lead + lines[block.header_rows :]
    return _Run(
        kind=PassageKind.ROW,
        section=section.index,
        atoms=tuple(_Atom(span, span.start, number, lead=number < len(lead)) for number, span in enumerate(spans)),
        path=(*titles, caption.span.of(text)) if caption else titles,
        header="\n".join(line.of(text) for line in header),
        caption=caption is not None,
        single=len(lines) <= MAX_SINGLE_ROWS,
    )


def _trim(text: str, span: Span) -> Span:
    line = span.of(text)
    return Span(span.start + len(line) - len(line.lstrip()), span.end - len(line) + len(line.rstrip()))


def _count(text: str, runs: Sequence[_Run], count_tokens: CountTokens, max_tokens: int) -> dict[str, int]:
    """Count the tokens of all sentences, names and titles in one batch, then of the words that have to be cut apart."""
    texts: dict[str, None] = {}
    for run in runs:
        texts.update(dict.fromkeys(piece for atom in run.atoms for piece in atom.texts(text)))
        texts.update(dict.fromkeys(filter(None, (*run.path, run.header))))
    tokens = dict(zip(texts, count_tokens(list(texts)), strict=True)) if texts else {}
    heavy = [a for run in runs for a in run.atoms if sum(tokens[piece] for piece in a.texts(text)) > max_tokens]
    words = dict.fromkeys(word.of(text) for atom in heavy for word in word_spans(text, atom.sentence))
    if words:
        tokens.update(zip(words, count_tokens(list(words)), strict=True))
    return tokens


def _fit(
    text: str, atoms: Sequence[_Atom], tokens: Mapping[str, int], max_tokens: int
) -> tuple[list[_Atom], list[int]]:
    """Cut the sentences that are over the budget alone; return the atoms and their weights in tokens."""
    fitted: list[_Atom] = []
    weights: list[int] = []
    for atom in atoms:
        *prefix, weight = (tokens[piece] for piece in atom.texts(text))
        if weight + sum(prefix) <= max_tokens:
            fitted.append(atom)
            weights.append(weight + sum(prefix))
            continue
        words = word_spans(text, atom.sentence)
        sizes = [tokens[word.of(text)] for word in words]
        sizes[0] += sum(prefix)
        first = 0
        for piece in cut(text, words, sizes, max_tokens):
            end = next(n for n in range(first, len(words)) if words[n].end == piece.end) + 1
            fitted.append(replace(atom, sentence=piece, start=piece.start if first else atom.start))
            weights.append(sum(sizes[first:end]))
            first = end
    return fitted, weights


def _breaks(atoms: Sequence[_Atom], weights: Sequence[int], max_tokens: int, *, single: bool) -> list[int]:
    """Return where passages begin, and last where the last one ends, at the least total cost."""
    if single:
        return _row_breaks(atoms, weights, max_tokens)
    count = len(atoms)
    best = [0.0] + [math.inf] * count
    previous = [0] * (count + 1)
    for end in range(1, count + 1):
        inside = _INSIDE if end < count and atoms[end].block == atoms[end - 1].block else 0.0
        total = 0
        for start in range(end - 1, -1, -1):
            total += weights[start]
            if total > max_tokens and start < end - 1:
                break
            fill = min(total / max_tokens, 1.0)
            cost = best[start] + (1.0 - fill) ** 2 + (fill < _SCRAP) + inside
            if cost < best[end]:
                best[end], previous[end] = cost, start
    bounds = [count]
    while bounds[-1]:
        bounds.append(previous[bounds[-1]])
    return bounds[::-1]


def _row_breaks(atoms: Sequence[_Atom], weights: Sequence[int], max_tokens: int) -> list[int]:
    """Give each row its passage; caption and header go with the first row as far as the budget allows."""
    bounds, total = [0], 0
    for position, (atom, weight) in enumerate(zip(atoms, weights, strict=True)):
        total += weight
        if position and (total > max_tokens or not (atom.lead or atoms[position - 1].lead)):
            bounds.append(position)
            total = weight
    return [*bounds, len(atoms)] if atoms else [0]


class _Contexts:
    """Makes the contexts of a run's passages; a run has few different ones."""

    def __init__(self, run: _Run, tokens: Mapping[str, int]) -> None:
        # The first passage of a table holds the caption and the header itself.
        self.opening = _shorten(run.path[:-1] if run.caption else run.path, tokens)
        self.path = _shorten(run.path, tokens) if run.caption else self.opening
        self.header = _clip(run.header, tokens.get(run.header, 0), CONTEXT_TOKENS)

    def of(self, first: _Atom) -> str:
        """Return the context of the passage that begins with `first`."""
        if first.lead:
            return self.opening
        # A turn that goes on has its speaker in the passage before.
        speaker = first.speaker if first.start == first.sentence.start else ""
        path = _JOIN.join(filter(None, (self.path, speaker)))
        return "\n".join(filter(None, (path, self.header)))


def _shorten(path: Sequence[str], tokens: Mapping[str, int]) -> str:
    """Join a path within its budget: the title and the innermost part matter most, what lies between goes first."""
    parts = [part for part in path if part]
    sizes = [tokens[part] + 1 for part in parts]
    while len(parts) > 2 and sum(sizes) > CONTEXT_TOKENS:
        del parts[1], sizes[1]
    if len(parts) == 2 and sum(sizes) > CONTEXT_TOKENS:
        room = max(CONTEXT_TOKENS - sizes[1], CONTEXT_TOKENS // 2)
        parts[0] = _clip(parts[0], sizes[0], room)
        parts[1] = _clip(parts[1], sizes[1], CONTEXT_TOKENS - min(sizes[0], room))
    elif parts:
        parts[0] = _clip(parts[0], sizes[0], CONTEXT_TOKENS) if len(parts) == 1 else parts[0]
    return _JOIN.join(parts)


def _clip(text: str, size: int, limit: int) -> str:
    """Keep about as much of a text of `size` tokens as `limit` allows, in whole words where it has any."""
    if size <= limit:
        return text
    kept = text[: len(text) * limit // size]
    whole = kept.rpartition(" ")[0] or kept
    return f"{whole}…"
