"""Secrets that the words around them give away: what names such as `client_secret` are set to, what protocols carry.

A value needs more than a name before it: `my password is expired` tells none. Fillers (`${TOKEN}`, `<your key>`) are no
secrets, and neither is an id that says it is one (`ak_demo_bob_001`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from copilot.issuer_formats import is_filler

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|passwort|kennwort|mot de passe|contrasena|contrase\u00f1a|senha|wachtwoord|pwd"
    r"|\bpw\b|pass|secret|token|cred(?:ential)?s?|auth(?:orization|entication)?(?!or)|jwt|bearer|webhook|dsn|salt"
    r"|cookie|session[ _.-]?id|(?:recovery|backup|verification|one[ -]time|mfa|2fa|sms)[ _-]?codes?|\botp\b"
    r"|(?:api|access|account|private|secret|shared|signing|encryption|license|licence|master|session|service|storage)"
    r"[ _.-]?key|client[ _.-]?(?:secret|srt)|(?:client|access)[ _.-]?id|login|key|signature|(?<=[?&])(?:sig|code))"
)
# The rest of the name, as a program, a form or a sentence writes it …
_REST = (
    r"(?P<rest>[A-Za-z0-9_.-]{0,40}+)[\"'`\])}*]{0,3}"
    r"(?:\s{0,2}:?\s{1,2}(?:str|string|&str|const|char ?\*)(?=\s{0,2}[=:]))?"
)
_SET = (
    # … what stands between: an assignment, a call's comma, a word of a sentence, or the opening quote alone …
    r"(?:\s{0,8}[-:=?|~]{0,4}[:=>]{1,2}\s{0,8}|,\s{0,3}(?=[\"'])|\s{1,3}(?:is|ist|lautet|est|es|e|\u00e9|was)\s{0,3}:?\s{1,3}"
    r"|\s{1,3}(?=[\"'`]))"
)
# A comma or semicolon belongs to the value unless it ends it: 'Password=a;b1;User=x'.
_RUN = r"(?:[^\s\"'`<>,;&]|[,;&](?!\s|$|[\"'`]|[\w.-]{1,40}\s?=))"
# … and the value, in a call perhaps, or after the name of a scheme.
_VALUE = (
    r"(?:[A-Za-z.]{0,40}\()?[\\]?[\"'`*]{0,3}(?:[A-Za-z][A-Za-z-]{2,15}\s{1,3}(?=[^\s]{16}))?"
    rf"(?P<value>{_RUN}{{6,512}})"
)
# 'the password for the server has been set to …': a few words between.
_FAR = (
    r"(?:\s{1,3}[\w()'-]{1,20}){1,6}?(?::|\s{0,2}=|\s(?:is|to|ist|lautet|auf|est|es))\s{1,3}[\"'`]?"
    rf"(?P<value>{_RUN}{{6,256}})"
)
_CLOSE = rf"\s{{1,3}}[\"'`]?(?P<value>{_RUN}{{6,256}})"
_CARRIED = (
    # user:password@host, headers, command lines, configuration files
    r"[a-z][a-z0-9+.-]{1,20}://(?P<one>[^\s/:@\"']{0,64}:[^\s/@\"']{3,128})@",
    r"(?i:authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[A-Za-z][A-Za-z-]{1,19}\s{1,3})?(?P<two>[A-Za-z0-9._~+/=|-]{8,4096})",
    r"(?i:curl)\b[^\n]{0,300}?\s(?:-u|--user)[\s=]{0,3}(?P<three>(?:\"[^\"\n]{0,128}\"|'[^'\n]{0,128}'|[^\s:\"']{1,128})"
    r"(?::(?:\"[^\"\n]{1,128}\"|'[^'\n]{1,128}'|[^\s\"']{1,128}))?)",
    r"(?i:key|name)=[\"'][^\"']{0,40}(?i:password|secret|token)[\"']\s+(?i:value)=[\"'](?P<four>[^\"']{4,256})[\"']",
    r"--[a-z-]{0,30}(?:password|passwd|secret|token|key|pass)[\s=]{1,3}[\"']?(?P<five>[^\s\"'-][^\s\"']{5,512})",
    r"(?:mysql|mysqldump|mysqladmin|sshpass)\b[^\n]{0,200}?\s-p(?P<six>[^\s\"']{4,128})",
    r"\b(?i:cred(?:ential)?s|log ?in)\b(?:\s(?:is|are|with))?[\s:=]{1,4}[\w.@+-]{1,64}\s?[:/]\s?"
    r"(?P<eight>[^\s\"'/]{6,128})",
    # Bundler's settings for a source, BUNDLE_GEMS__EXAMPLE__COM, are its credentials
    r"BUNDLE_[A-Z0-9_]{2,60}__[A-Z]{2,10}[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?P<seven>[^\s\"';&]{4,256})",
)
# Kubernetes keeps secrets as `name: value` under data or stringData, whatever the names.
_MANIFEST = re.compile(r"\bkind[\"']?\s{0,4}:\s{0,4}[\"']?Secret\b", re.IGNORECASE)
_ENTRY = re.compile(
    r"[\w.-]{1,80}[\"']?[ \t]{0,4}:\s{0,8}(?:!!binary\s{1,8})?(?:[|>][-+]?\s{1,40})?[\"']?"
    r"(?P<value>[A-Za-z0-9+/=_-]{10,4096})"
)
_FILLER_WORDS = re.compile(
    r"^[$<{\[]|^%.*%$|\$\{|\$\(|\{\{|%\(|[\[<](?:[A-Z_ ]+)[\]>]"
    r"|\byour|put_your|example|placeholder|changeme|redacted|dummy|sample",
    re.IGNORECASE,
)
_DESCRIPTIONS = frozenset(
    ("user", "username", "pass", "password", "passwd", "token", "secret", "key", "apikey", "test", "xxx", "yyy")
)
_ID = re.compile(r"(?:ak|key|kid|akid|tok|id)[_-][A-Za-z0-9_-]{2,28}")
_CODE_NAME = re.compile(r"codes?$|otp", re.IGNORECASE)
_PASSWORD_NAME = re.compile(r"pass|pwd|\bpw\b|wort|senha|contrase|wachtwoord", re.IGNORECASE)
# The words of a name, one number among them at most, or a short number alone; no part is tried twice.
_NUMBERED = re.compile(r"(?:[A-Z]?[a-z]{2,}+|[A-Z]{1,5}+|[a-z](?=\d|$))*+\d{0,5}+(?:[A-Z]?[a-z]{2,}+|[A-Z]{1,5}+)*+")
# 'keySize', 'token_url', 'credentialsId' speak of a secret and hold none.
_ABOUT = re.compile(
    r"(?:ids?|names?|size|length|type|path|file|ur[li]|alias|pair|index|idx|count|version|arn|source|results|expiry|ttl"
    r"|pressed)$",
    re.IGNORECASE,
)
_ENDS = ".,:;!?)]}\\*"
_ENDS_OF_CLAUSES = ".,:;)"
# 'password: expired', 'password: string': what stands there when no password does.
_STATES_TEXT = (
    "expired forgotten locked invalid incorrect required optional missing unknown changed unchanged hidden string"
    " secret password passwort undefined please needed default"
)
_STATES = frozenset(_STATES_TEXT.split())
_ADDRESS = re.compile(r"[\w.%+-]{1,64}@[\w-]+(?:\.[\w-]+)+")


@cache
def _patterns() -> tuple[re.Pattern[str], tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]:
    after = tuple(re.compile(one, re.IGNORECASE) for one in (_REST, rf"{_REST}{_SET}{_VALUE}", _FAR, _CLOSE))
    return re.compile(_NAME, re.IGNORECASE), after, tuple(re.compile(one) for one in _CARRIED)


def told_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Places of values that a name calls secret; of one identifier, what follows it is looked at once."""
    names, (rest_of, set_to, far, close), _ = _patterns()
    done = 0
    for name in names.finditer(text):
        if name.start() < done:
            continue
        done = rest_of.match(text, name.end()).end()  # type: ignore[union-attr]  # it matches anywhere
        if text[max(0, name.start() - 7) : name.start()].casefold().rstrip("_- ").endswith("public"):
            continue
        match = set_to.match(text, name.end())
        if match is not None and _is_told(match["value"], name[0], match["rest"], _is_alone(match)):
            yield _place(match)
            continue
        is_told = _is_password if _PASSWORD_NAME.search(name[0]) else _is_random
        is_told = _is_code if _CODE_NAME.search(name[0]) else is_told
        for pattern in (far, close):
            match = pattern.match(text, name.end())
            if match is not None and is_told(match["value"]):
                yield _place(match)
                break


def carried_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Places of credentials where URLs, headers, command lines and configuration files carry them."""
    _, _, carried = _patterns()
    for pattern in carried:
        for match in pattern.finditer(text):
            value = match[match.lastgroup or 0]
            if match.lastgroup == "eight" and not _is_password(value):
                continue
            if _is_carried(value, needs_user=match.lastgroup == "three"):
                yield match.span(match.lastgroup or 0)
    for begin, end in _manifests(text):
        for entry in _ENTRY.finditer(text, begin, end):
            value = entry["value"]
            if not is_filler(value) and (_is_password(value) or value.endswith("=") or _is_letter_salad(value)):
                yield entry.span("value")


def _manifests(text: str) -> Iterator[tuple[int, int]]:
    """The YAML documents, or the JSON ones, that are Kubernetes secrets."""
    begin = 0
    for document in re.split(r"(?<=\n)(?=---)", text):
        if _MANIFEST.search(document):
            yield begin, begin + len(document)
        begin += len(document)


def _is_alone(match: re.Match[str]) -> bool:
    """Whether something is assigned by a sign, and nothing but the line's or the sentence's end comes after it."""
    rest = match.string[match.end() : match.end() + 2]
    sign = match.string[match.start() : match.start("value")].rstrip("\"'` ")
    return sign.endswith((":", "=", ">")) and re.match(r"[\"'`<]|[.,;]?(?:\s*\n|\s?$)", rest) is not None


def _place(match: re.Match[str]) -> tuple[int, int]:
    return match.start("value"), match.start("value") + len(match["value"].rstrip(_ENDS))


def _is_told(value: str, name: str, rest: str, is_assigned: bool) -> bool:
    """Whether a value set to such a name is one: 'my password is expired' tells none."""
    if not _may_be_secret(value) or _ABOUT.search(rest):
        return False
    has_digit = any(one.isdigit() for one in value)
    if _PASSWORD_NAME.search(name + rest) or _CODE_NAME.search(name):
        is_word = value.rstrip(_ENDS).casefold() in _STATES or not is_assigned
        return has_digit or bool(re.search(r"[!@#$%^&*]", value)) or not is_word
    # A name like 'token' or 'key' calls many things so; of these only what nobody would choose as a word or an id.
    value = value.rstrip(_ENDS_OF_CLAUSES)
    if name.casefold().startswith("login"):
        return _is_random(value)
    is_mixed = has_digit and _has_letter(value) and not is_numbered_name(value)
    return len(value) >= 8 and (is_mixed or _is_letter_salad(value)) and not _ID.fullmatch(value)


def _is_password(value: str) -> bool:
    """Whether a value that stands near the word 'password' only can be nothing else: no word, no date, no address."""
    mixed = any(one.isdigit() for one in value) and _has_letter(value)
    return mixed and _may_be_secret(value) and not is_numbered_name(value.rstrip(_ENDS_OF_CLAUSES))


def _is_random(value: str) -> bool:
    """Whether a value that stands near another such name only can be nothing else."""
    turns = sum(one.isdigit() != other.isdigit() for one, other in pairwise(value))
    is_odd = len(value) >= 16 or (len(value) >= 10 and turns >= len(value) * 0.4)
    return is_odd and _is_password(value) and not _ID.fullmatch(value)


def _is_code(value: str) -> bool:
    return any(one.isdigit() for one in value) and not is_filler(value)


def _is_letter_salad(value: str) -> bool:
    """Twenty letters or more that nobody could read aloud."""
    vowels = sum(one in "aeiouyAEIOUY" for one in value)
    return len(value) >= 20 and value.isalpha() and vowels < len(value) * 0.28


def _may_be_secret(value: str) -> bool:
    is_pointer = (
        "://" in value or value.startswith(("/", "./", "@", "#")) or bool(_ADDRESS.fullmatch(value.rstrip(".")))
    )
    return not (is_filler(value) or is_pointer or _FILLER_WORDS.search(value))


def _is_carried(value: str, needs_user: bool) -> bool:
    """Whether the last part of `user:password`, or the first where that is empty, is more than its own description."""
    parts = [part.strip("\"'\\{}") for part in value.split(":")]
    told = next((part for part in reversed(parts) if part), "")
    if needs_user and len(parts) < 2:
        return False
    if not told or told.casefold() in _DESCRIPTIONS or (is_filler(told) and len(told) < 20):
        return False
    return not _FILLER_WORDS.search(value.strip("\"'").lstrip("{")) and ("@" not in told or len(parts) > 1)


def _has_letter(value: str) -> bool:
    return any(one.isalpha() for one in value)


def is_numbered_name(value: str) -> bool:
    """'config2', 'us-east-1', 'OAUTH_2', 'X25519.KeyPair': words with a number, as people name things."""
    return all(_NUMBERED.fullmatch(part) for part in re.split(r"[-_./:]", value))
