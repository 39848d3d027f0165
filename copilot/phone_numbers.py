"""Phone numbers in a text, national ones included, in any country's way of writing them.

A number counts if it is international, if a word such as 'phone' or 'fax' stands beside it, or if it is written in
groups and is a valid number of one of the countries below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import NumberParseException, is_possible_number, is_valid_number, parse

_COUNTRIES = (
    "US", "GB", "DE", "FR", "ES", "IT", "PT", "BR", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PL", "CZ", "HU",
    "IE", "AU", "NZ", "ZA", "IN", "JP", "MX",
)  # fmt: skip
_MOST_LOOKED_UP = 300
"""A text with more candidates is a list of numbers: the rest are taken for phone numbers unseen."""
_CANDIDATE = re.compile(r"(?<![\w./@#=-])(?<!\d[,:])(?:\+\s?|\(\+?)?\d(?:[ \u00a0()./-]{0,3}\d){5,16}(?!\d)(?![@:]?\w)")
_LABEL_BEFORE = re.compile(
    r"(?:\b(?:tele|smart)?(?:ph|f)ones?|\btel|\bmob(?:ile|il)?|\bcell(?:ular|phone)?|\bfax|\bhandy|\btelef\w{1,4}|t\u00e9l\w{0,8}"
    r"|\bm\u00f3vil|\bcelular|\bcall(?:ed|s|ing)?|\bdial|\btext(?:ed)?|\bsms|\bwhatsapp|\bsignal|\bring|\brufnummer|\bnum[e\u00e9]ro"
    r"|\breach(?:able)?|\bcontact)\b[^\d\n+]{0,30}\n?[ \t]{0,8}(?:\d?[^\w\n]{0,3})$",
    re.IGNORECASE,
)
_LABEL_AFTER = re.compile(r"[-\s,(]{0,3}(?:office|fax|home|work|mobile|cell|tel|phone|ext|extension)\b", re.IGNORECASE)
_DATE = re.compile(
    r"(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d|"
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])(?:\D.*)?"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)\d\d(?:\D.*)?"
)
_VERSION = re.compile(r"\d{1,5}(?:\.\d{1,5}){1,4}")
_PAIRS = re.compile(r"\d{2,3}(?:\.\d{2}){4}|\d{3}\.\d{3}\.\d{4}")


def phone_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Places of phone numbers."""
    looked_up = 0
    for match in _CANDIDATE.finditer(text):
        written = match[0]
        if _DATE.fullmatch(written) or (_VERSION.fullmatch(written) and not _PAIRS.fullmatch(written)):
            continue
        is_labelled = _LABEL_BEFORE.search(text, max(0, match.start() - 60), match.start()) is not None
        if is_labelled or _LABEL_AFTER.match(text, match.end()):
            yield match.span()
            continue
        looked_up += 1
        if looked_up > _MOST_LOOKED_UP or _is_number(written):
            yield match.span()


@lru_cache(maxsize=4096)
def _is_number(written: str) -> bool:
    """Whether digits that nothing announces can only be a phone number."""
    if written.lstrip("( ").startswith("+"):
        return _parses(written, None)
    groups = re.findall(r"\d+", written)
    is_grouped = 2 <= len(groups) <= 6 and max(map(len, groups)) <= 8
    return is_grouped and sum(map(len, groups)) >= 8 and any(_parses(written, country) for country in _COUNTRIES)


def _parses(written: str, country: str | None) -> bool:
    try:
        number = parse(written, country)
    except NumberParseException:
        return False
    return is_possible_number(number) if country is None else is_valid_number(number)
