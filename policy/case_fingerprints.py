"""What makes two statements the same content, so that what a person rejected is known again in other clothes.

Only clothes: spacing, case, punctuation, accents, invisible characters, letters that look like others. Other words for
the same thing are other content, which a person judges anew.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

_LOOK_ALIKES: Mapping[str, str] = {
    # Cyrillic, Greek and Armenian letters, and the digits and strokes that pass for Latin letters. All that look like
    # a stroke become 'l', 'i' too: two texts that a hurried reader takes for the same are the same here.
    "a": "аαɑ",
    "b": "вьβƅ",
    "c": "сϲⅽ",
    "d": "ԁժɗ",
    "e": "еєεҽ",
    "g": "ɡց",
    "h": "һнհ",
    "j": "јϳ",
    "k": "кκ",
    "l": "i1|ıіїӏιɩⅼ",
    "m": "мⅿ",
    "n": "пηո",
    "o": "0оοσօ",
    "p": "рρ",
    "q": "ԛգ",
    "r": "гɼ",
    "s": "ѕꜱ",
    "t": "тτ",
    "u": "υսʋ",
    "v": "νѵⅴ",
    "w": "ѡωԝա",
    "x": "хχⅹ",
    "y": "уγү",
    "z": "ᴢ",
}
_PLAIN = str.maketrans({other: plain for plain, others in _LOOK_ALIKES.items() for other in others})
_SHORTEST_QUOTE = 12
"""Letters; less than that stands in a sentence by chance."""


def skeleton(text: str) -> str:
    """Only the letters and digits of a text, made plain, with nothing between them."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_PLAIN)
    return "".join(one for one in decomposed if one.isalnum())


@lru_cache(maxsize=4096)  # Each statement of a case is compared with every other, again and again.
def fingerprint(text: str) -> str:
    """The SHA-256, in hex, of a text's skeleton: what is kept of content that was rejected."""
    return hashlib.sha256(skeleton(text).encode()).hexdigest()


def repeats(text: str, rejected: Iterable[str]) -> str | None:
    """The first of these texts that `text` says again, whole or within a longer sentence; None where it does not."""
    said = skeleton(text)
    for one in rejected:
        inner = skeleton(one)
        if inner == said or (len(inner) >= _SHORTEST_QUOTE and inner in said):
            return one
    return None
