"""Say how much of what should not leave is kept from a model, and how many plain tickets are touched by that.

    python -m bench.minimising FOLDER

FOLDER holds the labelled sentences (`d_secrets.jsonl`, `d_pii.jsonl`) and plain tickets (`b_*`). A value counts as
kept back if it stands nowhere in the minimised text. Rows are dealt to two halves by a hash of the rule or template
that made them, so that near duplicates stay together: the rules were developed on the first.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from copilot.minimising import minimise
from copilot.secret_formats import find_secrets
from tests.copilot import labelled


def kept_back(folder: Path) -> None:
    """Print, for each type of value, how many of each half are kept back."""
    kept, marked = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in (*labelled.secrets(folder), *labelled.personal(folder)):
        (sent,) = minimise(row.text).texts
        for kind, value in row.values:
            marked[kind, row.half] += 1
            kept[kind, row.half] += value not in sent
    print("kept back          first half     second half")
    for kind in sorted({kind for kind, _ in marked}):
        shares = (f"{kept[kind, half]:4} of {marked[kind, half]:4}" for half in (0, 1))
        print(f"{kind:16}  {'   '.join(shares)}")


def touched(folder: Path) -> None:
    """Print how many texts without secrets are changed, by anything and by a secret seen in them."""
    print("\ntouched                    texts   by anything   by a secret")
    for name, texts in (
        ("plain tickets", labelled.plain_tickets(folder)),
        ("near misses", labelled.near_misses(folder)),
    ):
        by_anything = sum(bool(minimise(text).table) for text in texts)
        by_secret = sum(bool(find_secrets(text)) for text in texts)
        print(f"{name:22} {len(texts):9} {by_anything:13} {by_secret:13}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.minimising", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    kept_back(folder)
    touched(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
