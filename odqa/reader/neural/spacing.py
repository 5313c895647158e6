"""Blanks between words and signs, as English is written: `3 . 5 %` is 3.5%, `it ' s` is it's.

Vocabularies of word pieces (Wu et al. 2016) keep no blanks: every sign is a token of its own, and what stood around it
is lost. Where the sources do not tell, rules do.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

from odqa.reader.neural.atoms import SIGN

_CLOSING = frozenset(".,;:!?)]}%”»…’")
_OPENING = frozenset("([{“‘«$")
_JOINED = frozenset("-‐‑/@_—\\^")
"""Signs that touch what stands on both sides."""
_CONTRACTED = frozenset("s t re ve ll d m em".split())
_ELIDED = frozenset("o d l n".split())
"""What stands before the apostrophe of o'clock, d'Azur, l'Aquila."""
_STRAIGHT = frozenset("'\"")
_YEAR = regex.compile(r"1[0-9]{3}|20[0-9]{2}")
_DIGITS = regex.compile(r"\d+$")
_LETTER = regex.compile(r"\p{L}")
_HAN = regex.compile(r"\p{Han}")
_WORD = regex.compile(r"[\p{L}\p{N}].*", regex.DOTALL)


def blanks(atoms: Sequence[str], known: Sequence[bool | None]) -> list[bool]:
    """Tell before which words and signs a blank stands; none stands before the first.

    Args:
        atoms: words and single signs, in order.
        known: whether a blank stands before each, where that is known otherwise.
    """
    found: list[bool] = []
    open_quotes: dict[str, bool] = {}
    is_glued = False  # The sign before is one that opens something.
    for place, atom in enumerate(atoms):
        told = known[place]
        before = atoms[place - 1] if place else ""
        after = atoms[place + 1] if place + 1 < len(atoms) else ""
        kind = _quotation(atom, atoms, place, open_quotes) if atom in _STRAIGHT else ""
        blank = _blank(atoms, place, before, after, kind) and not is_glued if told is None else told
        blank = blank or not (SIGN.match(before) or SIGN.match(atom))  # Two words stay two.
        found.append(blank and place > 0)
        told_after = known[place + 1] if place + 1 < len(atoms) else None
        if kind and told is not None and told_after is not None and told is not told_after:
            kind = "opens" if told else "closes"  # The source knows better.
        if kind in {"opens", "closes"}:
            open_quotes[atom] = kind == "opens"
        is_glued = kind in {"opens", "joins"} or (not kind and _is_glue(atoms, place))
    return found


def _quotation(sign: str, atoms: Sequence[str], place: int, open_quotes: dict[str, bool]) -> str:
    """Tell what a straight quotation mark does: it opens or closes a quotation, joins two words, or ends a genitive."""
    before = atoms[place - 1] if place else ""
    after = atoms[place + 1] if place + 1 < len(atoms) else ""
    if sign == "'" and _WORD.fullmatch(before):
        if after in _CONTRACTED or (before in _ELIDED and _WORD.fullmatch(after)):
            return "joins"
        if before.endswith("s") and not open_quotes.get(sign):
            return "ends"
    if sign == "'" and before[-1:].isdigit() and not open_quotes.get(sign):
        return "ends"  # Feet, minutes.
    return "closes" if open_quotes.get(sign) else "opens"


def _blank(atoms: Sequence[str], place: int, before: str, after: str, kind: str) -> bool:
    """Tell whether a blank stands before an atom, as far as that atom decides."""
    atom = atoms[place]
    if kind:
        return kind == "opens"
    if atom in {"’", "‘"} and after in _CONTRACTED and _WORD.fullmatch(before):
        return False
    if atom in _CLOSING:
        return False
    if atom == "-" and not (_WORD.fullmatch(before) and _WORD.fullmatch(after)):
        return True  # A minus, or a dash at the edge of something.
    if atom == "–":
        return not (before.isdigit() and after.isdigit())
    if atom in _JOINED or (_HAN.match(atom) and _HAN.match(before)):
        return False
    return not _continues_number(atoms, place)


def _is_glue(atoms: Sequence[str], place: int) -> bool:
    """Tell whether what follows an atom touches it, whatever it is."""
    atom = atoms[place]
    before = atoms[place - 1] if place else ""
    after = atoms[place + 1] if place + 1 < len(atoms) else ""
    if atom in _OPENING or (atom in _JOINED and atom != "-"):
        return True
    if atom == "-":
        return bool(_WORD.fullmatch(before) and _WORD.fullmatch(after)) or (after.isdigit() and not before.isdigit())
    if atom in {"#", "+", "~"}:
        return after.isdigit()
    if atom == "–":
        return before.isdigit() and after.isdigit()
    if atom == "’":
        return after in _CONTRACTED or before in _ELIDED
    # Initials: u.s., j.r.r.
    return atom == "." and _is_letter(before) and _is_letter(after) and atoms[place + 2 : place + 3] == ["."]


def _continues_number(atoms: Sequence[str], place: int) -> bool:
    """Tell whether an atom goes on with the number before it: 4,000, 3.5, 14:30."""
    if place < 2 or not atoms[place][0].isdigit() or not (found := _DIGITS.search(atoms[place - 2])):
        return False
    sign, whole, part = atoms[place - 1], found.group(), atoms[place]
    digits = len(part) - len(part.lstrip("0123456789"))
    if sign == ",":
        return digits == 3 and len(whole) <= 3
    if sign == ".":
        return not _YEAR.fullmatch(whole)
    return sign == ":" and digits == 2 and len(whole) <= 2


def _is_letter(text: str) -> bool:
    return len(text) == 1 and _LETTER.match(text) is not None
