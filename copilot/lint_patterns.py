"""Turns of speech in English that say more than evidence can, and what around them takes that back.

A pattern is searched in text that was folded (`copilot.quotes.fold`): lower case, plain letters, straight quotes. What
comes before it within the clause may make it harmless: a negation ('we cannot guarantee'), a question ('whether'), or
doubt ('not confirmed'). A denial of exposure is made of negations, so only doubt and questions take it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from copilot.lint_terms import Code

_THING = (
    r"(?:data|information|attachments?|files?|documents?|invoices?|records?|exports?|backups?|content"
    r"|contents|accounts?"
    r"|credentials?|customers?|tenants?|environments?|systems?|configurations?|messages?|tickets?|anything)"
)
_HARMED = (
    r"(?:accessed|viewed|downloaded|exposed|leaked|compromised|affected|lost|stolen|exfiltrated|opened|read"
    r"|copied|seen"
    r"|disclosed|impacted|breached|misused|shared|touched|previewed|taken|tampered)"
)
_HARM_DONE = (
    r"(?:access|view|download|expose|leak|compromise|affect|lose|steal|exfiltrate|open|read|copy|see|disclose"
    r"|impact"
    r"|leave|take|reach)"
)
_BE = r"(?:was|were|is|are|has been|have been|had been|been|be|got)"
_NOT = r"(?:not|never|in no way|at no (?:time|point))"
_NONE = (
    r"(?:nothing|nobody|neither|zero|not (?:one|a single)|no one|none"
    r"|no(?! (?:\w+ )?(?:evidence|signs?|indications?|traces?|proof|records?|entry|entries|suggestion|hints?)\b))"
)
_GAP = r"(?:[\w'/-]+ ){0,5}?"

_DENIALS = (
    rf"{_NONE}\b(?: of| in)? {_GAP}{_BE} (?:ever )?{_HARMED}",
    rf"{_NONE}\b(?: of)? {_GAP}(?:accessed|viewed|downloaded|leaked|opened|copied|saw|got hold of|left)",
    r"nothing (?:has )?(?:left|leaked|happened|leaves|got out|went out|of yours)",
    rf"{_BE}(?: {_NOT}|n't)(?: \w+ly)? (?:ever )?{_HARMED}",
    rf"(?:did|does|could|can|would)(?: ?{_NOT}|n't)(?: have)?(?: \w+ly)?(?: ever)? {_HARM_DONE}(?:ed)?\b",
    rf"(?:could|can|may|would)(?: ?{_NOT}|n't) (?:have )?(?:been|be) {_HARMED}",
    rf"(?:never|at no time) (?:had|has|have|got|gained|{_HARMED}|saw)",
    rf"(?:had|has|have|having) no (?:\w+ )?access to {_GAP}{_THING}",
    r"no (?:\w+ )?(?:impact|exposure|breach|leak|leakage|data loss|loss of data|incident|damage|harm"
    r"|compromise|intrusion"
    r"|effect|risk)\b(?! (?:assessment|review|analysis|report|level|owner))",
    rf"{_THING} (?:\w+ )?(?:is|are|was|were|remains?|remained|stays?|stayed|has been|have been)(?: all"
    rf"| always| still"
    r"| fully| completely| perfectly)* (?:safe|secure|intact|protected|untouched|unaffected|private"
    r"|confidential|fine)",
    r"(?:was|is|were|are) (?:not|n't) (?:a|an) (?:\w+ )?(?:breach|leak|incident|compromise|exposure|attack)",
    r"(?:wasn't|isn't) (?:a|an) (?:\w+ )?(?:breach|leak|incident|compromise|exposure|attack)",
    r"(?:you|your \w+|customers|nobody else)(?: is| are|'re| was| were) (?:not (?:at risk|affected|impacted)"
    r"|unaffected|safe)",
    r"(?:limited|confined|restricted) to (?:metadata|one|a single|file names|thumbnails|previews|a few|test)",
    r"only (?:metadata|thumbnails|previews?|file names|test data) (?:was|were|has|have|could)",
    r"(?:fully|completely|already|now|been) contained",
    r"(?:have|has|had|can|we|was|were|been) (?:fully |completely |safely )?(?:ruled out|rule out"
    r"|excluded) (?:any |that |all )?"
    r"(?:\w+ ){0,2}(?:access|exposure|breach|leak|misuse|impact|download|data)",
    r"(?:was|is|were|are|to be|been|proved|as) (?:entirely |completely )?(?:harmless|benign|inconsequential)",
    r"without (?:any )?(?:\w+ )?(?:impact|exposure|data loss|loss of data|harm|damage|consequences)",
    r"(?:nothing to worry about|no (?:cause|reason|need) (?:for (?:concern|alarm)|to (?:worry|be concerned)))",
)
_ROOT_CAUSES = (
    r"root causes?",
    r"(?:was|were|is|are|been|be)(?: \w+ly)? (?:caused|triggered) by",
    r"(?:the|a|its|underlying) (?:\w+ )?causes? (?:of \w+ ?(?:\w+ ){0,4})?(?:is|was|lies|lay|were)",
    r"(?<!is\s)(?<!are\s)due to (?!be\b|arrive\b|finish\b|end\b|expire\b|start\b|run\b|report\b|reply\b)",
    r"because of (?:a|an|our|the|one|this) (?!request|report|message|question|ticket)",
    r"because (?:a|an|our|the|one) (?:\w+ ){0,4}(?:failed|missed|broke|crashed|skipped|forgot|misconfigured"
    r"|did not|didn't)",
    r"as a (?:result|consequence) of (?!your (?:report|message|request))",
    r"(?:results?|resulted|resulting|stems?|stemmed|originates?|originated|arose|arises) (?:from|in)",
    r"(?:the|this) (?:reason|explanation) (?:for (?:\w+ ){1,4})?(?:is|was) (?:that|a|an|our|the)",
    r"(?:which|this|that|and) (?:led|leads) to",
    r"(?:was|is|were) (?:the fault of|to blame|at fault|responsible for the)",
    r"(?:misconfiguration|bug|error|defect|outage|mistake|race condition|failure|delay)s? (?:\w+ ){0,4}"
    r"(?:caused|allowed|let|meant|kept|made)",
    r"(?:was|were|is) (?:down to|a consequence of|the result of)",
    r"(?:is|was|are|were|lies|lay) behind (?:this|it|that|the|your)",
    r"what (?:went wrong|happened|failed) (?:is|was) that",
    r"traced (?:it |this |the \w+ )?(?:back )?to",
)
_PROMISES = (
    r"will never",
    r"never (?:again|happen)",
    r"guarantee(?:s|d)?",
    r"(?:we|i) (?:can |do |hereby )?(?:promise|assure|commit|vow|pledge)",
    r"rest assured",
    r"you have (?:our|my) word",
    r"(?:will|can|shall|to)(?: ?not|n't) (?:ever )?(?:happen|occur|recur|be possible) (?:again|anew|any more"
    r"|in future)",
    r"won't (?:ever )?(?:happen|occur|recur)",
    r"(?:will|shall|to) (?:ensure|make sure|see to it|make certain) (?:that )?(?:this|it|nothing|no|such|nobody)",
    r"(?:will|shall) always",
    r"(?:will|shall) be (?:fully |completely |permanently )?(?:fixed|resolved|solved|prevented|impossible"
    r"|compensated|refunded)",
    r"we (?:will|shall|'ll) (?:fully |permanently )?(?:fix|resolve|solve|prevent|compensate|refund|credit"
    r"|eliminate)",
    r"(?:are|is|am|remain|stand) (?:\w+ly )?committed to",
    r"(?:impossible|no chance) (?:for (?:this|it)|of this|from now on)",
)
_ABSOLUTES = (
    r"definitely|certainly|undoubtedly|unquestionably|indisputably|conclusively|categorically|unequivocally"
    r"|obviously",
    r"(?:absolutely|completely|entirely|perfectly|100 ?%|totally|fully) (?:certain|sure|clear|confident|safe"
    r"|correct)",
    r"clearly (?:shows?|proves?|was|were|is|did|the)",
    r"(?:without|beyond|no|any) (?:a |any |reasonable )*(?:doubt|question)\b",
    r"(?:it is|we are|i am|we're|it's) (?:certain|sure|positive|confident)",
    r"confirmed",
    r"(?:we|i|logs?|records?|this|evidence|team|it|investigation) (?:can |also "
    r"|now )?confirms?\b(?! (?:whether|if|by|with|when))",
    r"(?:proves?|proven|proof that|established that|verified that|have verified|demonstrates that)",
    r"we know\b(?! (?:how|this is|that this is|you))",
    r"(?:there is|there's|there was|there are|found|see|saw|with|have|has|is|shows?|revealed) (?:absolutely )?no "
    r"(?:\w+ )?(?:evidence|signs?|indications?|traces?|proof|records?|suggestion) (?:of|that|for|whatsoever"
    r"|at all)",
    r"nothing (?:that |which |to )?(?:points?|suggests?|indicates?|hints?|shows?)",
    r"^no (?:\w+ )?(?:evidence|signs?|indications?|traces?|proof) (?:of|that|for)",
    r"(?:is|are|was|were|remains?) (?:\w+ly |quite |now |already |also )?(?:a fact|a certainty|certain|clear|evident"
    r"|obvious|plain|undeniable|undisputed|indisputable|unmistakable|unquestionable|established|proven|proved"
    r"|(?:beyond|outside) (?:all |any |reasonable )*(?:dispute|debate))\b"
    r"(?! (?:of|whether|if|how|what|who|why|when|where)\b)",
    r"what (?:is|seems|remains|we know|we have)(?: \w+ly| now)? (?:certain |clear |sure |established |known )?is\b",
    r"(?:the|a|one) fact (?:is|remains|that)\b|(?:in|in actual|as a matter of|for a) fact\b|the truth is",
    r"(?:for|with|to a) (?:sure|certain|(?:\w+ )?certainty"
    r"|(?:full|complete|absolute|total|every|great|high) confidence)\b",
    r"(?:little|hardly any|no room for|not (?:in|open to|up for|a matter of)(?: any)?|never in)"
    r" (?:doubt|question|dispute|debate)\b",
    r"(?:can ?not|can't|could not|nobody can|no one can) (?:\w+ly )?(?:be )?"
    r"(?:doubt|deny|denied|dispute|question|contest)(?:ed)?\b",
    r"must (?:\w+ly )?have (?:been|had|gone|come|taken|seen|known|left|got|\w+ed)\b",
    r"(?:surely|doubtless|plainly|undeniably|indubitably|irrefutably|incontrovertibly|inevitably|definitively)\b"
    r"|of course\b",
    r"(?:conclusive|definitive|definite|irrefutable|undeniable|unquestionable|indisputable|hard|solid|overwhelming"
    r"|clear) (?:evidence|proof)\b",
    r"(?:has|have|had) (?:now )?been (?:\w+ly )?(?:determined|ascertained|demonstrated)\b",
)
_OWNERLESS = (
    r"(?:someone|somebody|one of us|a colleague|the right people|whoever) (?:\w+ ){0,2}?(?:will|is going to"
    r"|should|must|needs? to)",
    r"(?:will|must|should|needs? to|has to|have to|is to|are to) be (?:\w+ly )?(?:investigated|checked|compared"
    r"|asked|tested|collected|retrieved|restored|answered"
    r"|reviewed|looked (?:at|into)"
    r"|examined|analy[sz]ed|followed up|clarified|decided|done|handled|verified|contacted|read)(?! by\b)",
    r"(?:owner|responsible|assignee)s?(?: is| are|:)? (?:tbd|open|unknown|none|nobody|to be \w+|not (?:yet )?\w+)",
    r"\btbd\b|\bnobody yet\b|\bn\.?n\.?\b",
)

PATTERNS: dict[Code, tuple[str, ...]] = {
    Code.EXPOSURE_DENIAL: _DENIALS,
    Code.ROOT_CAUSE: _ROOT_CAUSES,
    Code.PROMISE: _PROMISES,
    Code.OVERSTATED: _ABSOLUTES,
    Code.MISSING_OWNER: _OWNERLESS,
}

_OPEN = (
    r"whether|if|not (?:yet )?(?:been )?(?:confirm\w*|know\w*|clear|established|certain|sure|able|say\w*"
    r"|verif\w*|rule"
    r"|determin\w*|claim\w*|mean|prove\w*|conclu\w*)|(?:cannot|can't|could not) (?:yet )?(?:confirm|say|rule"
    r"|tell|know"
    r"|exclude|claim|promise|prove|establish|verify)|don't (?:yet )?know|haven't (?:yet )?(?:confirm\w*|establish\w*"
    r"|verif\w*)|(?:nobody|no one) (?:has |can |could )?(?:yet )?(?:confirm|know|establish|verif|say)\w*|no answer"
    r"|too early|unclear|unknown|open question|still being checked|checking|to find out|looking (?:for|into)"
    r"|(?:do|does) not mean|proposed, not|unconfirmed"
)
"""Says that it is not known. 'It seems that nothing was opened' is a denial all the same, so that is not among it."""
_MAYBE = (
    r"hypothesis|possibl[ey]|possibility|(?<!in )(?<!\d )may(?! \d)|might|could (?:be|have)|perhaps|suspect\w*"
    r"|assum\w*"
    r"|appears?|seems?|likely"
)
_ASKED = r"what|why|how|who"
_NEGATION = (
    r"not|never|cannot|can't|don't|doesn't|didn't|haven't|hasn't|isn't|aren't|won't|no|nobody|without|neither"
    r"|nor|avoid|refuse"
)
_BEFORE_DENIAL = re.compile(rf"\b(?:{_OPEN})\b")
_BEFORE_OTHERS = re.compile(rf"\b(?:{_OPEN}|{_MAYBE}|{_ASKED}|{_NEGATION})\b[^,;:]*$")
_DOUBTED = re.compile(rf"\b(?:{_OPEN}|{_MAYBE})\b")
_AFTER_DOUBT = re.compile(
    r"^(?!\s+that\b)[^.;,]{0,40}?"
    r"\b(?:is|are|was|has|have|remains?)(?: still| yet| also)? ?(?:not|n't|unknown|open"
    r"|unclear|being|under|unconfirmed|yet to|a question|undetermined)\b"
    r"|^ (?:not|still|unknown|open|unclear|being|under|yet)\b"
    r"|^ (?:analysis|investigation|review)\b"
)
_REACH = 300
"""Characters around a turn of speech that can take it back; a longer sentence is marked for a person to look at."""
_CLAUSE = re.compile(r"[;:.!?](?=\s|$)|, (?:but|and|so|yet|while|although)\b|\bbut\b")
_FUTURE = re.compile(
    r"\b(?:will|'ll|shall|should|must|going to|expect(?= )|expect(?:s|ed)? to|plan(?:s|ned)? to|aim(?:s)? to"
    r"|intend(?:s)? to|next|due"
    r"|to be)\b"
)
_DATE = re.compile(
    r"\b(?:today|tonight|tomorrow|(?:by|before|until|on|next|this) (?:monday|tuesday|wednesday|thursday"
    r"|friday|saturday|sunday|week"
    r"|month|quarter|noon|midnight|morning|afternoon|evening)|(?:within|in) (?:the next )?(?:\d+|an?|one|two"
    r"|three|a few|several|twenty-four)"
    r" ?(?:minutes?|hours?|days?|weeks?|h|hrs?)|(?:by|before|until) (?:the )?end of(?: the)? (?:day|week"
    r"|month|business)"
    r"|(?:by|before|until|at|on) \d[\d:./-]*(?: ?(?:utc|am|pm))?|\d{4}-\d\d-\d\d|eod|cob|asap|as soon as|shortly|soon"
    r"|immediately)\b"
)


@cache
def _compiled(code: Code) -> re.Pattern[str]:
    # One blank in a pattern is any run of blanks in the text.
    body = "|".join(f"(?:{one})" for one in PATTERNS[code]).replace(" ", r"\s+").replace(r"\s+?", r"\s*")
    return re.compile(rf"(?<!\w)(?:{body})")


def spans(code: Code, text: str) -> Iterator[tuple[int, int]]:
    """Where folded text says what `code` is about, and nothing around it takes it back."""
    for match in _compiled(code).finditer(text):
        before = _clause_before(text, match.start())
        if code is Code.EXPOSURE_DENIAL:
            is_taken_back = bool(_BEFORE_DENIAL.search(before))
        else:
            is_taken_back = bool(_BEFORE_OTHERS.search(before)) or bool(
                _AFTER_DOUBT.search(text[match.end() : match.end() + _REACH])
            )
        if not is_taken_back and not _is_question(text, match.end()):
            yield match.span()


def is_doubted(text: str) -> bool:
    """Whether a sentence as a whole leaves open what it speaks of."""
    return bool(_DOUBTED.search(text) or re.search(r"\bnot confirmed\b|\bconflict\b|\bdiffer|\bsettled\b|\?", text))


def is_planned(text: str) -> bool:
    """Whether a sentence speaks of what is to come."""
    return _FUTURE.search(text) is not None


def dated_intent(text: str) -> tuple[int, int] | None:
    """Where a sentence sets a time for something that is to come."""
    return found.span() if (found := _DATE.search(text)) and _FUTURE.search(text) else None


def _clause_before(text: str, start: int) -> str:
    begin = max(0, start - _REACH)
    ends = [match.end() for match in _CLAUSE.finditer(text, begin, start)]
    return text[ends[-1] if ends else begin : start]


def _is_question(text: str, end: int) -> bool:
    stop = re.search(r"[.!?](?=\s|$)", text[end : end + _REACH])
    return stop is not None and stop[0] == "?"
