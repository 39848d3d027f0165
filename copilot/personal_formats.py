"""Personal data whose form gives it away: e-mail addresses, numbers of cards, accounts, identity records and invoices,
and names of files. Names of people and places have no form and are not found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.in_ import pan
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.us import ssn

_EMAIL = re.compile(
    r"(?<![\w%+-])\w[\w.%+&'\u2019-]{0,127}(?:@|\s?[(\[]at[)\]]\s?)"
    r"\w[\w-]{0,62}(?:(?:\.|\s?[(\[]dot[)\]]\s?)\w[\w-]{0,62}){1,8}",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.,+-])\d(?:[ \u00a0.-]?\d){11,18}(?![\w-])")
_CARD_LABEL = re.compile(
    r"\b(?:cards?|credit|debit|visa|master ?card|maestro|amex|american express"
    r"|karten?(?:nummer)?|kreditkarte\w*|cartes?|tarjeta"
    r"|cart[a\u00e3]o?|pan)\b[^\d]{0,40}$",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}"
    r"(?:[A-Za-z0-9]{11,30}|(?:[ \u00a0-][A-Za-z0-9]{4}){2,7}(?:[ \u00a0-][A-Za-z0-9]{1,4})?)"
    r"(?![A-Za-z0-9])"
)
_IBAN_LABEL = re.compile(
    r"\b(?:iban|bank account|account(?: number| no)?|konto\w*|compte|cuenta|conta)\b[^\d]{0,20}$", re.IGNORECASE
)
_INVOICE = re.compile(
    r"(?:\b(?:invoices?|inv|bills?|rechnung(?:s-?(?:nummer|nr))?|re-nr|factur[ae]|fatura|facture|fattura|receipt"
    r"|credit ?notes?|gutschrift|quittung)(?:\s?(?:number|no|nr|num|n[\u00b0\u00ba]|id|#|:))?"
    r"[\s.:#-]{1,4}(?:is\s|ist\s)?)"
    r"(?P<value>(?=[A-Z0-9/_-]{0,20}\d{3})[A-Z0-9](?:[A-Z0-9/_-]{1,28}[A-Z0-9])?)(?!\w)",
    re.IGNORECASE,
)
_INVOICE_NUMBER = re.compile(r"(?<![\w-])(?:INV|INVOICE|RE|RG|FA|FAC|CN)[-_/](?:\d{2,4}[-_/])?\d{3,10}(?![\w])")
_ENDING = (
    r"\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|csv|tsv|zip|7z|rar|tar|t?gz|eml|msg|pst|png|jpe?g|gif|tiff?|heic|mp4|mov|vsdx?"
    r"|pfx|p12|pem|kdbx|ics|vcf|bak|sql)"
)
# Spaces belong to a name in quotation marks only.
_FILE = re.compile(
    rf"(?<![\w./\\@-])[\w(][\w()&+,~.-]{{0,100}}?{_ENDING}(?![\w@-])"
    rf"|(?<=[\"'\u201c\u2018`])[\w(][\w()&+,~. -]{{0,100}}?{_ENDING}(?=[\"'\u201d\u2019`])",
    re.IGNORECASE,
)
_SHORTEST_NAME = 5
"""A file that is called 'the' must not take that word out of the text."""
_RECORD_LABEL = re.compile(
    r"\b(?:passport|reisepass|pass-?nr|passeport|pasaporte|id[ -]?card|identity card|national id|personalausweis\w*"
    r"|ausweis\w*|carte d['\u2019]identit\u00e9|dni|nie|driv(?:er|ing)['\u2019]?s? licen[cs]e|f\u00fchrerschein\w*"
    r"|social security|ssn|sin|national insurance|tax(?:payer)? id|steuer-?(?:id|nummer)|vat(?: id| reg\w*)?"
    r"|ust-?id\w*|employee id|personnel|personalnummer|patient id|medical record|insurance id)"
    r"(?:[ -]?(?:number|num|no|nr|id|#))?\.?(?:\s?[:=#]\s?|\s(?:is|ist|was|est|es)\s|\s)"
    r"(?P<value>(?=[A-Z0-9 ./-]{0,12}\d{2})[A-Z0-9](?:[ ./-]?[A-Z0-9]){4,18})(?!\w)",
    re.IGNORECASE,
)
# Numbers whose own check digits, or fixed form, tell them from others.
_RECORDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (r"\d{3}-\d{2}-\d{4}", ssn.is_valid),
    (r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    (r"\d{8}-?[A-Z]", dni.is_valid),
    (r"[XYZ]-?\d{7}-?[A-Z]", nie.is_valid),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid),
    (r"[A-Z]{5}\d{4}[A-Z]", pan.is_valid),
    (r"\d{6}[+A-]\d{3}[0-9A-Z]", hetu.is_valid),
    (r"[A-Z]{4}\d{6}[A-Z]{6}[0-9A-Z]\d", curp.is_valid),
    (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", bool),
)
_RECORD_PATTERNS = tuple((re.compile(rf"(?<![\w.-])(?:{form})(?![\w-])"), check) for form, check in _RECORDS)


def email_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Places of e-mail addresses, those that write (at) and (dot) too."""
    yield from (match.span() for match in _EMAIL.finditer(text))


def card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Places of payment cards' numbers: by their check digit and first digit, or because the words say so."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        is_issued = digits[0] in "23456" and luhn.is_valid(digits)
        if is_issued or _CARD_LABEL.search(text, max(0, match.start() - 60), match.start()):
            yield match.span()


def bank_accounts(text: str) -> Iterator[tuple[int, int]]:
    """Places of IBANs: by their check digits, or because the words say so."""
    for match in _IBAN.finditer(text):
        written = match[0]
        # A word may follow a number that is written in groups: 'DE89 3704 0044 0532 0130 00 please'.
        while written and not iban.is_valid(written.replace("\u00a0", " "), check_country=False):
            written = re.sub(r"(?:^|[ \u00a0-])[A-Za-z0-9]*$", "", written)
        if written:
            yield match.start(), match.start() + len(written)
        elif _IBAN_LABEL.search(text, max(0, match.start() - 40), match.start()):
            yield match.span()


def identity_records(text: str) -> Iterator[tuple[int, int]]:
    """Places of numbers of passports, identity cards, licences, insurances and tax records."""
    for pattern, is_valid in _RECORD_PATTERNS:
        yield from (match.span() for match in pattern.finditer(text) if is_valid(match[0]))
    yield from (match.span("value") for match in _RECORD_LABEL.finditer(text))


def invoice_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Places of invoices' numbers."""
    yield from (match.span("value") for match in _INVOICE.finditer(text))
    yield from (match.span() for match in _INVOICE_NUMBER.finditer(text))


def file_names(text: str, known: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of file names: those known to be attached, and whatever ends as documents, pictures and archives do."""
    names = sorted({name for name in known if len(name) >= _SHORTEST_NAME}, key=len, reverse=True)
    if names:
        attached = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", re.IGNORECASE)
        yield from (match.span() for match in attached.finditer(text))
    yield from (match.span() for match in _FILE.finditer(text))
