"""Sentences that announce what they are: decisions, actions, findings, definitions and more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from odqa.index.summary.found import Cue, Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import ranked_sentences, sentence_span
from odqa.index.summary.words import CONNECTIVE_STARTS, PRONOUN_STARTS
from odqa.schema import BlockKind, Statement

_APOSTROPHE = "['’]"


def _cue(words: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> Cue:
    return Cue(frozenset(words.split()), re.compile(pattern, flags))


_BODY = r"(?:[Ww]e|[Tt]hey|[Cc]ouncil|[Cc]ommittee|[Bb]oard|[Cc]ommission|[Mm]eeting|[Gg]roup|[Tt]eam|[Mm]embers)"

DECISIONS = _cue(
    """
    agreed decided resolved voted approved adopted settled chose consented let's we'll we're will going gonna
    decision carried passed lost defeated favour favor
    """,
    rf"""\b(?:
      {_BODY}(?:{_APOSTROPHE}ve|\shave|\shas|\shad)?\s(?:all\s|now\s|then\s|also\s)?
        (?:agreed|decided|resolved|voted|approved|adopted|settled\son|chose|consented)
    | [Ii]t\s(?:was|is|has\sbeen)\s(?:unanimously\s)?(?:agreed|decided|resolved|approved)
    | [Ll]et{_APOSTROPHE}s\s(?:go\swith|use|take|keep|stick|drop|settle)
    | [Ww]e(?:{_APOSTROPHE}ll|\swill|{_APOSTROPHE}re\sgoing\sto|\sare\sgoing\sto|{_APOSTROPHE}re\sgonna)\s
        (?:go\swith|go\sfor|use|have|make|take|drop|keep|stick|put|do|need)
    | (?:[Tt]he|[Oo]ur)\s(?:final\s)?decision
    | [Mm]otion\s(?:is\s|was\s|has\sbeen\s)?(?:carried|passed|agreed|lost|defeated)
    | is\s(?:carried|lost)\b
    | those\sin\sfavou?r
    )\b""",
    re.VERBOSE,
)
_DO = (
    r"(?:send|write|prepare|draft|check|look|find|ask|call|talk|meet|bring|circulate|report|produce|publish|arrange"
    r"|make|do|get|give|put|try|work|start|finish|email|update|review|design|test|add|read|think|come|speak|present)"
)
ACTIONS = _cue(
    """
    i'll i'm will shall should must need needs have has is are can could would action you'll we'll they'll
    you're we're they're next
    """,
    rf"""\b(?:
      [Ii](?:{_APOSTROPHE}ll|\swill|\sshall|{_APOSTROPHE}m\sgoing\sto)\s(?:also\s|just\s|then\s)?{_DO}
    | (?:[Ww]e|[Yy]ou|[Tt]hey|[Hh]e|[Ss]he|[A-Z]\w+)\s
        (?:will|shall|should|must|needs?\sto|have\sto|has\sto|is\sto|are\sto)\s(?:also\s|all\s)?{_DO}
    | (?:[Yy]ou|[Ww]e|[Tt]hey){_APOSTROPHE}(?:ll|re\sgoing\sto)\s{_DO}
    | (?:[Cc]an|[Cc]ould|[Ww]ould|[Ww]ill)\syou\s(?:please\s)?{_DO}
    | [Aa]ction\s(?:item|point)s?
    | (?:for|before|by|until)\s(?:the\s)?next\s(?:meeting|week|month|time)
    )\b""",
    re.VERBOSE,
)
RECOMMENDATIONS = _cue(
    "recommend recommends recommended recommendation recommendations should ought advises advised urge urged",
    r"\b(?:[Rr]ecommend(?:s|ed|ations?)?|should|ought\sto|advis(?:es|ed)\sthat|urged?)\b",
)
FINDINGS = _cue(
    """
    found find finds show shows showed shown suggest suggests suggested indicate indicates indicated
    demonstrate demonstrates demonstrated reveal reveals revealed confirm confirms confirmed conclude
    concludes concluded outperform outperforms outperformed outperforming caused cause causes result due
    conclusion significantly arose think better worse higher lower
    """,
    r"""\b(?:found\sthat|finds\sthat|find\sthat|(?:show|shows|showed|shown|suggests?|suggested|indicates?|indicated
      |demonstrates?|demonstrated|reveals?|revealed|confirms?|confirmed|concludes?|concluded)\s(?:that|an?|the)
    | outperform(?:s|ed|ing)?|caused\sby|[Tt]he\s(?:main\s|first\s|chief\s)?causes?\sof|as\sa\sresult|was\sdue\sto
    | in\sconclusion|significantly|arose\s(?:in|from)|does\snot\sthink
    | (?:is|was)\s(?:better|worse|higher|lower)\sthan)\b""",
    re.VERBOSE,
)
CONTRIBUTIONS = _cue(
    "we this our",
    r"""\b(?:[Ww]e\s(?:also\s|then\s|first\s)?(?:propose|present|introduce|describe|develop|show|demonstrate|investigate
      |report|address|explore|study|evaluate|compare|extend)
    | [Tt]his\s(?:paper|work|article|thesis|study)\s(?:proposes|presents|introduces|describes|shows|investigates|reports
      |addresses|explores|studies|evaluates|is)
    | [Oo]ur\s(?:approach|method|model|contributions?|system|results?|goal|aim))\b""",
    re.VERBOSE,
)
CONCERNS = _cue(
    """
    disagree against worried worry worries concern concerns concerned problem problems risk afraid doubt doubts
    object objection objections oppose opposed issue issues unclear unsure question difficult trouble
    """,
    rf"""\b(?:
      [Ii]\s(?:strongly\s|really\s|still\s|do\s)?(?:disagree|object|doubt|worry|oppose)
    | (?:[Ii]|[Ww]e)(?:{_APOSTROPHE}m|{_APOSTROPHE}re|\sam|\sare|\swas|\swere)\s(?:\w+\s)?
        (?:against|worried|concerned|opposed|afraid|unsure)
    | (?:[Mm]y|[Oo]ur|[Tt]he|[Oo]ne|[Aa]nother|[Aa]|[Tt]heir|[Ss]ome|main|big|biggest|real|only)\s
        (?:concerns?|worry|worries|objections?|doubts?|problems?|risks?|trouble|issues?)\s(?:is|are|was|were|about|that|with|of)
    | it{_APOSTROPHE}?s?\s(?:is\s)?(?:not\sclear|unclear)
    | there\s(?:is|are|was|were)\s(?:a\s|some\s|no\s)?(?:problems?|risks?|doubts?|concerns?)
    )\b""",
    re.VERBOSE,
)
PURPOSE = _cue(
    "report study survey inquiry review audit purpose aim terms document paper assessment investigation scope",
    r"""(?:\b[Tt]he\s(?:purpose|aim|object|objective|scope)\sof\s(?:this|the)\s
      (?:report|study|survey|inquiry|review|audit|document|assessment|investigation|commission)
    | \b(?:[Tt]his|[Tt]he\spresent|[Oo]ur)\s(?:report|study|survey|inquiry|review|audit|document|assessment
      |investigation)\s(?:is|was|sets|covers|examines|describes|reports|concerns|looks|considers|gives|summari[sz]es
      |presents|answers|follows)
    | \b(?:was|were|been)\s(?:asked|appointed|commissioned|set\sup|engaged|instructed)\s(?:by|to|in|on)
    | \b[Tt]erms\sof\sreference\b)""",
    re.VERBOSE,
)
METHODS = _cue(
    "we our corpus dataset data experiments method approach algorithm trained evaluated model",
    r"""\b(?:[Ww]e\s(?:then\s|also\s|first\s)?(?:use|used|train|trained|apply|applied|adopt|adopted|employ|employed
      |collect|collected|annotate|annotated|measure|measured|evaluate|evaluated|test|tested|run|ran|extract|extracted
      |implement|implemented|compute|computed|estimate|estimated)
    | [Oo]ur\s(?:method|approach|algorithm|model|system|experiments?|data|corpus)\s(?:is|are|was|were|uses?|consists?
      |combines?)
    | (?:is|are|was|were)\s(?:trained|evaluated|tested|estimated|tuned)\s(?:on|with|using|by|from))\b""",
    re.VERBOSE,
)
LIMITATIONS = _cue(
    """
    future limitation limitations limited cannot unfortunately shortcoming shortcomings drawback drawbacks beyond
    remain remains does do did
    """,
    r"""\b(?:[Ff]uture\s(?:work|research|studies|direction)|[Ll]imitations?\b|is\slimited\s(?:to|by)|[Uu]nfortunately
      |shortcomings?|drawbacks?|beyond\sthe\sscope|remains?\s(?:an?\sopen|open|to\sbe|unclear|unsolved)
      |(?:does|do|did)\snot\s(?:handle|cover|address|consider|account)|cannot\s(?:handle|cover|deal|capture|be\sapplied)
      |in\sthe\sfuture)\b""",
    re.VERBOSE,
)
REQUIREMENTS = _cue(
    "need needs required require requires requirement requirements must before prerequisite prerequisites necessary",
    r"""\b(?:[Yy]ou(?:\swill|['’]ll)?\s(?:also\s)?(?:need|require|must\shave)|(?:is|are)\s(?:required|necessary|needed)
      |[Rr]equires?|[Rr]equirements?|[Pp]rerequisites?|[Bb]efore\s(?:you|using|starting|beginning|installing|opening))\b""",
    re.VERBOSE,
)
REMEDIES = _cue(
    "if when should fault fails problem",
    r"""(?:^|\b)(?:[Ii]f|[Ww]hen|[Ss]hould)\s[^.?!]{0,60}?\b(?:not|fails?|wrong|fault|faulty|error|problem|stuck|stops?|leaks?
      |jams?|jammed|blocked|broken|breaks?|damaged|lost|too|low|noise|will\snot|won['’]t|doesn['’]t|isn['’]t|cannot)\b""",
    re.VERBOSE,
)
WARNINGS = _cue(
    "warning caution danger not never don't careful beware ensure make",
    r"\b(?:WARNING|CAUTION|DANGER|Warning|Caution|[Dd]o\snot|[Nn]ever|DO\sNOT|[Dd]on['’]t|must\snot|[Bb]e\scareful"
    r"|[Bb]eware|[Ee]nsure|[Mm]ake\ssure)\b",
)
_IMPERATIVE = re.compile(
    r"""(?:-\s|\d+[.)]\s)?(?:(?:First|Then|Next|Now|Finally|Second|To\s[^,.]{3,60}),?\s)?
    (?:add|adjust|align|allow|apply|attach|call|change|check|choose|clean|click|close|configure|connect|copy|create|cut
      |delete|disconnect|download|drain|draw|edit|enter|fill|fit|fold|follow|hold|insert|inspect|install|keep|leave|lift
      |loosen|lower|make|measure|mix|mount|move|open|place|plug|pour|press|pull|push|put|raise|read|release|remove|repeat
      |replace|reset|restart|run|save|screw|secure|select|set|shut|slide|start|stop|store|switch|tap|test|tighten|turn
      |type|unplug|unscrew|update|use|verify|wait|wash|wear|wipe|write)\s""",
    re.VERBOSE | re.IGNORECASE,
)
_DEFINING = _cue(
    "means refers stands is are",
    r"\b(?:means\b|refers\sto\b|stands\sfor\b|(?:is|are)\s(?:also\s)?(?:defined\sas|known\sas|called|an?|the|any|one\sof)\b)",
)
_SUBJECT = re.compile(
    r"(?:-\s)?(?P<subject>[^\s,;:()\"“”]+(?:\s[^\s,;:()\"“”]+){0,5}?)\s(?P<verb>means|refers\sto|stands\sfor|(?:is|are)\b)"
)
_STRONG = re.compile(r"(?:also\s)?(?:defined\sas|known\sas|called)\b")
_INDEFINITE = re.compile(r"\s(?:an?|any|one\sof)\b")
_CLAUSE_WORDS = frozenset(
    """
    that which who what where when why how if because although while there it this these those not i we you and
    but so all here
    """.split()
)


def cue_sentences(cue: Cue, scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the most important sentences that a cue announces, in reading order."""
    return ranked_sentences(scope, found.matching(cue, scope), limit)


def steps(scope: Scope, limit: int) -> list[Statement]:
    """Return the sentences that tell the reader to do something, in reading order."""
    analysis = scope.analysis
    blocks = analysis.document.blocks
    told = []
    for sentence in range(scope.first, scope.last):
        start, end = analysis.sentences[sentence]
        listed = blocks[int(analysis.block_of[sentence])].kind is BlockKind.LIST
        match = _IMPERATIVE.match(analysis.text, start, end)
        if match and (listed or analysis.lengths[sentence] >= 3):
            told.append(sentence)
    return ranked_sentences(scope, told, limit, worst_tier=2)


def definitions(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the sentences that say what something is, most important first in reading order."""
    return ranked_sentences(scope, (sentence for sentence, _ in defined_terms(scope, found)), limit)


def defined_terms(scope: Scope, found: Found) -> Iterator[tuple[int, str]]:
    """Yield the scope's defining sentences, each with the subject that it defines.

    "X means …" defines whatever X is; "X is a …" only where X is named elsewhere too or is a proper name, and
    the sentence is not somebody's speech.
    """
    analysis = scope.analysis
    for sentence in found.matching(_DEFINING, scope):
        if analysis.tiers[sentence] > 1 or analysis.is_row[sentence]:
            continue
        span = sentence_span(analysis, sentence)
        match = _SUBJECT.match(analysis.text, span.start, span.end)
        if match is None:
            continue
        words = match["subject"].replace("’", "'").lower().split()
        if words[0] in PRONOUN_STARTS | CONNECTIVE_STARTS or _CLAUSE_WORDS.intersection(words):
            continue
        strong = match["verb"] not in ("is", "are") or _STRONG.match(analysis.text, match.end() + 1, span.end)
        indefinite = _INDEFINITE.match(analysis.text, match.end(), span.end) is not None
        if not strong and not _is_known(scope, match["subject"], indefinite=indefinite):
            continue
        yield sentence, match["subject"]


def _is_known(scope: Scope, subject: str, *, indefinite: bool) -> bool:
    """The subject is met more than once, and a proper name, or a noun phrase that is said to be a kind of thing."""
    analysis = scope.analysis
    words = subject.split()
    head = words[-1]
    if len(words) > 4 or not head[0].isalpha() or analysis.forms[head] < 2:
        return False
    if words[0].lower() in ("the", "a", "an"):
        number = analysis.term_ids.get(head.lower())
        content = len(words) > 1 and not (number is not None and analysis.is_stop[number])
        return content and (indefinite or words[1][0].isupper())
    return head[0].isupper() and words[0][0].isupper()
