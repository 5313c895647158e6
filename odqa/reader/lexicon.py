"""Words that turn a statement round: negators, hedges, opposites, and groups that exclude each other."""

from __future__ import annotations

from odqa.reader.facts import MONTHS, NUMBER_WORDS, ORDINALS, UNITS, WEEKDAYS
from odqa.reader.words import key

NEGATORS = frozenset("not no never none neither nor without cannot nobody nothing nowhere hardly barely unable".split())
NEGATORS_WITH_TO = frozenset(
    "fail fails failed failing refuse refuses refused refusing decline declines declined".split()
)
HEDGES = frozenset(
    "may might could possibly perhaps allegedly supposedly reportedly probably maybe should would".split()
)
SOFTENERS = HEDGES | frozenset(
    "likely unlikely expect expects expected plan plans planned propose proposed proposes aim aims estimate estimated "
    "appear appears appeared seem seems seemed suggest suggests suggested ought consider possible"
    .split()
)  # fmt: skip
_OPPOSITES_WORDS = (
    "increase:decrease,reduce,decline,fall,drop,shrink,cut rise:fall,decline,drop,decrease grow:shrink,decline,fall "
    "gain:loss,lose profit:loss more:less,fewer higher:lower high:low greater:smaller,less,lesser larger:smaller "
    "large:small big:small longer:shorter long:short faster:slower fast:slow better:worse best:worst good:bad "
    "most:least majority:minority maximum:minimum above:below over:under before:after earlier:later early:late "
    "first:last accept:reject,refuse,decline approve:reject,oppose,refuse support:oppose agree:disagree,refuse "
    "allow:forbid,ban,prohibit,prevent permit:forbid,ban,prohibit win:lose success:failure succeed:fail buy:sell "
    "open:close begin:end start:end,stop,finish include:exclude add:remove always:never everyone:nobody all:none "
    "everything:nothing true:false right:wrong strong:weak strength:weaken alive:dead live:die male:female man:woman "
    "father:mother son:daughter brother:sister husband:wife positive:negative hot:cold inside:outside "
    "internal:external public:private north:south east:west northern:southern eastern:western left:right up:down "
    "expand:contract,shrink improve:worsen,deteriorate strengthen:weaken import:export safe:dangerous,unsafe "
    "legal:illegal possible:impossible able:unable likely:unlikely happy:unhappy known:unknown full:empty "
    "old:new,young rich:poor cheap:expensive easy:difficult,hard simple:complex near:far light:heavy,dark "
    "arrive:leave,depart enter:leave push:pull love:hate friend:enemy guilty:innocent demand:supply minimum:maximum"
)


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for entry in _OPPOSITES_WORDS.split():
        word, _, others = entry.partition(":")
        for other in others.split(","):
            table.setdefault(key(word), set()).add(key(other))
            table.setdefault(key(other), set()).add(key(word))
    return {word: frozenset(others) for word, others in table.items()}


OPPOSITES = _opposites()
NEGATIVE_PREFIXES = ("un", "dis", "in", "im", "ir", "il", "non")
CLASSES = (
    frozenset(map(key, MONTHS)), frozenset(map(key, WEEKDAYS)), frozenset(map(key, ORDINALS)),
    frozenset(map(key, NUMBER_WORDS)), frozenset(key(unit) for unit in UNITS if unit.isalpha()),
    frozenset(map(key, "spring summer autumn fall winter".split())),
    frozenset(map(key, "north south east west".split())),
    frozenset(map(key, "red blue green yellow black white brown purple orange grey gray pink".split())),
    frozenset(map(key, "hundred thousand million billion trillion".split())),
)  # fmt: skip
