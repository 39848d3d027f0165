"""Parts with a hole in them. A check that passes with one of these in place of the real part checks nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from handlers.identity import Identity
from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER
from policy.terms import Person, PersonKey, RequestStatus, Ruling, Vote
from policy.votes import VoteSigner
from tests.keys import VOTE_KEY
from tests.running import RunningDesk

SIGNER = VoteSigner.of_secrets(bytes.fromhex(VOTE_KEY))

GENEROUS_SITE = """
@id("everybody-may-do-everything")
@reason("Planted: a site that allows everything to everybody.")
permit (principal, action, resource);
"""


@contextmanager
def with_parts(desk: RunningDesk, **parts: Any) -> Iterator[None]:
    """The running desk with other parts at the seams of `Desk` (gate, signer, people, clock, …) meanwhile."""
    reception = desk.parts.reception
    before = reception.desk
    # Frozen in the product: nothing there swaps a part of a running desk.
    object.__setattr__(reception, "desk", replace(before, **parts))
    try:
        yield
    finally:
        object.__setattr__(reception, "desk", before)


@contextmanager
def with_identity(desk: RunningDesk, identity: Any) -> Iterator[None]:
    """The running desk with another door for 'who', at the click and before the run."""
    reception = desk.parts.reception
    before = reception.identity
    object.__setattr__(reception, "identity", identity)
    try:
        with with_parts(desk, people=identity):
            yield
    finally:
        object.__setattr__(reception, "identity", before)


def policy_folder(path: Path, *, site: str = "", core: Mapping[str, str] | None = None) -> Path:
    """A copy of the shipped policies: `site` is added to the site's, each `core` text is replaced in the core's."""
    shutil.copytree(DEFAULT_FOLDER, path)
    if site:
        (path / "planted.cedar").write_text(site)
    file = path / "core.cedar"
    for old, new in (core or {}).items():
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
    return path


def gate_of(folder: Path) -> Gate:
    """The real gate over another folder of policies."""
    return Gate(PolicyEngine.load(folder), SIGNER)


class ForgivingGate:
    """The real gate, except that refusals by some rules are waved through."""

    def __init__(self, real: Gate, *forgiven: str) -> None:
        self._real = real
        self._forgiven = forgiven

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def rule_on_vote(self, *args: Any, **more: Any) -> Ruling:
        return self._forgive(self._real.rule_on_vote(*args, **more))

    def rule_on_run(self, *args: Any, **more: Any) -> Ruling:
        return self._forgive(self._real.rule_on_run(*args, **more))

    def _forgive(self, ruling: Ruling) -> Ruling:
        return replace(ruling, is_allowed=True) if ruling.code in self._forgiven else ruling


class BelievingSigner(VoteSigner):
    """Takes every signature for a good one."""

    def __init__(self) -> None:
        super().__init__({"v1": bytes.fromhex(VOTE_KEY)}, "v1")

    def verify(self, vote: Vote) -> bool:
        return True


class StatusBelievingGate(ForgivingGate):
    """Runs what the status column says is approved, as gates do that keep no evidence."""

    def rule_on_run(self, request: Any, votes: Any, voters: Any, **more: Any) -> Ruling:
        return Ruling(True, "planted", "the row says so", "")


class RowBelievingGate(ForgivingGate):
    """Does not look at the trail: what a request's row says is what the votes are held against."""

    def rule_on_run(self, request: Any, *args: Any, **more: Any) -> Ruling:
        believed = replace(request, matches_trail=True, status=RequestStatus.APPROVED)
        return self._real.rule_on_run(believed, *args, **more)


class TeamFieldIdentity(Identity):
    """Takes `team.id` of a click for the clicker's company, which in a shared channel is the app's own."""

    def __init__(self, real: Identity) -> None:
        self.__dict__.update(real.__dict__)

    async def clicker(self, body: Mapping[str, Any]) -> Person:
        person = await self._live(str(body["user"]["id"]), None)
        return replace(
            person,
            key=PersonKey(str(body["team"]["id"]), person.key.user_id),
            is_home=body["team"]["id"] == self.home.team_id,
            # Slack says neither of anybody outside; a door that trusts the team makes them up.
            is_email_confirmed=True,
            email=f"{person.key.user_id}@acme.example",
            groups=frozenset({"security"}),
        )


class NameBelievingIdentity(Identity):
    """Lets a title or display name stand for membership of the security group."""

    def __init__(self, real: Identity) -> None:
        self.__dict__.update(real.__dict__)

    async def clicker(self, body: Mapping[str, Any]) -> Person:
        return await self.resolve(PersonKey(str(body["user"]["team_id"]), str(body["user"]["id"])))

    async def resolve(self, key: PersonKey) -> Person:
        person = await self._live(key.user_id, key.home)
        answer = await self._client.users_info(user=key.user_id)
        words = str(answer["user"]["profile"])
        if "Security" not in words and "Sana" not in words:
            return person
        return replace(person, is_home=True, is_email_confirmed=True, groups=frozenset({"security"}))


class GroupBelievingIdentity(Identity):
    """Takes Slack's user group as it is, whoever edited it, without the settings' own list."""

    def __init__(self, real: Identity) -> None:
        self.__dict__.update(real.__dict__)
        self._groups = {name: replace(setting, member_ids=_Everyone()) for name, setting in real._groups.items()}


class _Everyone(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True

    def __rand__(self, other: Any) -> frozenset[str]:
        return frozenset(other)
