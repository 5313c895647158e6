"""Words that carry no topic of their own, and the folding of word forms into terms."""

from __future__ import annotations

# Function words, then the verbs, adverbs and nouns that every English text is full of, then what only speech
# is full of, and clitics as the tokenizer leaves them.
STOP_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always am among an and
    another any anybody anyone anything anywhere are aren't around as at away back be became because become been
    before behind being below beside besides best better between beyond both but by came can can't cannot come
    could couldn't did didn't do does doesn't doing don't done down during each either else enough especially
    etc even ever every everybody everyone everything everywhere except far few first for forth from further
    gave get gets getting give given gives go goes going gone good got great had hadn't has hasn't have haven't
    having he he'd he'll he's her here hers herself him himself his how however i i'd i'll i'm i've if in indeed
    inside instead into is isn't it it'd it'll it's its itself just keep kept knew know known knows large last
    later least less let let's like little long look looked looking looks lot made make makes making many may
    maybe me mean means might mine more moreover most much must my myself near nearly need needed needs neither
    never nevertheless new next no nobody none nor not nothing now nowhere of off often oh old on once one ones
    only onto or other others otherwise ought our ours ourselves out outside over own per perhaps please
    possible put quite rather really right said same saw say saying says second see seem seemed seems seen
    several shall she she'd she'll she's should shouldn't since small so some somebody someone something
    sometimes somewhat somewhere soon still such sure take taken takes taking tell than thank thanks that that's
    the their theirs them themselves then there there's therefore these they they'd they'll they're they've
    thing things think third this those though thought three through throughout thus till time to today together
    told too took toward towards tried try trying turn turned two under unless unlike until up upon us use used
    uses using usually various very via want wanted wants was wasn't way ways we we'd we'll we're we've well
    went were weren't what whatever what's when whenever where where's whereas wherever whether which whichever
    while who whoever whole whom who's whose why will with within without won't would wouldn't year yes yet you
    you'd you'll you're you've your yours yourself yourselves able actually ago ahead apart ask asked asking
    asks began begin begun bring brought call called case certain certainly clear close day different early end
    entire fact feel felt find finally five form found four full general half hand hard heard held help high
    important including itself kind leave led left line longer looked lower main man matter men merely moment
    morning moved name night number open order part particular particularly past people person place point
    possibly present probably question quickly quietly ran reached read ready reason rest result run sat seemed
    set short show showed shown shows side simple simply six slightly slowly somehow sort start started stood
    stop stopped suddenly ten therefore thirty true twelve twenty type understand usual view wait walked week
    woman women word words work worked works world yeah years young a'm ah aha alright anyway basically bit
    cause course definitely er gonna gotta guess guys hmm hm huh kinda mean mhm mm mmm nah nope obviously ok
    okay pretty right so uh um uhh umm wanna well yep yup build guy hundred thousand million lots mentioned
    sense sounded spend stuff talk talked talking remember discussed seven eight nine eleven couple bad nice big
    add added change changed okay mind problem al approach based eg et fig figure ie paper proposed respectively
    section table don didn doesn isn wasn couldn wouldn shouldn haven hasn hadn aren weren won ain ll ve re mr
    mrs ms miss dr sir madam dear quot amp
    """.split()
)

PRONOUN_STARTS = frozenset(
    """
    he she it they this that these those him her them his hers its their theirs such both neither one another
    others it's that's he's she's they're there's he'd she'd they'd it'll he'll she'll they'll here there then
    """.split()
)
"""First words that point back at an earlier sentence."""

CONNECTIVE_STARTS = frozenset(
    """
    and but so or nor yet because however therefore thus hence moreover furthermore besides also nevertheless
    nonetheless consequently accordingly otherwise instead meanwhile similarly likewise additionally finally
    again still though although too well yeah yes no okay ok oh um uh er hmm mm-hmm mmm right sure anyway
    alright
    """.split()
)
"""First words that tie a sentence to the one before it, or that only hold the floor."""


FILLERS = frozenset(
    """
    uh um er erm ah eh hmm hm mm mhm mmm mm-hmm uh-huh mm-hm huh yeah yep okay ok disfmarker vocalsound
    """.split()
)
"""Words that only hold the floor."""

FUNCTION_WORDS = frozenset(
    """
    a an the and or but nor so yet if because although though while when whenever where wherever since until
    unless as than that this these those there here it its it's he his him she her hers they their them we our
    ours us you your yours i my me mine who whom whose which what how why in on at by for from to with without
    of off over under into onto out up down about above across after against along among around before behind
    below beneath beside between beyond during except inside near outside past through throughout toward towards
    upon within is are was were be been being am has have had do does did can could will would shall should may
    might must not no yes oh ah well ok okay now then also even just only too very still again ever never always
    often once perhaps maybe please all any both each either every few many more most much neither none other
    others some such same one's let let's however therefore thus hence moreover meanwhile instead otherwise
    suddenly finally later soon sometimes usually currently today yesterday tomorrow tonight nobody nothing
    somebody something everybody everyone everything anyone anything someone he'd he'll he's i'd i'll i'm i've
    she'd she'll she's they'd they'll they're they've we'd we'll we're we've you'd you'll you're you've there's
    that's what's who's where's here's don't doesn't didn't can't couldn't won't wouldn't isn't aren't wasn't
    weren't haven't hasn't hadn't shouldn't cannot another further besides despite according
    """.split()
)
"""Closed-class words: no name begins or ends with one, whatever its capital."""


def fold(word: str) -> str:
    """Return the term that a word form stands for: lower case, no possessive, no plural.

    The plural is cut by the S-stemmer (Harman 1991, "How effective is suffixing?"), which never joins words
    that mean different things, as a full stemmer does.
    """
    term = word.lower().replace("’", "'")
    if term.endswith("'s"):
        term = term[:-2]
    term = term.rstrip("'")
    if len(term) < 4 or not term.endswith("s") or term.endswith(("ss", "us", "is")):
        return term
    if term.endswith("ies"):
        return term if term.endswith(("eies", "aies")) else term[:-3] + "y"
    if term.endswith("es") and term[-3] in "aeo":
        return term
    return term[:-1]
