"""What a ticket asks to be done, or says has happened, to which key or person: rules over sentences.

Each rule binds a verb ('revoke …') or a state ('… was leaked') to the things named nearest to it. The outcome is a
wish found in untrusted text, nothing more.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from copilot.entities import Mention
from copilot.quotes import Folded, clause_around, phrase_pattern, sentences


class Wish(StrEnum):
    """What a sentence asks for, or what would follow from what it says."""

    TAKE_AWAY = "take_away"
    GIVE_BACK = "give_back"
    REPORTS_HARM = "reports_harm"


# Plain forms and 'be …ed' ask; a bare '…ed' tells of the past ('was revoked by mistake') and asks for nothing.
_PHRASES: Mapping[Wish, tuple[str, ...]] = {
    Wish.TAKE_AWAY: (
        r"(?:revoke|revoking|disable|disabling|deactivate|deactivating|delete|deleting|invalidate|invalidating|kill|block"
        r"|blocking|suspend|suspending|terminate|cancel|cancelling|remove|lock out|lock|freeze|deprovision|cut off"
        r"|shut down|shut off|turn off)",
        r"(?:be|get|getting|being|have (?:it|him|her|them)) (?:revoked|disabled|deactivated|deleted|invalidated|killed"
        r"|blocked|suspended|terminated|cancelled|removed|locked|frozen|deprovisioned|cut off)",
        r"(?:revocation|deactivation|suspension|termination) of",
        r"(?:widerruf\w*|sperr(?:e|en|t)|deaktivier(?:e|en|t)|losche[nt]?|zuruckzieh\w+|abschalten)",
        r"(?:revoque[rz]?|desactive[rz]?|supprime[rz]?|bloque[rz]?|suspend(?:re|ez|s)|invalide[rz]?)",
        r"(?:revoca|revoque|revocar|desactiva|desactive|desactivar|elimina|elimine|eliminar|bloquea|bloquee|bloquear"
        r"|suspenda|suspender|anular|anule)",
        r"(?:revogue|revogar|revoga|desative|desativar|desativa|exclua|excluir|bloqueie|bloquear|suspenda)",
    ),
    Wish.GIVE_BACK: (
        r"(?:restore|restoring|re-?enable|re-?enabling|re-?activate|re-?activating|re-?instate|un-?revoke|un-?suspend"
        r"|un-?block|un-?lock|un-?freeze|bring back|give back|turn back on|switch back on|undo)",
        r"(?:be|get|have (?:it|him|her|them)) (?:restored|re-?enabled|re-?activated|re-?instated|un-?suspended"
        r"|un-?blocked|un-?locked)",
        r"(?:enable|activate) (?:\w+ ){1,6}again",
        r"(?:wiederherstell\w+|reaktivier\w+|entsperr\w+|wieder (?:\w+ ){0,3}(?:freischalten|aktivieren))",
        r"(?:restaure[rz]?|reactive[rz]?|retabli[rs]\w*|debloque[rz]?)",
        r"(?:restaure|restaurar|restaura|reactive|reactivar|reactiva|restablecer|restablezca|desbloquear|desbloquee)",
        r"(?:restaure|restaurar|reative|reativar|desbloqueie|desbloquear)",
    ),
    Wish.REPORTS_HARM: (
        r"(?:compromised|hacked|hijacked|phished|breached|leaked|leaking|stolen|taken over|exposed|pwned"
        r"|public(?:ly)? (?:visible|available|on)|abused|misused|infected"
        r"|committed to (?:\w+ ){0,4}(?:repo|repository|github|gitlab))",
        r"(?:left the company|no longer works|has been fired|was fired|was terminated|was let go)",
        r"(?:kompromittiert|gehackt|gestohlen|geleakt|ubernommen|offengelegt)",
        r"(?:compromise?e?s?|pirate[es]*|vole[es]*|fuite|divulgue[es]*)",
        r"(?:comprometid[oa]s?|hackead[oa]s?|robad[oa]s?|filtrad[oa]s?|expuest[oa]s?)",
        r"(?:hackead[oa]s?|roubad[oa]s?|vazad[oa]s?|vazou|expost[oa]s?|invadid[oa]s?)",
    ),
}
_NEGATION = re.compile(
    r"(?:\b(?:don'?t|do not|never|not|without|no need to|nicht|kein|keine|ne|pas|no|nao)\W+(?:\w+\W+){0,2})$"
)
_KEY_WORD = re.compile(
    r"(?<!\w)(?:api|access|my|our|the|this|that|his|her|their|old|leaked|compromised)[ _-](?:\w+ )?keys?(?!\w)"
    r"|(?<!\w)(?:api.?schlussel|cle d'api|clave (?:de )?api|chave (?:de )?api)(?!\w)"
)
_PERSON_WORD = re.compile(
    r"(?<!\w)(?:accounts?|users?|logins?|konto|benutzer\w*|comptes?|utilisat\w+|cuentas?|usuari[oa]s?|contas?)(?!\w)"
)


@dataclass(frozen=True)
class Asked:
    """A wish and what it is about."""

    wish: Wish
    kind: str
    """'key_id' or 'email'."""
    value: str | None
    """None where the thing is spoken of but never named ('revoke my API key')."""
    quote: str


@dataclass(frozen=True)
class _Thing:
    kind: str
    value: str | None
    start: int
    end: int


def find_wishes(folded: Folded, keys: Sequence[Mention], emails: Sequence[Mention]) -> tuple[Asked, ...]:
    """Find what is wished for which key or person, each once, in order of appearance."""
    things = _things(folded, keys, emails)
    spans = sentences(folded.original)
    starts = [start for start, _ in spans]
    found: dict[tuple[Wish, str, str | None], Asked] = {}
    for wish, start, end in _wish_places(folded):
        sentence = spans[max(0, bisect_right(starts, start) - 1)]
        for thing in _bound(wish, (start, end), sentence, things):
            anchor = thing if sentence[0] <= thing.start < sentence[1] else _Thing("", None, start, end)
            quote = clause_around(folded.original, anchor.start, anchor.end)
            found.setdefault((wish, thing.kind, thing.value), Asked(wish, thing.kind, thing.value, quote))
    named = {(asked.wish, asked.kind) for asked in found.values() if asked.value}
    return tuple(a for a in found.values() if a.value or (a.wish, a.kind) not in named)


@cache
def _pattern(wish: Wish) -> re.Pattern[str]:
    return phrase_pattern(_PHRASES[wish])


def _wish_places(folded: Folded) -> Iterator[tuple[Wish, int, int]]:
    for wish in Wish:
        for match in _pattern(wish).finditer(folded.text):
            lead = folded.text[max(0, match.start() - 40) : match.start()]
            if not _NEGATION.search(lead):
                yield (wish, *folded.span(match))


def _things(folded: Folded, keys: Sequence[Mention], emails: Sequence[Mention]) -> list[_Thing]:
    things = [_Thing(m.kind, m.value, m.start, m.end) for m in (*keys, *emails)]
    for kind, pattern in (("key_id", _KEY_WORD), ("email", _PERSON_WORD)):
        things += [_Thing(kind, None, *folded.span(match)) for match in pattern.finditer(folded.text)]
    return sorted(things, key=lambda thing: (thing.start, thing.value is None))


def _bound(wish: Wish, at: tuple[int, int], sentence: tuple[int, int], things: Sequence[_Thing]) -> list[_Thing]:
    """The things a verb or state is about: the run of one kind next to it, or else the last thing named before."""
    after = [t for t in things if at[1] <= t.start < sentence[1]]
    before = [t for t in reversed(things) if sentence[0] <= t.start and t.end <= at[0]]
    near, far = (before, after) if wish is Wish.REPORTS_HARM else (after, before)
    run = _first_run(near) or _first_run(far)
    if not run:
        earlier = [t for t in things if t.end <= sentence[0]]
        # 'Please revoke it.' speaks of what was named last; a state without a subject speaks of nobody.
        run = earlier[-1:] if wish is not Wish.REPORTS_HARM else []
    named = [t for t in run if t.value is not None]
    if named or not run:
        return named
    # Spoken of here ('my API key was leaked') and named elsewhere: only when there is no choice to get wrong.
    elsewhere = [t for t in things if t.kind == run[0].kind and t.value is not None]
    return elsewhere if len({t.value for t in elsewhere}) == 1 else run[:1]


def _first_run(things: Sequence[_Thing]) -> list[_Thing]:
    run: list[_Thing] = []
    for thing in things:
        if run and thing.kind != run[0].kind:
            break
        run.append(thing)
    return run
