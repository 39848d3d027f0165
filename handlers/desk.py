"""What every flow works with, put together once by `bot.wiring` and handed in as the first argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from actions.catalogue import Catalogue
from actions.evidence.connector import Gatherer
from actions.runner import Runner
from copilot.assistant_terms import Assistant
from copilot.lint_look import SecondLinter
from copilot.suggestions import Triager
from policy.gate import Gate
from policy.terms import Person, PersonKey
from policy.votes import VoteSigner
from storage.database import Database
from storage.notary import Notary


class People(Protocol):
    """The identity door as flows see it: every answer is read from Slack for the question, or the question fails.

    Accounts always live; user groups live, or less than ten seconds old while Slack's limit leaves no more calls.
    """

    async def resolve(self, key: PersonKey) -> Person:
        """Who this is right now. Raises `IdentityUnavailable` if Slack does not say so clearly."""
        ...

    async def address_of(self, key: PersonKey) -> str:
        """The confirmed address of a live account of the home company, in lower case; "" for any other account.

        May be half a minute old. Raises `IdentityUnavailable`.
        """
        ...

    async def members(self, group: str) -> Sequence[Person]:
        """Everyone who is in a policy group right now, with all their groups. Raises `IdentityUnavailable`."""
        ...


@dataclass(frozen=True)
class GroupSetting:
    """One policy group: Slack's user group, narrowed to the people the settings name."""

    name: str
    usergroup_id: str
    member_ids: frozenset[str]


@dataclass(frozen=True)
class DeskSettings:
    """Where the desk lives in Slack."""

    triage_channel: str
    approvals_channel: str
    intake_channels: frozenset[str]
    groups: Mapping[str, GroupSetting] = field(default_factory=dict)
    command: str = "/countersign"
    security_channel: str | None = None
    """Where security is told of a case that its latch holds, and gets its packets; None: in the approvals channel."""
    escalation_channel: str | None = None
    """Where engineering gets the packets of cases; None: in the approvals channel."""
    break_glass_channel: str | None = None
    """Where break-glass requests are announced besides the approvals channel."""
    leads_channel: str | None = None
    """Where the weekly picture of how cases go is posted; None: nowhere."""


@dataclass(frozen=True)
class Desk:
    """The product's parts. Tests build one with other parts at the same seams."""

    database: Database
    gate: Gate
    signer: VoteSigner
    catalogue: Catalogue
    triager: Triager
    runner: Runner
    people: People
    settings: DeskSettings
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    gatherer: Gatherer
    """Asks the sources of a case's evidence."""
    assistant: Assistant
    """Takes the turns of the copilot on cases."""
    copilot_model: str = ""
    """The model that it uses; "" where it is the rules alone."""
    second_linter: SecondLinter | None = None
    """Looks at drafts after the rules have; None where they stand alone."""
    notary: Notary | None = None
    """Signs the packets of cases; None where the desk has no key for it."""
