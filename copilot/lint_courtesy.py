"""Which sentences claim nothing, and so need nothing to rest on: greetings, thanks, apologies, an offer to write back.

A polite beginning proves nothing of what follows it, so every word counts: a courtesy is made of the words below and of
the name of whoever is greeted or signs. Accounts, files, times and deeds are not among them, and neither are negations.
A courtesy in other words is taken for a claim, which a person can answer for.
"""

from __future__ import annotations

import re

_NAME = r"(?: (?:mr|ms|mrs|mx|dr|prof)\.?)?(?: [^\W\d_][\w.'-]*){0,2}"
_GREETING = re.compile(
    rf"^(?:hello|hi|hey|dear|good (?:morning|afternoon|evening|day)){_NAME}(?=[,;:.!\u2013\u2014-]|$)"
)
_CLOSING = re.compile(
    rf"(?:(?:(?:kind|best|warm) regards|regards|sincerely),(?: (?:the|your|our))?{_NAME}"
    r"|(?:(?:with )?(?:many|best) (?:thanks|wishes)|thank you|thanks),(?: [^\W\d_][\w'-]*)?)\W*$"
)
_BEGINS = re.compile(
    r"^(?:thank|thanks|many thanks|we (?:are (?:very |truly |so )?sorry|apologi[sz]e|understand|appreciate"
    r"|know (?:this|that this|how)|are (?:writing|grateful|glad))|sorry|apologies|please|kind|best|warm|regards"
    r"|sincerely|yours|here is (?:an|the|our) update|this is (?:an|the|our) update|if you have)\b"
)
_PHRASES = re.compile(
    r"\b(?:(?:do not|don't) hesitate|feel free)\b|\bno (?:matter|need) (?:how|to (?:reply|answer|apologi[sz]e))\b"
)
_WHOLE = re.compile(r"nothing is confirmed yet\W*")
_WORD = re.compile(r"[\w']+")
_HARM = re.compile(r"\b(?:\w+ed|lost|stolen|taken|seen|read|safe|secure|fine|harmless|data|files?|accounts?)\b")
"""No part of a name: 'Hello, all files deleted' greets nobody."""

_LISTED = (
    # who, which, how much
    "a an the this that these it its you your yours we us our ours i me my all any some more much many most so very"
    " too really quite what how when while where"
    # between words
    " and or but for to of in on at by with about as if from again until through since after before during"
    # being and being able
    " is are was were be been being am has have had having do did does can could may might would will should let"
    # what is done out of courtesy
    " thank thanks thanking appreciate appreciated understand understandable apologise apologize apologies regret"
    " regrets know hope wish wishes ask asked asking write writing written wrote reply replying replied respond"
    " responding answer answering contact contacting call called calling tell telling told bring bringing brought"
    " raise raising raised report reported reporting sharing send sending hear hearing see need needed help helping"
    " helpful feel feeling get getting take taking took wait waited waiting bear bearing make makes made come keep"
    " kept keeping cause caused give giving given want mean means matter matters worry worried happen happened"
    " reach reaching flag flagging flagged add turn turned explain explaining expect expected deserve imagine"
    # what it is about
    " patience trust time message messages email mail note notes answers question questions help support"
    " understanding cooperation attention delay silence concern concerns inconvenience trouble frustration"
    " disruption confusion stress upset uncertainty update updates case request thread conversation team day days"
    " week morning afternoon evening weekend feedback kindness care anything something else way part"
    " side business patient"
    # of what kind
    " good great kind best warm quick quickly long longer late prompt promptly swift early sorry unsettling"
    " frustrating worrying concerning difficult hard important urgent stressful unpleasant disappointing happy glad"
    " grateful thankful sincere sincerely deeply truly greatly kindly warmly faithfully regards greetings here"
    " below above now today yesterday further other another additional soon back out up touch direct directly"
    " always first likely lot deal please just still also"
)
_WORDS = frozenset(_LISTED.split())


def is_courtesy(folded: str) -> bool:
    """Whether a sentence, folded (`copilot.quotes.fold`), claims nothing."""
    text = " ".join(folded.split())
    if _WHOLE.fullmatch(text):
        return True
    greeting, closing = _named(_GREETING, text), _named(_CLOSING, text)
    rest = text[len(greeting) : len(text) - len(closing)]
    if not (greeting or closing or _BEGINS.match(text)):
        return False
    return all(one in _WORDS for one in _WORD.findall(_PHRASES.sub("", rest)))


def _named(pattern: re.Pattern[str], text: str) -> str:
    """The part in which somebody is greeted or signs; "" where there is none, or no name stands there."""
    found = pattern.search(text)
    return found[0] if found and not _HARM.search(found[0]) else ""
