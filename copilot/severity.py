# ruff: noqa: E501 - each row of the table is one turn of speech; broken over lines it can no longer be read
"""How severe a ticket is, by rules that can be read aloud: words of harm, signals, then the category's own level.

Shouting does not make a ticket critical; only described harm does. Signals can raise the level and never lower it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from copilot.quotes import fold, phrase_pattern
from copilot.suggestions import Signal
from policy.terms import Severity

_ORDER = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)

_CATEGORY_LEVEL: Mapping[str, Severity] = {
    "security_incident": Severity.HIGH,
    "credentials": Severity.MEDIUM,
    "access": Severity.MEDIUM,
    "administrative_rights": Severity.MEDIUM,
    "hardware": Severity.MEDIUM,
    "billing": Severity.MEDIUM,
    "storage": Severity.MEDIUM,
}
"""Everything else is LOW."""

_HARM: Mapping[Severity, tuple[str, ...]] = {
    Severity.CRITICAL: (
        r"ransom ?ware",
        r"(?:data|security) breach",
        r"exfiltrat\w+",
        r"files (?:are |were |have been |got )?encrypted",
        r"(?:all|every|everyone's|everybody's|many|most) (?:of )?(?:our |the )?(?:accounts?|users?|customers?|servers?|systems?|sites?) (?:\w+ ){0,3}(?:compromised|hacked|down|offline|locked|encrypted)",
        r"production (?:\w+ ){0,3}(?:is|are|went|has been|database is) (?:completely |entirely )?(?:down|offline|gone|wiped)",
        r"(?:datenleck|verschlusselungstrojaner|fuite de donnees|filtracion de datos|vazamento de dados)",
    ),
    Severity.HIGH: (
        r"(?:compromised|hacked|hijacked|phished|breached|breach|leaked|leak|stolen|infected|malware|virus|trojan|spyware)",
        r"(?:taken|took) over (?:my|our|his|her|their|the|an?|by)",
        r"(?:unauthori[sz]ed|suspicious|strange|unknown) (?:\w+ )?(?:access|logins?|log-?ins?|sign-?ins?|activity|transactions?|changes?|charges?)",
        r"(?:clicked|opened) (?:\w+ ){0,5}(?:phishing|suspicious|malicious)(?: \w+)?",
        r"(?:lost|misplaced|left) (?:my |the |a |our )?(?:\w+ )?(?:laptop|phone|badge|device|usb stick|drive|token|yubikey)",
        r"(?:outage|whole office|entire (?:team|office|company|department)|nobody can|no one can|everyone is (?:blocked|locked out|unable))",
        r"(?:still (?:has|have|had)|should not have|shouldn't have) (?:\w+ )?access",
        r"(?:kompromittiert|gehackt|gestohlen|schadsoftware|compromise|pirate|vole|comprometid[oa]|hackead[oa]|robad[oa]|roubad[oa]|vazad[oa])",
    ),
}

_TOUCHES_ACCESS = (
    r"(?:mfa|2fa|two.factor|sso|single sign.on|saml|api.?keys?|access keys?|signing secrets?|client secrets?|secrets?|tokens?|credentials?|passwords?)",
    r"(?:admin|administrator|owner|root|superuser|workspace.admin) (?:role|rights?|access|permissions?|privileges?)",
    r"(?:revoke|suspend|deactivate|disable|delete|remove|unlock|restore|re.?enable|lock) (?:\w+ ){0,4}(?:users?|accounts?|mailbox|mailboxes|access|logins?|keys?|roles?)",
    r"(?:passwort|kennwort|schlussel|mot de passe|cle d'api|contrasena|clave|senha|chave)",
)
"""Words that say the ticket is about who may get in. Other words around them must not talk the level down."""

_SIGNAL_LEVEL: Mapping[str, Severity] = {
    "asks_to_skip_control": Severity.HIGH,
    "instruction_to_bot": Severity.HIGH,
    "secret_in_text": Severity.HIGH,
    "claims_authority": Severity.MEDIUM,
    "impersonation": Severity.MEDIUM,
    "urgency": Severity.MEDIUM,
}


def most_severe(*levels: Severity) -> Severity:
    """The highest of the levels given; at least one."""
    return max(levels, key=_ORDER.index)


def severity_floor(text: str, signals: Sequence[Signal]) -> tuple[Severity, str]:
    """The level that words and signals alone demand, whatever the category, and the reason in words ('' for LOW)."""
    folded = fold(text).text
    harm = next((level for level in (Severity.CRITICAL, Severity.HIGH) if _harm(level).search(folded)), Severity.LOW)
    kinds = {signal.kind for signal in signals}
    demanded = most_severe(Severity.LOW, *(_SIGNAL_LEVEL.get(kind, Severity.LOW) for kind in kinds))
    if {"claims_authority", "urgency"} <= kinds:
        # Rank and haste together are how people are talked out of checking.
        demanded = most_severe(demanded, Severity.HIGH)
    level = most_severe(harm, demanded)
    if level is Severity.LOW:
        return (Severity.MEDIUM, "it is about who may get in") if _access().search(folded) else (level, "")
    return level, "it describes harm" if harm is level else "of how it asks"


def category_level(category: str) -> Severity:
    """The level a category has on its own."""
    return _CATEGORY_LEVEL.get(category, Severity.LOW)


@cache
def _access() -> re.Pattern[str]:
    return phrase_pattern(_TOUCHES_ACCESS)


@cache
def _harm(level: Severity) -> re.Pattern[str]:
    return phrase_pattern(_HARM[level])
