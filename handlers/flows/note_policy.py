"""Changed policy files were taken, or were not: on the system's chain, and in the approvals channel.

Each process reads the files for itself and puts its own change on record. It is announced by the first that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.desk import Desk
from handlers.plain_input import storable
from handlers.views.facts import PolicyNewsFacts, Untrusted
from policy.terms import Audience
from storage import audit, deliveries
from storage.audit import Step, StoredEvent
from storage.database import Transaction
from storage.deliveries import NewDelivery

_TURN = "policy"
_PROBLEMS_KEPT = 50
_PROBLEM_LENGTH = 1000


async def note_policy_in_force(desk: Desk, version: str) -> None:
    """`version` takes the place of the desk's policy; the same one, where its files were bad for a while."""
    before = desk.gate.policy_version
    async with desk.database.transaction() as tx:
        latest = await _latest(tx)
        is_news = latest is None or latest.name == Step.POLICY_REFUSED or _version_in(latest) != version
        if version == before and not is_news:
            return
        await _record(desk, tx, Step.POLICY_CHANGED, {"old": before, "new": version})
        if is_news:
            await _announce(desk, tx, {"inForce": version, "other": before, "problems": []})


async def note_policy_refused(desk: Desk, version: str, problems: Sequence[str]) -> None:
    """The files of `version` are not taken. Once: another process that finds the same says nothing more."""
    in_force = desk.gate.policy_version
    kept = [storable(one, limit=_PROBLEM_LENGTH) for one in problems[:_PROBLEMS_KEPT]]
    async with desk.database.transaction() as tx:
        latest = await _latest(tx)
        if latest is not None and latest.name == Step.POLICY_REFUSED and latest.payload["version"] == version:
            return
        payload = {"version": version, "inForce": in_force, "problems": kept}
        await _record(desk, tx, Step.POLICY_REFUSED, payload)
        await _announce(desk, tx, {"inForce": in_force, "other": version, "problems": kept})


async def _latest(tx: Transaction) -> StoredEvent | None:
    """What was last put on record about the policy; nobody else writes of it until the transaction ends."""
    await audit.take_turn(tx, _TURN)
    return await audit.latest(tx, Step.STARTED, Step.POLICY_CHANGED, Step.POLICY_REFUSED)


def _version_in(event: StoredEvent) -> str:
    return str(event.payload["policyVersion" if event.name == Step.STARTED else "new"])


async def _record(desk: Desk, tx: Transaction, name: Step, payload: Mapping[str, Any]) -> None:
    await audit.record(tx, None, name, "bot", payload, at=desk.clock())


async def _announce(desk: Desk, tx: Transaction, args: Mapping[str, Any]) -> None:
    notice = NewDelivery("policy_news", Audience.INTERNAL, desk.settings.approvals_channel, args=dict(args))
    await deliveries.post(tx, notice, delivery_id=desk.new_id(), at=desk.clock())


def policy_news_facts(args: Mapping[str, Any]) -> PolicyNewsFacts:
    """An announcement's facts, from what was stored with it."""
    return PolicyNewsFacts(args["inForce"], args["other"], tuple(map(Untrusted, args["problems"])))
