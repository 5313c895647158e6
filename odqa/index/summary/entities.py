"""People, places and organisations, found by how they are written.

No model: runs of capitalised words, with what English spelling says about them (sentence starts, titles of
address, acronyms), grouped so that "Captain Ruth Aldane" and "Aldane" are one. In a script without capitals
there is nothing to find, and nothing is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.words import CONNECTIVE_STARTS, FILLERS, FUNCTION_WORDS
from odqa.schema import BlockKind, Span

PERSON, PLACE, ORGANIZATION = "person", "place", "organization"

_HONORIFICS = frozenset(
    """
    mr mrs ms miss mx dr prof professor sir dame lord lady madam captain capt colonel col major maj general gen
    lieutenant lt sergeant sgt corporal private admiral commander councillor cllr alderman mayor president
    senator governor minister ambassador judge justice inspector detective constable father brother sister
    reverend rev saint king queen prince princess duke duchess count countess baron uncle aunt chairman dean
    doctor
    """.split()
)
_GIVEN_NAMES = frozenset(
    """
    aaron abigail adam agnes alan albert alex alexander alice alwyn amanda amy andrea andrew angela anita ann
    anna anne anthony arthur barbara beatrix ben benjamin bernard bill bob brenda brian bruce carl carol
    caroline catherine charles charlotte chris christina christine christopher claire colin craig daniel david
    deborah dennis desmond diana donald dorothy douglas edmund edward eleanor elizabeth ellen emily emma eric
    ernest ethan eva evelyn frances francis frank fred gareth gary geoffrey george gerald gordon grace graham
    gregory hannah harold harry hazel heather helen henry howard hugh ian ingrid irene isabel isobel jack jacob
    james jane janet jason jean jeff jeffrey jennifer jeremy jessica jim joan joe john jonathan joseph joshua
    joyce judith julia julian julie karen kate keith kenneth kevin larry laura lawrence leonard leslie linda
    lisa louis louise lucy luke lynn margaret maria marie marion mark martha martin mary matthew michael mike
    moira nancy nathan neil nicholas nigel nina noah nora oliver olivia oscar pamela patricia patrick paul peter
    philip phyllis priya rachel ralph raymond rebecca richard robert robin roger ronald rose roy ruby russell
    ruth ryan sally sam samuel sandra sarah scott sean sharon sheila simon sophie stella stephen steve steven
    stuart susan sylvia teresa theodore theresa thomas tim timothy tobias tom tony victor victoria vincent
    virginia walter wendy william winifred yvonne
    """.split()
)
_PLACE_WORDS = frozenset(
    """
    street road avenue lane square river lake bay sea ocean island islands isle mountain mountains mount hill
    hills valley county city town village harbour harbor bridge park forest desert station castle cape coast
    port beach peninsula province republic kingdom states canyon creek falls row quay airport
    """.split()
)
_ORGANIZATION_WORDS = frozenset(
    """
    ltd limited inc incorporated corp corporation company co plc llc llp gmbh ag sa group holdings committee
    council commission board ministry department agency authority bureau office university college institute
    institution school academy laboratory laboratories association society union federation party bank trust
    foundation fund church hospital museum court parliament congress senate army navy corps police club press
    times works service services partners sons organisation organization
    """.split()
)
_SPEECH = frozenset(
    """
    said says asked asks replied replies answered cried shouted whispered muttered told added explained agreed
    nodded laughed smiled sighed shrugged thought
    """.split()
)
_PLACE_PREPOSITIONS = frozenset(
    """
    in at near from to into toward towards outside across off
    """.split()
)
_CONNECTORS = frozenset(
    """
    of de del della der van von da di du la le al bin
    """.split()
)
_CALENDAR = frozenset(
    """
    january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov dec christmas easter
    dear english french german latin american british i i'm i'd i'll i've ok okay tv chapter section figure
    table appendix fig eq part phase act scene volume no item option page
    """.split()
)
_NO_NAMES = FUNCTION_WORDS | FILLERS | CONNECTIVE_STARTS
_MAX_WORDS, _ACRONYM = 8, 6
_STARTS = frozenset("\"“‘«(:—–-•*|…?!.'")


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where an entity is named."""

    name: str
    span: Span
    sentence: int
    first: int
    last: int
    sure: bool


@dataclass(slots=True)
class Entity:
    """Something named, with all its mentions in reading order; the name is its fullest usual form."""

    name: str
    label: str = ""
    mentions: list[Mention] = field(default_factory=list)


def find_entities(analysis: Analysis) -> list[Entity]:
    """Return what a document names, most mentioned first."""
    mentions = list(_mentions(analysis))
    # A single capital at a sentence start is a name only where the word is met as one, or as part of one, elsewhere.
    confirmed = {m.name for m in mentions if m.sure}
    confirmed |= {part for name in confirmed for part in (name.split()[0], name.split()[-1])}
    mentions = [m for m in mentions if m.sure or m.name in confirmed]
    groups: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions:
        groups[_key(mention.name)].append(mention)
    entities = []
    for key, group in _merge_aliases(groups).items():
        names = Counter(m.name for m in group)
        name = max((n for n in names if _key(n) == key), key=lambda n: (names[n], len(n)))
        entities.append(Entity(name, _label(analysis, name, group), sorted(group, key=lambda m: m.span)))
    entities.sort(key=lambda e: (-len(e.mentions), e.mentions[0].span))
    return entities


def _mentions(analysis: Analysis) -> Iterator[Mention]:
    """Runs of capitalised words outside headings."""
    blocks = analysis.document.blocks
    # Nearly half of all capitals are "I" and sentence openings that no name begins with: tested once a form.
    capital = {form for form in analysis.forms if form[0].isupper() and _bare(form) not in _NO_NAMES}
    scanner = _Scanner(analysis, capital)
    last = 0
    for position, word in enumerate(analysis.words):
        if position < last or word not in capital:
            continue
        sentence = scanner.sentence_of[position]
        if blocks[scanner.block_of[sentence]].kind is BlockKind.HEADING:
            continue
        last = scanner.run_end(position, scanner.firsts[sentence + 1])
        mention = scanner.mention(position, last, sentence)
        if mention is not None:
            yield mention


class _Scanner:
    """Reads names off the words of a document; arrays as lists, which are faster to read one at a time."""

    def __init__(self, analysis: Analysis, capital: set[str]) -> None:
        self.text, self.words, self.forms, self.capital = analysis.text, analysis.words, analysis.forms, capital
        self.starts: list[int] = analysis.starts.tolist()
        self.ends: list[int] = analysis.ends.tolist()
        self.firsts: list[int] = analysis.firsts.tolist()
        self.sentence_of: list[int] = analysis.sentence_of.tolist()
        self.block_of: list[int] = analysis.block_of.tolist()

    def run_end(self, first: int, limit: int) -> int:
        """Return the index after the last word of the capitalised run that starts at word `first`."""
        words, last, position = self.words, first + 1, first + 1
        while position < min(limit, first + _MAX_WORDS):
            gap = self.text[self.ends[position - 1] : self.starts[position]]
            before, word = words[position - 1], words[position]
            shortened = gap in (". ", ".") and (len(before) == 1 or before.lower() in _HONORIFICS)
            if gap not in (" ", " & ") and not shortened:
                break
            if word in self.capital:
                position += 1
                last = position
            elif word in _CONNECTORS and last - first > 1 and _bare(words[first]) in _HONORIFICS:
                break  # "Miss Thole of Marchbank" is a person, "Minister of Ecology" one name.
            elif word in _CONNECTORS or (word == "the" and before == "of"):
                position += 1
            else:
                break
        return last

    def mention(self, first: int, last: int, sentence: int) -> Mention | None:
        """Return the name that a run of capitalised words is, if it is one."""
        words = self.words
        opens = first == self.firsts[sentence]
        while first < last and _bare(words[first]) in _CALENDAR:
            first, opens = first + 1, False
        while first < last and _bare(words[last - 1]) in _CALENDAR:
            last -= 1
        if first >= last:
            return None
        start, end = self.starts[first], self.ends[last - 1]
        if words[last - 1].endswith(("'s", "’s")):
            end -= 2
        name = " ".join(self.text[start:end].split())
        if last - first > 1:
            return None if name.isupper() else Mention(name, Span(start, end), sentence, first, last, sure=True)
        # A title alone names nobody, and C06 is a code.
        if len(name) < 2 or name.lower() in _HONORIFICS or not name.replace("-", "").isalpha():
            return None
        acronym = name.isupper() and len(name) <= _ACRONYM
        if not acronym and 2 * self.forms[name.lower()] >= self.forms[name]:
            return None
        before = self.text[max(start - 2, 0) : start].strip()[-1:]
        return Mention(name, Span(start, end), sentence, first, last, sure=acronym or not (opens or before in _STARTS))


def _bare(word: str) -> str:
    return word.rstrip(".").lower().replace("’", "'")


def _key(name: str) -> str:
    parts = name.casefold().replace(".", "").split()
    while len(parts) > 1 and parts[0] in _HONORIFICS:
        parts = parts[1:]
    return " ".join(parts)


def _merge_aliases(groups: dict[str, list[Mention]]) -> dict[str, list[Mention]]:
    """Join a name of one word to the longer name that ends or begins with it, where there is only one such."""
    longer: dict[str, set[str]] = defaultdict(set)
    for key in groups:
        parts = key.split()
        if 2 <= len(parts) <= 3 and parts[-1] not in _ORGANIZATION_WORDS | _PLACE_WORDS:
            longer[parts[-1]].add(key)
            longer[parts[0]].add(key)
    merged: dict[str, list[Mention]] = {}
    for key in sorted(groups, key=lambda k: -len(k.split())):
        owners = longer.get(key, set()) if " " not in key else set()
        if len(owners) == 1 and (owner := next(iter(owners))) in merged:
            merged[owner].extend(groups[key])
        else:
            merged[key] = list(groups[key])
    return merged


def _label(analysis: Analysis, name: str, group: list[Mention]) -> str:
    """Guess what an entity is by its words, then by the words around it."""
    parts = [part.rstrip(".") for part in name.casefold().split()]
    head = parts[parts.index("of") - 1] if "of" in parts[1:] else parts[-1]
    if head in _ORGANIZATION_WORDS or "&" in parts:
        return ORGANIZATION
    if head in _PLACE_WORDS or parts[0] in ("lake", "mount", "cape", "port", "fort"):
        return PLACE
    titled = any(m.name.split()[0].rstrip(".").lower() in _HONORIFICS for m in group)
    if titled or parts[0] in _GIVEN_NAMES or name in analysis.speakers:
        return PERSON
    words = analysis.words
    if name.isupper() and " " not in name:
        with_article = sum(m.first > 0 and words[m.first - 1].lower() == "the" for m in group)
        return ORGANIZATION if len(name) >= 3 and 2 * with_article >= len(group) else ""
    said = placed = 0
    for mention in group:
        around = words[max(mention.first - 1, 0) : mention.first] + words[mention.last : mention.last + 1]
        said += any(word.lower() in _SPEECH for word in around)
        placed += mention.first > 0 and words[mention.first - 1].lower() in _PLACE_PREPOSITIONS
    if said and said >= placed:
        return PERSON
    return PLACE if placed >= 2 and 5 * placed >= 2 * len(group) else ""
