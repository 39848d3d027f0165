"""What a ticket names: e-mail addresses, ids of API keys, people's accounts; each with the words around it.

An entity is a string found in untrusted text. Whether it exists, and whose it is, only the directory can say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from copilot.quotes import clause_around

_MOST = 20
"""Of one kind; a ticket that names more is a list, and triage suggests five actions at most."""

_EMAIL = re.compile(
    r"(?<![\w.%+@-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){1,8}"
    r"(?![\w@])"
)
# Ids that say what they are: ak_demo_bob_001, key-7f3a2b, kid_12ab.
_PREFIXED_KEY = re.compile(
    r"(?<![\w./@-])(?:ak|apikey|api_key|key|kid|akid|tok|token)[_-][A-Za-z0-9][A-Za-z0-9_-]{2,79}"
)
# Ids that the words before them say are keys: 'API key id 7f3a-22', "key 'prod_2024'".
_NAMED_KEY = re.compile(
    r"(?:\bapi[ _-]?keys?|\baccess keys?|\bkey ?ids?|\bapi[ _-]?schl[uü]ssel|\bcl[eé] d['’]api|\bclave (?:de )?api"
    r"|\bchave (?:de )?api)(?: ?id)?(?: (?:is|named|called|with id|ist|est|es))?\s*[:=#]?\s*[\"'`“‘(]?"
    r"(?P<id>[A-Za-z0-9][A-Za-z0-9_-]{3,79})",
    re.IGNORECASE,
)
_USER_MENTION = re.compile(
    r"<@(?P<id>[UW][A-Z0-9]{5,20})(?:\|[^>\n]{0,80})?>|(?<![\w.@])@(?P<handle>[A-Za-z][\w.-]{1,40})"
)
_NAMED_USER = re.compile(
    r"(?:\b(?:user ?name|user ?id|user|login|account|employee|benutzer|utilisateur|usuario|usu[aá]rio)"
    r"\s?[:=#]?\s?[\"'`]?(?P<name>[A-Za-z][\w.-]{1,40}))"
    r"|(?<![\w@.])(?P<owner>[A-Za-z][\w-]{1,40})['’]s (?:user )?(?:account|login|access|session)",
    re.IGNORECASE,
)
_NOT_USERS_TEXT = (
    "account accounts name names id is was has have had can cannot cant does who with for from in on to and or the my"
    " his her their our your a an not access group groups manager management profile says said reported reports cannot"
    " compromised suspended locked disabled data list error issue it this that customer user contractor someone anyone"
    " colleague employee here channel everyone settings role roles permissions password login team page number please"
)
_NOT_USERS = frozenset(_NOT_USERS_TEXT.split())


@dataclass(frozen=True)
class Mention:
    """Something named in the text, where, and the clause it stands in."""

    kind: str
    """'email', 'key_id' or 'user'."""
    value: str
    start: int
    end: int
    quote: str


def find_emails(text: str) -> tuple[Mention, ...]:
    """E-mail addresses, each once, as written, in order of appearance."""
    return _mentions("email", text, ((m[0], m.start()) for m in _EMAIL.finditer(text)), key=str.lower)


def find_key_ids(text: str) -> tuple[Mention, ...]:
    """Ids of API keys, each once, in order. An id is no secret; secrets are for `secret_formats`."""
    return _mentions("key_id", text, [(text[start:end], start) for start, end in key_id_places(text)])


def key_id_places(text: str) -> list[tuple[int, int]]:
    """Where ids of API keys stand, all of them, in order."""
    found = [(m[0].rstrip("-_"), m.start()) for m in _PREFIXED_KEY.finditer(text)]
    found += [(m["id"].rstrip("-_"), m.start("id")) for m in _NAMED_KEY.finditer(text)]
    return sorted((start, start + len(value)) for value, start in found if _is_key_id(value))


def _is_key_id(value: str) -> bool:
    if value.lower().startswith("ak_"):
        return len(value) > 4
    # 'key-value' and 'API key management' are words; an id has a digit, or joins its parts with underscores.
    return any(c.isdigit() for c in value) or ("_" in value and value.lower() not in ("api_key", "key_id", "api_keys"))


def find_user_references(text: str) -> tuple[Mention, ...]:
    """People named other than by address: <@U…>, @handle, 'user bob', "bob's account"."""
    found = [(m["id"] or m["handle"].rstrip(".-"), m.start()) for m in _USER_MENTION.finditer(text)]
    for match in _NAMED_USER.finditer(text):
        name = (match["name"] or match["owner"]).rstrip(".-")
        if name.lower() not in _NOT_USERS and "@" not in text[match.end() : match.end() + 1]:
            found.append((name, match.start()))
    return _mentions("user", text, sorted(found, key=lambda f: f[1]), key=str.lower)


def _mentions(
    kind: str, text: str, found: Iterable[tuple[str, int]], key: Callable[[str], str] = lambda value: value
) -> tuple[Mention, ...]:
    seen: dict[str, Mention] = {}
    for value, start in found:
        if len(seen) == _MOST:
            break
        if key(value) not in seen:
            end = start + len(value)
            seen[key(value)] = Mention(kind, value, start, end, clause_around(text, start, end))
    return tuple(seen.values())
