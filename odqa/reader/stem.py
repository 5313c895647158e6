"""Porter's suffix stripping (Porter 1980, "An algorithm for suffix stripping") with irregular forms.

A stem is a key for matching, never shown to anyone. Words that are not ASCII letters are returned as they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

_IRREGULAR_FORMS = (
    "say said|pay paid|lay laid|build built|buy bought|bring brought|think thought|fight fought|catch caught|"
    "teach taught|seek sought|make made|take took taken|give gave given|get got gotten|go went gone|come came|"
    "become became|begin began begun|see saw seen|know knew known|grow grew grown|throw threw thrown|fly flew flown|"
    "draw drew drawn|show shown|hold held|tell told|sell sold|find found|stand stood|understand understood|"
    "lose lost|leave left|keep kept|meet met|lead led|feel felt|mean meant|send sent|spend spent|write wrote written|"
    "rise rose risen|fall fell fallen|speak spoke spoken|break broke broken|choose chose chosen|drive drove driven|"
    "eat ate eaten|forget forgot forgotten|hide hid hidden|steal stole stolen|wear wore worn|win won|run ran|"
    "die died dying dies|child children|man men|woman women|foot feet|person people|shoot shot|sing sang sung|"
    "sink sank sunk|swim swam swum|strike struck|wake woke woken|hear heard|sit sat|have has had having|"
    "be is are was were been being am|do does did done doing|life lives|wife wives|thief thieves|leaf leaves"
)
_IRREGULAR = {form: forms[0] for forms in map(str.split, _IRREGULAR_FORMS.split("|")) for form in forms}

_CONSONANT = "(?:[^aeiouy]|(?<=[aeiou])y|^y)"
_VOWEL = "(?:[aeiou]|(?<![aeiou])(?<!^)y)"
_VOWEL_RE = re.compile(_VOWEL)
_MEASURE = re.compile(f"{_VOWEL}+{_CONSONANT}+")
_DOUBLE = re.compile(r"([^aeioulsz])\1$")
_SHORT = re.compile(f"{_CONSONANT}{_VOWEL}[^aeiouwxy]$")

_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("abli", "able"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize",
    "al", "er", "ic", "ou",
)  # fmt: skip


def _measure(stem: str) -> int:
    return len(_MEASURE.findall(stem))


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    suffix = "ed" if word.endswith("ed") else "ing" if word.endswith("ing") else ""
    base = word[: len(word) - len(suffix)]
    if not suffix or not _VOWEL_RE.search(base):
        return word
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if _DOUBLE.search(base):
        return base[:-1]
    return base + "e" if _measure(base) == 1 and _SHORT.search(base) else base


def _replace(word: str, rules: tuple[tuple[str, str], ...]) -> str:
    for suffix, replacement in rules:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            return base + replacement if _measure(base) else word
    return word


def _strip(word: str) -> str:
    for suffix in _STEP_4:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            return base if _measure(base) > 1 else word
    if word.endswith(("sion", "tion")) and _measure(word[:-3]) > 1:
        return word[:-3]
    return word


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return the stem of a lower-case word.

    Args:
        word: a folded word; anything but ASCII letters comes back unchanged.
    """
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word
    word = _past(_plural(word))
    if word.endswith("y") and _VOWEL_RE.search(word[:-1]):
        word = word[:-1] + "i"
    word = _strip(_replace(_replace(word, _STEP_2), _STEP_3))
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _SHORT.search(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
