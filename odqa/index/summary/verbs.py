"""Past forms of common English verbs and the verbs they are of, to turn a statement into a question with "did"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

_REGULAR = """
abandon achieve acquire adopt allocate announce appoint apply approve arrange arrive ask attack award ban base borrow
cancel carry cause challenge change clean close collapse collect commission complete conclude confirm connect construct
contribute convert cover cross damage decide declare decline decrease defend deliver demand demolish deny deploy design
destroy develop die discover distribute divide donate drown earn elect employ enable end enter escape establish evaluate
examine exceed expand experience explain explode explore export extend fail finance finish fire flood form fund
generate help hire implement import improve increase inform inherit initiate inspect install introduce invent invest
invite issue join kill land launch lease locate lock lower maintain manage manufacture marry measure merge move name
note notice object observe occur offer open operate order organize organise own paint perform persuade plant
predict prefer prepare present prevent produce promise promote propose protect prove provide publish purchase
raise reach realize realise receive recommend recover reduce refuse reject release remove repair repay replace report
request rescue resign resolve restore retire return reveal secure select settle share sign start stay strengthen suffer
suggest supply support surround survive suspend terminate test train transfer travel treat turn undermine unveil
upgrade use visit vote walk want warn win withdraw witness work
"""
_IRREGULAR = """
began:begin bought:buy broke:break brought:bring built:build became:become caught:catch chose:choose came:come cost:cost
cut:cut drew:draw drove:drive fell:fall fought:fight found:find flew:fly fled:flee gave:give grew:grow held:hold hit:hit
kept:keep laid:lay led:lead left:leave lent:lend lost:lose made:make met:meet paid:pay ran:run rang:ring rose:rise
sank:sink saw:see sent:send set:set shot:shoot sold:sell spent:spend stole:steal struck:strike taught:teach took:take
went:go won:win wrote:write withdrew:withdraw overcame:overcome undertook:undertake swam:swim sailed:sail
planned:plan stopped:stop dropped:drop shipped:ship admitted:admit submitted:submit transferred:transfer
referred:refer permitted:permit committed:commit occurred:occur preferred:prefer
"""
_DOUBLED = frozenset("transfer refer occur prefer win withdraw".split())
_VOWELS = "aeiou"


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return f"{verb}d"
    return f"{verb[:-1]}ied" if verb.endswith("y") and verb[-2] not in _VOWELS else f"{verb}ed"


def _pairs() -> Iterator[tuple[str, str]]:
    yield from ((_past(verb), verb) for verb in _REGULAR.split() if verb not in _DOUBLED)
    for pair in _IRREGULAR.split():
        past, _, verb = pair.partition(":")
        yield past, verb


LEMMAS: Mapping[str, str] = MappingProxyType(dict(_pairs()))
"""Past form → infinitive, for verbs whose past form is hardly ever another word."""
