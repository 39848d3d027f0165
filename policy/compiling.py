"""From policy text to the handles that decide, with every check that can be made before the first question.

Checked here, all problems at once:
  1. each file parses, holds no templates, and each policy has its own `@id` and a `@reason`
  2. ids beginning `core-` stand in `core.cedar`, where every policy is a forbid, and nowhere else
  3. every policy fits the schema, and every group it names exists in the settings
  4. no permit depends on what follows from a requester's words: those may raise scrutiny, never lower it
  5. addresses and bare user ids, which may exclude somebody and never admit, are read by `core.cedar` alone
  6. a `@reply`, which outsiders may read, gives nothing away
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass

import cedarpy
from cedarpy import pst

from policy.errors import PolicyUnusable
from policy.loading import CORE_FILE, PolicyFiles
from policy.places import place, policies_of
from policy.replies import PERMITTED, REASONS

CORE_PREFIX = "core-"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_FROM_THE_REQUESTERS_WORDS = frozenset({"category", "severity"})
_FOR_THE_CORE_ALONE = frozenset(
    {
        "address",
        "userId",
        "linkedUserIds",
        "linkedAddresses",
        "ownerUserId",
        "requesterUserId",
        "proposerUserId",
        "editorUserIds",
        "subjectUserIds",
        "subjectAddresses",
        "aboutUserId",
        "involvedUserIds",
    }
)
_TAKEN = frozenset({PERMITTED, *REASONS})
"""What the gate calls its own answers; a policy of that name could not be told from them."""
_TELLTALE = re.compile(r"[#@<>]|https?:")


@dataclass(frozen=True)
class PolicyNote:
    """What is said about one policy."""

    reason: str
    reply: str | None
    is_forbid: bool
    place: str = ""
    """Its file and line."""


@dataclass(frozen=True)
class CompiledPolicy:
    """Parsed once; `policies` knows each policy by its `@id`."""

    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    notes: Mapping[str, PolicyNote]


def compile_policy(files: PolicyFiles) -> CompiledPolicy:
    """Parse and check. Raises PolicyUnusable with one line for each problem."""
    try:
        schema = cedarpy.Schema.from_str(files.schema)
    except ValueError as error:
        cure = "restore the schema.cedarschema that came with this version of the bot"
        raise PolicyUnusable([f"schema.cedarschema: {_one_line(error)}; {cure}"]) from error
    reading = _Reading(files.settings.groups)
    for name, text in files.policies.items():
        reading.read(name, text, schema)
    if reading.problems:
        raise PolicyUnusable(reading.problems)
    return CompiledPolicy(_by_id(files.policies), schema, reading.notes)


@dataclass
class _Reading:
    """What has been found so far."""

    groups: frozenset[str]
    notes: dict[str, PolicyNote] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Policy id -> the file and line it was first found in."""
    problems: list[str] = field(default_factory=list)

    def read(self, name: str, text: str, schema: cedarpy.Schema) -> None:
        try:
            parsed = cedarpy.policies_to_pst(text)
        except ValueError as error:
            where = place(name, _line_that_does_not_parse(text))
            self.problems.append(f"{where}: this policy is no Cedar ({_one_line(error)}); mend it, or take it out")
            return
        if parsed.templates:
            where = place(name, _line_of_template(text))
            self.problems.append(f"{where}: ?principal and ?resource are not supported; name a group or a type instead")
        lines = {f"policy{number}": line for number, (line, _) in enumerate(policies_of(text))}
        for position, policy in parsed.static_policies.items():
            self._note(place(name, lines.get(position)), name, policy)
        for failure in cedarpy.validate_policies(text, schema).errors:
            what = _one_line(failure.error).replace(f"for policy `{failure.policy_id}`", "").lstrip(",: ")
            where = place(name, lines.get(failure.policy_id))
            self.problems.append(f"{where}: {what}; the actions and facts there are stand in schema.cedarschema")

    def _note(self, spot: str, name: str, policy: pst.Template) -> None:
        policy_id = policy.annotations.get("id", "")
        reason = policy.annotations.get("reason", "").strip()
        reply = policy.annotations.get("reply", "").strip() or None
        where = f"{spot}: {policy_id or 'a policy without @id'}"
        if policy_id in self.notes:
            self.problems.append(
                f"{where}: this @id is used twice, first in {self.files[policy_id]}; give this one another"
            )
        self.problems.extend(f"{where}: {problem}" for problem in self._faults(name, policy, policy_id, reason, reply))
        self.notes[policy_id] = PolicyNote(reason, reply, policy.effect == "forbid", spot)
        self.files.setdefault(policy_id, spot)

    def _faults(self, name: str, policy: pst.Template, policy_id: str, reason: str, reply: str | None) -> Iterator[str]:
        is_core = name == CORE_FILE
        if not _ID.fullmatch(policy_id) or policy_id in _TAKEN:
            yield (
                "an @id is two or more lower-case words joined by hyphens, and none of the gate's own codes; write one"
                ' such as @id("support-decides-medium-risk")'
            )
        if not reason:
            yield 'no @reason, so nobody could be told why; add @reason("…")'
        if policy_id.startswith(CORE_PREFIX) and not is_core:
            yield f"ids that begin {CORE_PREFIX!r} belong to {CORE_FILE}; give it another"
        if is_core and not (policy_id.startswith(CORE_PREFIX) and policy.effect == "forbid"):
            yield f"{CORE_FILE} holds only forbids whose ids begin {CORE_PREFIX!r}; put it into a file of your own"
        if policy.effect == "permit" and (used := _FROM_THE_REQUESTERS_WORDS & _attributes(policy)):
            facts = " or ".join(sorted(used))
            yield f"a permit must not depend on {facts}: requesters' words decide that; take it out, or write a forbid"
        if not is_core and (used := _FOR_THE_CORE_ALONE & _attributes(policy)):
            facts = " and ".join(sorted(used))
            yield f"{facts}: only {CORE_FILE}, which lets nobody in, may compare these; name people by key or group"
        unknown = {uid.id for uid in pst.entity_uids(policy) if str(uid.type) == "Group"} - self.groups
        if unknown:
            named = ", ".join(sorted(unknown))
            yield f"names groups that are not in settings.toml: {named}; add them to `groups` there, or mend the name"
        if reply and (_TELLTALE.search(reply) or any(group in reply.lower().split() for group in self.groups)):
            yield "@reply may be read by outsiders; take out what names a group, channel, person or link"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _line_of_template(text: str) -> int | None:
    for line, policy in policies_of(text):
        if cedarpy.policies_to_pst(policy).templates:
            return line
    return None


def _line_that_does_not_parse(text: str) -> int | None:
    for line, policy in policies_of(text):
        try:
            cedarpy.policies_to_pst(policy)
        except ValueError:
            return line
    return None


def _by_id(policies: Mapping[str, str]) -> cedarpy.PolicySet:
    """All policies in one set, each under its `@id` instead of the position the parser counted."""
    named = {}
    for text in policies.values():
        for policy in json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values():
            named[policy["annotations"]["id"]] = policy
    return cedarpy.PolicySet.from_json_str(json.dumps({"staticPolicies": named, "templates": {}, "templateLinks": []}))


def _attributes(node: object) -> set[str]:
    """Every attribute read or asked for anywhere under a policy's node."""
    found: set[str] = set()
    waiting: list[object] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, pst.GetAttr):
            found.add(item.attr)
        if isinstance(item, pst.HasAttr):
            found.update(item.attrs)
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, tuple):
            waiting.extend(item)
        elif is_dataclass(item) and not isinstance(item, type):
            waiting.extend(getattr(item, part.name) for part in fields(item))
    return found
