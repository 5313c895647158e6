"""Which headers adjectives measure by."""

from __future__ import annotations

_LARGE = ("area", "size", "popul", "capac", "seat", "enrol", "enrollment", "vote", "total")
_BORN = ("born", "birth", "built", "found", "establish", "open", "complet", "construct", "year", "date")
MEASURED_BY: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "longest": (("length", "durat", "time", "distanc", "long", "run", "reign", "span"), ()),
    "shortest": (("length", "durat", "time", "distanc", "long", "height", "run", "reign"), ()),
    "tallest": (("height",), ()),
    "deepest": (("depth",), ()),
    "heaviest": (("weight", "mass"), ()),
    "lightest": (("weight", "mass"), ()),
    "oldest": (("age",), _BORN),
    "youngest": (("age",), _BORN),
    "largest": (_LARGE, ()),
    "biggest": (_LARGE, ()),
    "smallest": (_LARGE, ()),
    "fastest": (("speed",), ("time",)),
    "quickest": (("speed",), ("time",)),
    "slowest": (("speed",), ("time",)),
    "earliest": (_BORN, ()),
    "latest": (_BORN, ()),
    "newest": (_BORN, ()),
    "busiest": (("passeng", "traffic"), ()),
    "farthest": (("distanc",), ()),
    "richest": (("worth", "wealth", "gdp"), ()),
}
"""Stems of headers that an adjective measures by, and those by which it does backwards: the oldest was born first."""
