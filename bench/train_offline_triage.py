"""Train the offline triage's classifier and say honestly how good it is.

    python -m bench.train_offline_triage TICKETS.jsonl.gz [FRESH.tsv …] [--write]

TICKETS holds rows with `text` and `category` (IT service tickets, CC0, lower-cased and stripped of punctuation);
the project's own
helpdesk sentences and phrases come from the package, and FRESH has sentences that are only judged.
Plain Python, seeded: same files in, same weights out.

1. Exact duplicates are dropped; rows that share most of their word sequences form one group.
2. Groups, never rows, are dealt to training, calibration and test.
3. The own sentences are measured by cross-validation, each judged by a model that never saw it.
4. One temperature is fitted on the calibration rows and on the cross-validated own sentences, weighed equally.
5. What is measured on the test rows is the model that is written, after rounding its weights to whole numbers.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import math
import random
import sys
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from copilot.classifier import FEATURES_VERSION, WEIGHTS_FILE, Classifier, features, parse_weights, softmax
from copilot.entities import find_emails, find_key_ids
from copilot.intents import Asked, find_wishes
from copilot.offline_triage import KEY_CATEGORY, is_about_key
from copilot.quotes import fold
from copilot.suggestions import CATEGORIES

SEED = 20260401
VERSION = 1
BUCKETS = 1 << 15
EPOCHS = 4
RATE = 4.0
BIAS_RATE = 0.02
TICKET_WEIGHT = 0.2
"""Of one row of TICKETS, whose stripped style and one company's habits are far from what people write to us."""
SENTENCE_COPIES = 6
WORD_COPIES = 3
"""How often an own sentence, and an own phrase, comes up in each epoch: there are few of them."""
MOST_PER_CATEGORY = 2000
"""Training rows of TICKETS per category: its proportions are one company's, not ours."""
FOLDS = 3

_CATEGORY_OF = {
    "Hardware": "hardware",
    "HR Support": "hr_support",
    "Access": "access",
    "Miscellaneous": "other",
    "Storage": "storage",
    "Purchase": "purchase",
    "Internal Project": "internal_project",
    "Administrative rights": "administrative_rights",
}


@dataclass(frozen=True)
class Row:
    """One labelled text as the model sees it."""

    text: str
    category: int
    buckets: tuple[int, ...]
    weight: float = 1.0


@dataclass
class Model:
    """Weights while they are trained, one list per bucket."""

    weights: dict[int, list[float]]
    bias: list[float]

    def scores(self, row: Row) -> list[float]:
        """Scores of one row, before any temperature."""
        known = [weights for bucket in row.buckets if (weights := self.weights.get(bucket))]
        norm = 1 / math.sqrt(len(row.buckets) or 1)
        totals = [sum(column) for column in zip(*known, strict=True)] or [0.0] * len(self.bias)
        return [total * norm + bias for total, bias in zip(totals, self.bias, strict=True)]


def read_tickets(path: Path) -> list[Row]:
    """Read TICKETS without its exact duplicates."""
    texts: dict[str, str] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            ticket = json.loads(line)
            texts.setdefault(ticket["text"], ticket["category"])
    return [_row(text, _CATEGORY_OF[name], TICKET_WEIGHT) for text, name in texts.items()]


def read_sentences() -> list[Row]:
    """Read the sentences that were written for this project."""
    return [_row(text, category) for category, text in _own_rows("helpdesk_sentences.tsv")]


def read_words() -> list[Row]:
    """Read the phrases that were listed for this project; each is a row."""
    return [_row(text, category) for category, texts in _own_rows("helpdesk_words.tsv") for text in texts.split(";")]


def _own_rows(name: str) -> Iterator[tuple[str, str]]:
    for line in (resources.files("copilot") / name).read_text(encoding="utf-8").splitlines():
        category, _, text = line.partition("\t")
        yield category, text


def _row(text: str, category: str, weight: float = 1.0) -> Row:
    return Row(text, CATEGORIES.index(category), tuple(features(text, BUCKETS)), weight)


def near_duplicate_groups(texts: Sequence[str]) -> list[int]:
    """Name each text's group: texts that share half of their sketch of three-word runs, directly or in a chain."""
    sketches = [_sketch(text) for text in texts]
    places: dict[int, list[int]] = defaultdict(list)
    for index, sketch in enumerate(sketches):
        for value in sketch:
            places[value].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in places.values():
        # A run in many texts is a signature or a template; linking a window of neighbours is enough to chain copies.
        for position, first in enumerate(indices):
            shared.update((first, second) for second in indices[position + 1 : position + 6])
    parents = list(range(len(texts)))
    for (first, second), count in shared.items():
        if count * 2 >= min(len(sketches[first]), len(sketches[second])):
            parents[_root(parents, first)] = _root(parents, second)
    return [_root(parents, index) for index in range(len(texts))]


def _sketch(text: str) -> frozenset[int]:
    words = text.split()
    runs = {zlib.crc32(" ".join(words[i : i + 3]).encode()) for i in range(max(1, len(words) - 2))}
    return frozenset(sorted(runs)[:12])


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def split(rows: Sequence[Row], groups: Sequence[int]) -> tuple[list[Row], list[Row], list[Row]]:
    """Deal whole groups to training (80%), calibration (10%) and test (10%)."""
    names = sorted(set(groups))
    random.Random(SEED).shuffle(names)
    cut_test, cut_calibration = len(names) // 10, len(names) // 5
    part = {name: (2 if i < cut_test else 1 if i < cut_calibration else 0) for i, name in enumerate(names)}
    parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
    for row, group in zip(rows, groups, strict=True):
        parts[part[group]].append(row)
    return parts


def capped(rows: Sequence[Row]) -> list[Row]:
    """At most MOST_PER_CATEGORY rows of each category, chosen by chance."""
    shuffled = random.Random(SEED + 1).sample(rows, len(rows))
    counts: Counter[int] = Counter()
    kept = []
    for row in shuffled:
        counts[row.category] += 1
        if counts[row.category] <= MOST_PER_CATEGORY:
            kept.append(row)
    return kept


def train(rows: Sequence[Row]) -> Model:
    """Fit by stochastic gradient descent; rows come in a new, seeded order each epoch."""
    model = Model({}, [0.0] * len(CATEGORIES))
    order = list(rows)
    for epoch in range(EPOCHS):
        random.Random(SEED + epoch).shuffle(order)
        rate = RATE / (1 + epoch)
        for row in order:
            _step(model, row, rate)
    return model


def _step(model: Model, row: Row, rate: float) -> None:
    table = model.weights
    rows = [table.setdefault(bucket, [0.0] * len(CATEGORIES)) for bucket in row.buckets]
    norm = 1 / math.sqrt(len(rows) or 1)
    chances = softmax(model.scores(row))
    pull = rate * row.weight
    gradient = [-pull * chance for chance in chances]
    gradient[row.category] += pull
    model.bias[:] = [bias + BIAS_RATE * g for bias, g in zip(model.bias, gradient, strict=True)]
    push = [g * norm for g in gradient]
    for weights in rows:
        weights[:] = map(float.__add__, weights, push)


def folds(rows: Sequence[Row]) -> Iterator[tuple[list[Row], list[Row]]]:
    """(training part, judged part) of each fold; every category is spread over all folds."""
    shuffled = sorted(random.Random(SEED + 2).sample(rows, len(rows)), key=lambda row: row.category)
    for part in range(FOLDS):
        yield (
            [row for i, row in enumerate(shuffled) if i % FOLDS != part],
            [row for i, row in enumerate(shuffled) if i % FOLDS == part],
        )


def fit_temperature(parts: Sequence[Sequence[tuple[list[float], int]]]) -> float:
    """The temperature with the least loss, every part weighed equally whatever its size."""

    def loss(temperature: float) -> float:
        return sum(
            -sum(math.log(max(1e-12, softmax([s / temperature for s in scores])[truth])) for scores, truth in part)
            / len(part)
            for part in parts
        )

    return min((round(0.5 + 0.05 * step, 2) for step in range(80)), key=loss)


def key_rule_confidence(rows: Sequence[Row]) -> float:
    """How often the rule about keys is right on these rows, with one hit and one miss added for modesty."""
    about_key = [row for row in rows if is_about_key(_wishes(row.text))]
    hits = sum(CATEGORIES[row.category] == KEY_CATEGORY for row in about_key)
    print(f"the rule about keys is right on {hits} of {len(about_key)} sentences")
    return round((hits + 1) / (len(about_key) + 2), 3)


def _wishes(text: str) -> Sequence[Asked]:
    return find_wishes(fold(text), find_key_ids(text), find_emails(text))


def document_of(model: Model, temperature: float, key_confidence: float) -> str:
    """The weights file: whole numbers of one byte, compressed, as text."""
    highest = max(abs(weight) for weights in model.weights.values() for weight in weights)
    # A few extreme weights would cost all others their precision: clip beyond a quarter of the highest.
    scale = highest / 4 / 127
    nothing = [0.0] * len(CATEGORIES)
    flat = (weight for bucket in range(BUCKETS) for weight in model.weights.get(bucket, nothing))
    packed = array("b", (max(-127, min(127, round(weight / scale))) for weight in flat)).tobytes()
    fields = {
        "version": VERSION,
        "features_version": FEATURES_VERSION,
        "categories": CATEGORIES,
        "buckets": BUCKETS,
        "scale": scale,
        "bias": [round(bias, 6) for bias in model.bias],
        "temperature": temperature,
        "key_rule_confidence": key_confidence,
        "weights": base64.b64encode(zlib.compress(packed, 9)).decode("ascii"),
    }
    return json.dumps(fields, indent=1) + "\n"


def report(title: str, judged: Sequence[tuple[Sequence[float], int]]) -> None:
    """Print accuracy, macro F1, calibration error and precision and recall per category."""
    hits = sum(_best(chances) == truth for chances, truth in judged)
    print(f"\n{title}: {len(judged)} rows, accuracy {hits / len(judged):.3f}, ", end="")
    lines, scores = [], []
    for index, name in enumerate(CATEGORIES):
        given = sum(_best(chances) == index for chances, _ in judged)
        wanted = sum(truth == index for _, truth in judged)
        if not wanted:
            continue
        right = sum(_best(chances) == index == truth for chances, truth in judged)
        precision, recall = right / given if given else 0.0, right / wanted
        scores.append(2 * right / (given + wanted))
        lines.append(f"  {name:<22} {wanted:>5} rows  precision {precision:.2f}  recall {recall:.2f}")
    print(f"macro F1 {sum(scores) / len(scores):.3f}, calibration error {calibration_error(judged):.3f}")
    print("\n".join(lines))


def calibration_error(judged: Sequence[tuple[Sequence[float], int]]) -> float:
    """Mean gap between stated confidence and share of hits, over ten bins of confidence."""
    bins: Mapping[int, list[tuple[float, bool]]] = defaultdict(list)
    for chances, truth in judged:
        bins[min(9, int(max(chances) * 10))].append((max(chances), _best(chances) == truth))
    return sum(abs(sum(c for c, _ in part) - sum(hit for _, hit in part)) for part in bins.values()) / len(judged)


def _best(chances: Sequence[float]) -> int:
    return max(range(len(chances)), key=lambda index: chances[index])


def _judge(classifier: Classifier, rows: Sequence[Row]) -> list[tuple[Sequence[float], int]]:
    return [(list(classifier.classify(row.text).values()), row.category) for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure, and with --write replace the weights in the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tickets", type=Path)
    parser.add_argument("fresh", type=Path, nargs="*", help="further labelled sentences (.tsv) to be judged on")
    parser.add_argument("--write", action="store_true", help="replace the weights in the package")
    options = parser.parse_args(arguments)

    tickets, sentences, words = read_tickets(options.tickets), read_sentences(), read_words()
    groups = near_duplicate_groups([row.text for row in tickets])
    training, calibration, test = split(tickets, groups)
    base = capped(training) + words * WORD_COPIES
    print(f"{len(tickets)} different tickets in {len(set(groups))} groups of near duplicates")
    print(f"{len(sentences)} own sentences, {len(words)} own phrases")

    crossed: list[tuple[list[float], int]] = []
    for taught, judged in folds(sentences):
        fold_model = train(base + taught * SENTENCE_COPIES)
        crossed += [(fold_model.scores(row), row.category) for row in judged]
    model = train(base + sentences * SENTENCE_COPIES)
    temperature = fit_temperature([[(model.scores(row), row.category) for row in calibration], crossed])
    document = document_of(model, temperature, key_rule_confidence(sentences))
    classifier = parse_weights(document)

    print(f"{classifier.name}: {len(document)} bytes, temperature {temperature}")
    report("Held-out tickets (whole groups)", _judge(classifier, test))
    softened = [(softmax([score / temperature for score in scores]), truth) for scores, truth in crossed]
    report(f"Own sentences ({FOLDS}-fold cross-validation)", softened)
    for path in options.fresh:
        rows = [_row(text, name) for name, text in (line.split("\t") for line in path.read_text().splitlines())]
        report(f"Never trained on: {path.name}", _judge(classifier, rows))
    if options.write:
        target = Path(str(resources.files("copilot") / WEIGHTS_FILE))
        target.write_text(document, encoding="ascii")
        print(f"\nwritten to {target.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
