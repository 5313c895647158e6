"""Text of a vocabulary that knows neither capitals nor blanks, written as people write it.

Most of what such a decoder writes stands in what it has read. Each run of words takes the form that it has there, the
longest runs first, so that names of several words come right; of forms that differ, the commonest one is taken that
owes its capital to no beginning of a sentence and to no heading. Truecasing by the local document rather than by a
language model: the sources say more about their own names than any list could (cf. Lita et al. 2003). Only capitals,
accents and blanks change: the result has the tokens that were written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import regex

from odqa.reader.neural.atoms import ATOM, UNKNOWN, Atom, atoms_of, is_word, key_of, may_end
from odqa.reader.neural.spacing import blanks
from odqa.reader.words import is_stop, squeeze

T = TypeVar("T")

_DRAFT = regex.compile(rf"\[(?P<mark>\d{{1,4}})\]|\[UNK\]|{ATOM.pattern}")
_DATED = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july september october "
    "november december".split()
)
_PERHAPS_DATED = frozenset({"march", "may", "august"})
_TITLES = frozenset({"mr", "mrs", "ms", "dr"})
_CODE = regex.compile(r"\p{L}{1,3}\d+")
_TRUSTED = 4
"""A run of so many words and signs tells where a sentence ends, too."""
_QUOTED = 3
"""A run of so many tells which quotation a mark belongs to."""
_LED = 2
"""So many words and signs before a word tell why it has its capital."""
_LONGEST_ACRONYM = 4
_LONGEST_WORD = 100
"""Characters of the longest word that WordPiece takes apart."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words and signs of a draft that stand in the sources one behind the other.

    Attributes:
        start: place of the first in the draft.
        length: how many there are.
        weight: words, or words and signs, and whether the source is the one cited: the greater is believed.
        places: source, and place in it, of each time that they stand there.
    """

    start: int
    length: int
    weight: tuple[int, bool]
    places: tuple[tuple[int, int], ...]


class Restored(NamedTuple):
    """A sentence as people write it, with its marks, and where it ends in the draft."""

    text: str
    end: int


class Casing:
    """Gives drafts the capitals, accents and blanks of what they were written from.

    Args:
        sources: text of each source by the number that it is cited by.
        beside: further texts, such as titles and the question.
    """

    def __init__(self, sources: Mapping[int, str], beside: Iterable[str] = ()) -> None:
        texts = [*sources.values(), *beside]
        self._numbers = [*sources, *[0] * (len(texts) - len(sources))]
        self._sources = [list(atoms_of(text)) for text in texts]
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, source in enumerate(self._sources):
            for place, atom in enumerate(source):
                self._places[atom.key].append((number, place))

    def restore(self, text: str) -> str:
        """Return a draft as people write it; marks such as `[3]` stay where they are.

        Args:
            text: as the decoder's vocabulary gives it.
        """
        return " ".join(sentence.text for sentence in self.sentences(text))

    def sentences(self, text: str) -> list[Restored]:
        """Return the sentences of a draft as people write them, each with its marks.

        Args:
            text: as the decoder's vocabulary gives it.
        """
        said, ends, marks = _taken_apart(text)
        keys = [key_of(atom) for atom in said]
        cited = _cited(len(keys), marks)
        words, joints = self._runs(keys, cited, of_words=True), self._runs(keys, cited, of_words=False)
        spaced = blanks(keys, [self._blank(joints[place], keys, place) for place in range(len(keys))])
        written: list[str] = ["".join(f"[{number}] " for number in marks.get(-1, ()))]
        closed: list[int] = []
        opens = True
        for place, key in enumerate(keys):
            if place and self._begins(joints[place], keys, spaced, place):
                written.append("")
                closed.append(ends[place - 1])
                opens = True
            # A vocabulary with capitals knows better.
            word = said[place] if said[place] != key else self._form(words[place], keys, place)
            if opens and is_word(key):
                word, opens = _capitalized(word), False
            marked = "".join(f" [{number}]" for number in marks.get(place, ()))
            written[-1] += f"{' ' if spaced[place] and written[-1] else ''}{word}{marked}"
        found = zip(written, [*closed, len(text)], strict=True)
        return [Restored(squeeze(sentence), end) for sentence, end in found if sentence.strip()]

    def _runs(self, keys: Sequence[str], cited: Sequence[frozenset[int]], *, of_words: bool) -> list[Run | None]:
        """Return the longest run that holds each place of a draft.

        Args:
            keys: words and signs of the draft.
            cited: numbers of the sources that each was cited from.
            of_words: count words alone, so that full stops say nothing about names; else the run has to hold the place
                before as well.
        """
        best: list[Run | None] = [None] * len(keys)
        for start in range(len(keys)):
            run = self._longest(keys, start, cited[start], of_words=of_words)
            for place in range(start + (not of_words), start + run.length if run else start):
                known = best[place]
                if run is not None and (known is None or run.weight > known.weight):
                    best[place] = run
        return best

    def _longest(self, keys: Sequence[str], start: int, cited: frozenset[int], *, of_words: bool) -> Run | None:
        """Return the longest run that begins at a place, of equals that in a cited source."""
        best, places = (0, False, 0), list[tuple[int, int]]()
        for number, place in self._places.get(keys[start], ()):
            source, length = self._sources[number], 1
            while (
                start + length < len(keys)
                and place + length < len(source)
                and _matches(keys[start + length], source[place + length].key)
            ):
                length += 1
            weight = sum(map(is_word, keys[start : start + length])) if of_words else length
            found = weight, self._numbers[number] in cited, length
            if found > best:
                best, places = found, []
            if found == best:
                places.append((number, place))
        return Run(start, best[2], best[:2], tuple(places)) if places else None

    def _atoms(self, run: Run, place: int) -> list[Atom]:
        """Return what stands in the sources at a place of a run."""
        return [self._sources[number][at + place - run.start] for number, at in run.places]

    def _blank(self, run: Run | None, keys: Sequence[str], place: int) -> bool | None:
        """Tell whether a blank stands before a place, if the sources know."""
        if run is None or (run.length < _QUOTED and {"'", '"'} & {keys[place - 1], keys[place]}):
            return None  # Two signs in a row do not tell which quotation they belong to.
        return _majority([atom.blank for atom in self._atoms(run, place)])

    def _begins(self, run: Run | None, keys: Sequence[str], spaced: Sequence[bool], place: int) -> bool:
        """Tell whether a sentence begins at a place that is not the first."""
        if run is not None and run.length >= _TRUSTED and run.start < place - 1:
            return _majority([atom.begins for atom in self._atoms(run, place)])
        return spaced[place] and may_end(keys, place)

    def _form(self, run: Run | None, keys: Sequence[str], place: int) -> str:
        """Return a word as it should stand within a sentence."""
        if run is None or _is_dated(keys, place):
            return _form_alone(keys, place)
        key, here = keys[place], self._atoms(run, place)
        if not is_word(here[0].key):
            return here[0].text
        if run.length == 1 and key == "i":
            return "I"
        if run.length > 1 or not is_stop(key):
            # Behind the same words a capital stands for the same reason, as that of “We in: Ellis said: “We cannot.
            is_led = place - run.start >= _LED
            plain = [atom.text for atom in here if not atom.shouts and (is_led or not atom.opens)]
            if run.length == 1 or not plain:
                others = [self._sources[number][at] for number, at in self._places.get(key, ())]
                plain = plain or [atom.text for atom in others if not atom.opens and not atom.shouts]
            if plain:
                return _majority(plain)
        return self._opening_form(run, place, here)

    def _opening_form(self, run: Run, place: int, here: Sequence[Atom]) -> str:
        """Return a word that stands in the sources only where its capital may mean nothing."""
        word = here[0].text
        if is_stop(word.lower()):
            return word.lower()
        if word[1:] != word[1:].lower():
            return word.lower() if here[0].shouts and len(word) > _LONGEST_ACRONYM else word
        if here[0].shouts:
            return word if run.length > 1 else word.lower()
        number, at = run.places[0]
        after = self._sources[number][at + place - run.start + 1 :][:1]
        is_name = bool(after) and is_word(after[0].key) and after[0].text[:1].isupper() and after[0].blank
        return word if is_name else word.lower()


def _taken_apart(text: str) -> tuple[list[str], list[int], dict[int, list[int]]]:
    """Return the words and signs of a draft, where each ends with its marks, and the marks behind them by place.

    Marks before the first word are at −1.
    """
    atoms: list[str] = []
    ends: list[int] = []
    marks: dict[int, list[int]] = {}
    for match in _DRAFT.finditer(text):
        if number := match["mark"]:
            marks.setdefault(len(atoms) - 1, []).append(int(number))
            ends[-1:] = [match.end()] if ends else []
        elif key_of(match.group()):
            atoms.append(match.group())
            ends.append(match.end())
    return atoms, ends, marks


def _cited(count: int, marks: Mapping[int, Sequence[int]]) -> list[frozenset[int]]:
    """Return for each place of a draft the numbers of the marks that come next."""
    found: list[frozenset[int]] = []
    following: frozenset[int] = frozenset()
    for place in reversed(range(count)):
        following = frozenset(marks.get(place, following))
        found.append(following)
    return found[::-1]


def _matches(key: str, source: str) -> bool:
    """Tell whether a word of a draft is one of a source; vocabularies can write all but words of rare characters."""
    return key == source or (key == UNKNOWN and (not source.isascii() or len(source) > _LONGEST_WORD))


def _is_dated(keys: Sequence[str], place: int) -> bool:
    """Tell whether a word names a day or a month."""
    if keys[place] in _DATED:
        return True
    beside = [*keys[max(place - 1, 0) : place], *keys[place + 1 : place + 2]]
    return keys[place] in _PERHAPS_DATED and any(near[0].isdigit() for near in beside)


def _form_alone(keys: Sequence[str], place: int) -> str:
    """Return a word that no source has; one that nobody can write is left out."""
    key = keys[place]
    if key == UNKNOWN:
        return ""
    if _CODE.fullmatch(key):
        return key.upper()
    is_initial = len(key) == 1 and keys[place + 1 : place + 2] == ["."] and place + 2 < len(keys)
    before = keys[place - 2 : place] if keys[place - 1 : place] == ["."] else keys[place - 1 : place]
    is_named = key in _TITLES or bool(_TITLES & set(before[:1]))
    return _capitalized(key) if key == "i" or is_initial or is_named or _is_dated(keys, place) else key


def _capitalized(word: str) -> str:
    """Return a word with a capital; iPhone and eBay stay."""
    return word if word[1:] != word[1:].lower() else word[:1].upper() + word[1:]


def _majority(values: Sequence[T]) -> T:
    return Counter(values).most_common(1)[0][0]
