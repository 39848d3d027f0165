"""The offline triage's text classifier: multinomial logistic regression over hashed words, weights in the package.

Evaluated in plain Python. The features here are the ones the training script (`bench/train_offline_triage.py`) uses:
change them and the weights must be trained anew, which `FEATURES_VERSION` enforces.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

from copilot.entities import find_emails, find_key_ids
from copilot.quotes import fold, legible

FEATURES_VERSION = 1
WEIGHTS_FILE = "offline_triage.json"

_WORD = re.compile(r"[a-z0-9]+")
_MOST_WORDS = 400
"""Words of a ticket that count; the subject matter of longer ones is told by then."""
_STEM = 5
_CHARACTERS = 4_000


class BrokenWeights(Exception):
    """The weights in the package are not the ones this code reads: the installation is broken."""


@dataclass(frozen=True)
class Classifier:
    """Trained weights, ready to judge."""

    name: str
    """For example 'offline-1-3fa94c21': the version and the beginning of the weights' digest."""
    categories: tuple[str, ...]
    buckets: int
    weights: Sequence[int]
    """Row by row, one row of a whole number per category for each bucket."""
    scale: float
    bias: tuple[float, ...]
    temperature: float
    """From held-out rows: scores are divided by it, so that confidence means what it says."""
    key_rule_confidence: float
    """How often a text that wishes something for a key was about credentials, among the labelled sentences."""

    def classify(self, text: str) -> Mapping[str, float]:
        """The probability of each category; they add up to 1. Answers for any text."""
        found = features(text, self.buckets)
        width = len(self.categories)
        sums = [0] * width
        for bucket in found:
            row = self.weights[bucket * width : (bucket + 1) * width]
            sums = [total + weight for total, weight in zip(sums, row, strict=True)]
        norm = self.scale / math.sqrt(len(found) or 1)
        scores = [(total * norm + bias) / self.temperature for total, bias in zip(sums, self.bias, strict=True)]
        return dict(zip(self.categories, softmax(scores), strict=True))


def softmax(scores: Sequence[float]) -> list[float]:
    """Turn scores into probabilities."""
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    whole = sum(powers)
    return [power / whole for power in powers]


def features(text: str, buckets: int) -> list[int]:
    """The buckets a text falls into, each once, in rising order: words, their beginnings, pairs, kinds of things."""
    sample = legible(text[:_CHARACTERS])
    words = _WORD.findall(fold(sample).text)[:_MOST_WORDS]
    names = set(_tokens(words))
    if find_key_ids(sample):
        names.add("#key_id")
    if find_emails(sample):
        names.add("#email")
    return sorted({zlib.crc32(name.encode()) % buckets for name in names})


def _tokens(words: Sequence[str]) -> Iterable[str]:
    # Numbers differ from ticket to ticket and tell nothing but that there is one.
    plain = ["#" if word.isdigit() else word for word in words]
    yield from plain
    yield from (f"{word[:_STEM]}*" for word in plain if len(word) > _STEM)
    yield from (f"{first} {second}" for first, second in pairwise(plain))


@cache
def load_classifier() -> Classifier:
    """The weights that come with the package, read once. Raises BrokenWeights if they don't fit this code."""
    return parse_weights((resources.files("copilot") / WEIGHTS_FILE).read_text(encoding="ascii"))


def parse_weights(document: str) -> Classifier:
    """Read a weights document as the training script writes it. Raises BrokenWeights."""
    try:
        fields = json.loads(document)
        packed = zlib.decompress(base64.b64decode(fields["weights"], validate=True))
        categories = tuple(fields["categories"])
        weights = array("b", packed)
        if fields["features_version"] != FEATURES_VERSION or len(weights) != fields["buckets"] * len(categories):
            raise BrokenWeights(f"{WEIGHTS_FILE} was trained for other features")
        return Classifier(
            name=f"offline-{fields['version']}-{hashlib.sha256(packed).hexdigest()[:8]}",
            categories=categories,
            buckets=fields["buckets"],
            weights=weights,
            scale=fields["scale"],
            bias=tuple(fields["bias"]),
            temperature=fields["temperature"],
            key_rule_confidence=fields["key_rule_confidence"],
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise BrokenWeights(f"{WEIGHTS_FILE} cannot be read: {error}") from error
