"""Normalised dates as people write them."""

from __future__ import annotations

import re

_CODED = re.compile(r"(?P<year>\d{4})-(?P<season>2[1-4])\Z|(?P<decade>\d{3})X\Z|(?P<century>\d\d)XX\Z")
_SEASON_NAMES = {21: "spring", 22: "summer", 23: "autumn", 24: "winter"}


def readable_date(date: str) -> str:
    """Return a normalised date as a person writes it where the code is none: `1888-21` → `spring 1888`."""
    match = _CODED.match(date)
    if match is None:
        return date
    if match["season"]:
        return f"{_SEASON_NAMES[int(match['season'])]} {match['year']}"
    if match["decade"]:
        return f"{match['decade']}0s"
    return f"{match['century']}00s"
