"""Conditions on documents: `year >= 2019 and (author = "Ada Lovelace" or tags has budget)`.

    condition   = clause { "or" clause }
    clause      = part { "and" part }
    part        = "not" part | "(" condition ")" | test
    test        = field comparison value | field [ "not" ] "in" "(" value { "," value } ")"
                | field [ "not" ] "has" value | field "is" [ "not" ] "missing"
    comparison  = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"

Fields and values of several words, or that hold one of the marks above, stand in quotation marks. Fields are those of
`odqa.retriever.fields`: `id`, `title`, `source`, `type`, `date`, `year`, and every name in the documents' metadata.
Texts compare without regard to case; `~` asks whether a value contains the text; a field with several values passes if
one of them does. Numbers compare as numbers and dates as dates, where a part of a date means all of its days: `date <=
2020-06` includes the whole of June. A test of a field that a document lacks is false, `!=` and `not in` too; only
`not` before a test, and `is missing`, take such documents in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from odqa.errors import UsageError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>!=|<>|<=|>=|==|!~|[=<>~≠≤≥])
    | (?P<mark>[(),])
    | (?P<word>[^\s"'(),=<>!~≠≤≥][^\s"(),=<>!~≠≤≥]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SAME = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">="}
_NEGATED = {"!=": "=", "!~": "~"}
_DEEPEST = 50
_EXAMPLE = 'e.g. year >= 2019 and author = "Ada Lovelace"'


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison.

    Attributes:
        field: its name as written.
        operator: `=`, `~`, `<`, `<=`, `>`, `>=`, `has` or `missing`.
        values: of which one has to fit.
        negated: whether documents pass that have the field and of which the comparison is false.
        column: where it stands, counted from 1.
    """

    __test__ = False  # pytest takes it for a class of tests otherwise.

    field: str
    operator: str
    values: tuple[str, ...]
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    """Documents for which the condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """Documents for which every condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Documents for which one of the conditions holds."""

    conditions: tuple[Condition, ...]


Condition = Test | Not | And | Or


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on documents, as written and as understood."""

    text: str
    condition: Condition


def parse_where(text: str) -> Where:
    """Read a condition.

    Raises:
        UsageError: it cannot be read; the message says at which column.
    """
    return Where(text, _Parser(text).read())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int

    @property
    def word(self) -> str:
        """The keyword that it may be; "" for what is quoted."""
        return self.text.casefold() if self.kind == "word" else ""


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def read(self) -> Condition:
        condition = self._any()
        if (token := self._next()).kind != "end":
            raise _mistake(
                f"expected `and` or `or`, not {token.text!r}", token, "put values of several words in quotes"
            )
        return condition

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._part()]
        while self._take("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _part(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _mistake("the condition is nested too deeply", self._peek(), f"at most {_DEEPEST} levels")
        if self._take("not"):
            condition: Condition = Not(self._part())
        elif self._take("("):
            opened = self._tokens[self._place - 1]
            condition = self._any()
            if not self._take(")"):
                raise _mistake(f"the parenthesis of column {opened.column} is not closed", self._peek())
        else:
            condition = self._test()
        self._depth -= 1
        return condition

    def _test(self) -> Test:
        name = self._next()
        if name.kind not in {"word", "quoted"} or name.word in {"and", "or", "in", "has", "is"}:
            raise _mistake(f"expected a field, not {name.text or 'the end'!r}", name)
        found = self._peek()
        if found.kind == "operator":
            sign = _SAME.get(self._next().text, found.text)
            return Test(name.text, _NEGATED.get(sign, sign), (self._value(),), sign in _NEGATED, name.column)
        if self._take("is"):
            negated = self._take("not")
            if not self._take("missing"):
                raise _mistake("expected `missing` after `is`", self._peek(), f"{name.text} is missing")
            return Test(name.text, "missing", (), negated, name.column)
        negated = self._take("not")
        if self._take("has"):
            return Test(name.text, "has", (self._value(),), negated, name.column)
        if self._take("in"):
            return Test(name.text, "=", self._list(), negated, name.column)
        remedy = "= != < <= > >= ~ !~ in has, or `is missing`"
        raise _mistake(f"expected a comparison after {name.text!r}", self._peek(), remedy)

    def _list(self) -> tuple[str, ...]:
        if not self._take("("):
            raise _mistake("expected a list after `in`", self._peek(), "e.g. type in (report, memo)")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if not self._take(")"):
            raise _mistake("expected `,` or `)` in the list", self._peek())
        return tuple(values)

    def _value(self) -> str:
        token = self._next()
        if token.kind not in {"word", "quoted"} or token.word in {"and", "or"}:
            raise _mistake(f"expected a value, not {token.text or 'the end'!r}", token)
        return token.text

    def _peek(self) -> _Token:
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _take(self, what: str) -> bool:
        """Step over a keyword or mark if it comes next."""
        token = self._peek()
        if token.word == what or (token.kind == "mark" and token.text == what):
            self._next()
            return True
        return False


def _tokens(text: str) -> Iterator[_Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            what = (
                "a quotation mark that is not closed" if text[start] in "\"'" else f"{text[start]!r} means nothing here"
            )
            raise _mistake(what, _Token("end", "", start + 1))
        kind = match.lastgroup or ""
        found = match[kind]
        if kind == "quoted":
            found = re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL)
        yield _Token(kind, found, match.start(kind) + 1)
        place = match.end()
    yield _Token("end", "", end + 1)


def _mistake(what: str, token: _Token, remedy: str = _EXAMPLE) -> UsageError:
    return UsageError(f"where: {what}, at column {token.column}", remedy)
