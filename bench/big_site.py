"""A site with many policies and a company with many people: generated, always the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from bench.policy import clicks_suffice
from policy.terms import Person
from tests.policy.builders import person

POLICIES = 100
PEOPLE = 10_000
_SEED = 7
_CONDITIONS = (
    'resource.risk == Risk::"{risk}" && resource.ticket.channelKind == ChannelKind::"slack_internal"',
    'resource.ticket.category == "generated_{number}"',
    'resource.ticket.status == TicketStatus::"closed" && resource.risk == Risk::"{risk}"',
    'principal == Person::"T_HOME/U_GENERATED{number}"',
)


def big_site(folder: Path) -> Path:
    """The bench's policy with as many further ones as make `POLICIES` of the site's own; none decides what is asked."""
    shutil.copytree(clicks_suffice(), folder)
    random, own = Random(_SEED), (folder / "site.cedar").read_text().count("@id(")
    (folder / "generated.cedar").write_text("\n".join(_policy(random, number) for number in range(POLICIES - own)))
    return folder


def _policy(random: Random, number: int) -> str:
    risk = random.choice(("low", "medium", "high", "critical"))
    condition = random.choice(_CONDITIONS).format(risk=risk, number=number)
    who = random.choice(('principal in Group::"support"', 'principal in Group::"security"', "principal"))
    if "principal ==" in condition:
        who = "principal"
    return (
        f'@id("generated-rule-{number}")\n@reason("Generated for the bench.")\n'
        f'forbid ({who}, action in Action::"decide", resource)\nwhen {{ {condition} }};\n'
    )


def crowd() -> list[Person]:
    """People of the home company, one in fifty of security, one in ten of support."""
    random = Random(_SEED)
    return [person(f"U_{number:05}", *_groups(random)) for number in range(PEOPLE)]


def _groups(random: Random) -> list[str]:
    return [group for group, share in (("security", 0.02), ("support", 0.1)) if random.random() < share]
