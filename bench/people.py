"""The demo's people, from memory: who they are is settled, and asking costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from policy.one_person import own_address
from policy.terms import Person, PersonKey

TEAM = "T0ACME00001"


def member(user_id: str, name: str, *groups: str) -> Person:
    """A full member of the home company."""
    return Person(
        key=PersonKey(TEAM, user_id),
        team_id=TEAM,
        name=name,
        company="Acme",
        email=f"{name.lower()}@acme.example",
        is_home=True,
        is_active=True,
        is_full_member=True,
        is_human=True,
        is_email_confirmed=True,
        groups=frozenset(groups),
    )


OLIVIA = member("U0OLIVIA001", "Olivia", "support")
SANA = member("U0SANA00001", "Sana", "security")
VICTOR = member("U0VICTOR001", "Victor", "security")
BOB = member("U0BOB000001", "Bob", "security")
EVERYONE = (OLIVIA, SANA, VICTOR, BOB)


class InMemoryPeople:
    """Implements `handlers.desk.People`."""

    async def resolve(self, key: PersonKey) -> Person:
        """Who this is."""
        return next(person for person in EVERYONE if person.key == key)

    async def address_of(self, key: PersonKey) -> str:
        """A confirmed address of ours."""
        return next((own_address(person) for person in EVERYONE if person.key == key), "")

    async def members(self, group: str) -> Sequence[Person]:
        """Everyone in a group."""
        return [person for person in EVERYONE if group in person.groups]
