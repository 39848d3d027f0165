"""The vocabulary the Block Kit tables are written in: one small spec per kind of field.

Each `check` appends Slack-style complaints, each ending in a JSON pointer, and never raises on bad input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Complaints = list[str]


class Spec(Protocol):
    """Anything that can judge a JSON value."""

    def check(self, value: Any, at: str, out: Complaints) -> None: ...


def complain(out: Complaints, text: str, at: str) -> None:
    out.append(f"{text} [json-pointer:{at}]")


@dataclass(frozen=True)
class Str:
    """A string between `least` and `most` characters, optionally of a given pattern or set."""

    most: int | None = None
    least: int = 0
    one_of: tuple[str, ...] = ()
    pattern: str | None = None

    def check(self, value: Any, at: str, out: Complaints) -> None:
        if not isinstance(value, str):
            complain(out, "must be a string", at)
            return
        if len(value) < self.least:
            complain(out, f"must be more than {self.least - 1} characters", at)
        if self.most is not None and len(value) > self.most:
            complain(out, f"must be less than {self.most + 1} characters", at)
        if self.one_of and value not in self.one_of:
            complain(out, f"must be a valid enum value ({', '.join(self.one_of)})", at)
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            complain(out, "must match pattern", at)


@dataclass(frozen=True)
class Bool:
    def check(self, value: Any, at: str, out: Complaints) -> None:
        if not isinstance(value, bool):
            complain(out, "must be a boolean", at)


@dataclass(frozen=True)
class Int:
    least: int | None = None
    most: int | None = None

    def check(self, value: Any, at: str, out: Complaints) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            complain(out, "must be an integer", at)
            return
        if self.least is not None and value < self.least:
            complain(out, f"must be greater than or equal to {self.least}", at)
        if self.most is not None and value > self.most:
            complain(out, f"must be less than or equal to {self.most}", at)


@dataclass(frozen=True)
class Anything:
    """A JSON value that is stored and passed on unchecked."""

    def check(self, value: Any, at: str, out: Complaints) -> None:
        """Everything passes."""


@dataclass(frozen=True)
class ListOf:
    """A list of `least` to `most` items of one spec."""

    item: Spec
    most: int | None = None
    least: int = 1

    def check(self, value: Any, at: str, out: Complaints) -> None:
        if not isinstance(value, list):
            complain(out, "must be an array", at)
            return
        if len(value) < self.least:
            complain(out, f"no less than {self.least} items allowed", at)
        if self.most is not None and len(value) > self.most:
            complain(out, f"no more than {self.most} items allowed", at)
            return
        for index, item in enumerate(value):
            self.item.check(item, f"{at}/{index}", out)


Rule = Callable[[Mapping[str, Any], str, Complaints], None]


@dataclass(frozen=True)
class Obj:
    """An object with these fields and no others. `rules` say what single fields cannot."""

    fields: Mapping[str, Spec]
    required: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def check(self, value: Any, at: str, out: Complaints) -> None:
        if not isinstance(value, dict):
            complain(out, "must be an object", at)
            return
        for name in self.required:
            if value.get(name) is None:
                complain(out, f"missing required field: {name}", at)
        for name, content in value.items():
            spec = self.fields.get(name)
            if spec is None:
                complain(out, f"invalid additional property: {name}", at)
            elif content is not None:
                spec.check(content, f"{at}/{name}", out)
        for rule in self.rules:
            rule(value, at, out)


@dataclass(frozen=True)
class Typed:
    """An object chosen by its `type` among `variants` (a function, since block tables refer to each other)."""

    variants: Callable[[], Mapping[str, Obj]]
    allowed: frozenset[str] = field(default_factory=frozenset)

    def check(self, value: Any, at: str, out: Complaints) -> None:
        if not isinstance(value, dict):
            complain(out, "must be an object", at)
            return
        kind = value.get("type")
        if kind is None:
            complain(out, "missing required field: type", at)
            return
        variants = self.variants()
        if not isinstance(kind, str) or kind not in variants or (self.allowed and kind not in self.allowed):
            complain(out, f"unsupported type: {kind}", f"{at}/type")
            return
        variants[kind].check(value, at, out)


def any_of(*names: str) -> Rule:
    """At least one of these fields must be there."""

    def rule(value: Mapping[str, Any], at: str, out: Complaints) -> None:
        if not any(value.get(name) for name in names):
            complain(out, "must define either " + " or ".join(f"`{name}`" for name in names), at)

    return rule


def exactly_one_of(*names: str) -> Rule:
    """Exactly one of these fields must be there."""

    def rule(value: Mapping[str, Any], at: str, out: Complaints) -> None:
        if sum(value.get(name) is not None for name in names) != 1:
            complain(out, "must define exactly one of " + ", ".join(f"`{name}`" for name in names), at)

    return rule
