"""A draft as the exact text that goes out: the same draft gives the same text, byte for byte.

Each sentence is a line of its own. Those that begin with the same word for how sure they are, or for what happens next,
stand together: what is confirmed, what is still being checked, and who does what next by when are paragraphs apart.
None is left out, put differently or moved: the paragraphs come where the draft has them.
"""

from __future__ import annotations

from itertools import groupby

from policy.case_terms import Draft

_LONGEST_LABEL = 40
"""Characters; what stands before a colon further on is a sentence's own words."""


def rendered(draft: Draft) -> str:
    """The text of a draft; "" where it says nothing."""
    lines = [line for one in draft.sentences if (line := " ".join(one.text.split()))]
    return "\n\n".join("\n".join(same) for _, same in groupby(lines, key=_label))


def _label(line: str) -> str:
    """What a sentence says of itself before it says anything else; "" where it does not."""
    label, colon, _ = line.partition(":")
    return label.casefold() if colon and len(label) <= _LONGEST_LABEL else ""
