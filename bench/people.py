"""The demo's people, from memory: who they are is settled, and asking costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from policy.one_person import own_address
from policy.terms import Person, PersonKey
from tests.policy.builders import person

TEAM = "T0ACME00001"


def member(user_id: str, name: str, *groups: str) -> Person:
    """A full member of the demo's company."""
    key = PersonKey(TEAM, user_id)
    email = f"{name.lower()}@acme.example"
    return person(user_id, *groups, key=key, team_id=TEAM, name=name, company="Acme", email=email)


OLIVIA = member("U0OLIVIA001", "Olivia", "support")
SANA = member("U0SANA00001", "Sana", "security")
VICTOR = member("U0VICTOR001", "Victor", "security")
BOB = member("U0BOB000001", "Bob", "security")
EVERYONE = (OLIVIA, SANA, VICTOR, BOB)


class InMemoryPeople:
    """Implements `handlers.desk.People`."""

    async def resolve(self, key: PersonKey) -> Person:
        """Who this is."""
        return next(one for one in EVERYONE if one.key == key)

    async def address_of(self, key: PersonKey) -> str:
        """A confirmed address of ours."""
        return next((own_address(one) for one in EVERYONE if one.key == key), "")

    async def members(self, group: str) -> Sequence[Person]:
        """Everyone in a group."""
        return [one for one in EVERYONE if group in one.groups]
