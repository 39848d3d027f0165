"""The fixed cast: who works where, which channels and groups exist. Data only; ids never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_slack.records import SLACKBOT, Channel, Group, Team, User

ACME = "T0ACME00001"
EXTERNAL = "T0EXTERN001"
GLOBEX = "T0GLOBEX001"
GLOBEX_2 = "T0GLOBEX002"

BOT_USER = "U0CSBOT0001"
BOT_ID = "B0CSBOT0001"
APP_ID = "A0CSAPP0001"
DEPLOYBOT_USER = "U0DEPLOY001"
DEPLOYBOT_ID = "B0DEPLOY001"
DEPLOYBOT_APP = "A0DEPLOY001"
WORKFLOW_BOT_ID = "B0WORKFLOW1"

TEAMS = (
    Team(ACME, "Acme", "acme", "1f6f78"),
    Team(EXTERNAL, "External Example", "external-example", "a4502a"),
    Team(GLOBEX, "Globex", "globex", "5a4fa2", "E0GLOBEX001", "Globex Corporation"),
    Team(GLOBEX_2, "Globex Labs", "globex-labs", "7a3f8f", "E0GLOBEX001", "Globex Corporation"),
)


def _acme(user_id: str, handle: str, name: str, title: str, color: str, *flags: str) -> User:
    email = f"{handle}@acme.example"
    return User(user_id, ACME, handle, name, email, handle, title, frozenset(flags), color)


USERS = (
    User(SLACKBOT, ACME, "slackbot", "Slackbot", None, "Slackbot", color="757575"),
    _acme("U0OLIVIA001", "olivia", "Olivia Ortega", "Support Lead", "2b6cb0", "is_admin"),
    _acme("U0SAM000001", "sam", "Sam Sato", "Support Engineer", "2f855a"),
    _acme("U0SANA00001", "sana", "Sana Siddiqui", "Security Engineer", "9b2c2c"),
    _acme("U0VICTOR001", "victor", "Victor Vance", "Security Analyst", "6b46c1"),
    _acme("U0BOB000001", "bob", "Bob Baker", "Platform Engineer", "b7791f"),
    _acme("U0ERIN00001", "erin", "Erin Evans", "Account Manager", "2c7a7b"),
    _acme("U0GINA00001", "gina", "Gina Guest", "Contractor", "97266d", "is_restricted"),
    _acme("U0GUS000001", "gus", "Gus Guest", "Contractor", "c05621", "is_restricted", "is_ultra_restricted"),
    _acme("U0DANA00001", "dana", "Dana Dietrich", "Former Security Engineer", "718096", "deleted"),
    _acme("U0IVAN00001", "ivan", "Ivan Ivanov", "", "4a5568", "is_invited_user", "email_unconfirmed"),
    _acme("U0UMA000001", "uma", "Uma Unger", "Support Engineer", "285e61", "email_unconfirmed"),
    User(
        "U0WORKFLOW1",
        ACME,
        "intake-workflow",
        "Intake Workflow",
        None,
        "Intake Workflow",
        "",
        frozenset({"is_bot", "is_workflow_bot"}),
        "553c9a",
        bot_id=WORKFLOW_BOT_ID,
        app_id="A0WORKFLOW1",
    ),
    User(
        "U0CONNECT01",
        ACME,
        "mail-connector",
        "Mail Connector",
        None,
        "Mail Connector",
        "",
        frozenset({"is_bot", "is_connector_bot"}),
        "44337a",
        bot_id="B0CONNECT01",
        app_id="A0CONNECT01",
    ),
    User(
        DEPLOYBOT_USER,
        ACME,
        "deploybot",
        "Deploybot",
        None,
        "Deploybot",
        "",
        frozenset({"is_bot"}),
        "276749",
        bot_id=DEPLOYBOT_ID,
        app_id=DEPLOYBOT_APP,
    ),
    User(
        BOT_USER,
        ACME,
        "countersign",
        "Countersign",
        None,
        "Countersign",
        "",
        frozenset({"is_bot"}),
        "1a365d",
        bot_id=BOT_ID,
        app_id=APP_ID,
    ),
    User(
        "U0MALLORY01",
        EXTERNAL,
        "mallory",
        "Mallory Mercer",
        "mallory@external.example",
        "Security Team Lead",
        "Head of Security",
        color="822727",
        shows_email_outside=True,
    ),
    User("U0TRENT0001", EXTERNAL, "trent", "Trent Tully", "trent@external.example", "trent", "Buyer", color="744210"),
    User(
        "U0GRETA0001",
        GLOBEX,
        "greta",
        "Greta Graf",
        "greta@globex.example",
        "greta",
        "IT Manager",
        color="5f370e",
        enterprise_teams=(GLOBEX, GLOBEX_2),
        hides_team_id=True,
    ),
    User(
        "U0GREGOR001",
        GLOBEX_2,
        "gregor",
        "Gregor Grau",
        "gregor@globex.example",
        "gregor",
        "Researcher",
        color="1d4044",
        enterprise_teams=(GLOBEX_2,),
    ),
)

_STAFF = ("U0OLIVIA001", "U0SAM000001", "U0SANA00001", "U0VICTOR001", "U0BOB000001", "U0ERIN00001", "U0UMA000001")
_DESK = ("U0OLIVIA001", "U0SAM000001", "U0SANA00001", "U0VICTOR001", "U0BOB000001")

CHANNELS = (
    Channel(
        "C0GENERAL01",
        "general",
        (ACME,),
        (*_STAFF, "U0GINA00001", DEPLOYBOT_USER, BOT_USER),
        topic="Company-wide announcements",
    ),
    Channel(
        "C0HELP00001",
        "help",
        (ACME,),
        (*_STAFF, "U0GINA00001", "U0GUS000001", BOT_USER),
        topic="Ask for help; every new message becomes a ticket",
    ),
    Channel("C0TRIAGE001", "desk-triage", (ACME,), (*_DESK, BOT_USER), is_private=True, topic="One thread per ticket"),
    Channel(
        "C0APPROVE01",
        "desk-approvals",
        (ACME,),
        (*_DESK, BOT_USER),
        is_private=True,
        topic="Approve or reject risky actions",
    ),
    Channel(
        "C0ESCALATE1",
        "escalations",
        (ACME,),
        (*_DESK, BOT_USER),
        is_private=True,
        topic="What engineering and security work on",
    ),
    Channel(
        "C0EXTEXT001",
        "ext-external",
        (ACME, EXTERNAL),
        ("U0OLIVIA001", "U0SAM000001", "U0ERIN00001", "U0MALLORY01", "U0TRENT0001", BOT_USER),
        topic="Acme and External Example",
    ),
    Channel(
        "C0EXTGLOB01",
        "ext-globex",
        (ACME, GLOBEX),
        ("U0OLIVIA001", "U0SAM000001", "U0GRETA0001", "U0GREGOR001", BOT_USER),
        topic="Acme and Globex",
    ),
    Channel(
        "C0INBOX0001",
        "inbox",
        (ACME,),
        ("U0OLIVIA001", "U0SAM000001", BOT_USER),
        topic="E-mail sent to support@acme.example arrives here",
    ),
)

GROUPS = (
    Group("S0SUPPORT01", ACME, "support", "Support", ("U0OLIVIA001", "U0SAM000001")),
    Group("S0SECURITY1", ACME, "security", "Security", ("U0SANA00001", "U0VICTOR001", "U0BOB000001")),
)


@dataclass(frozen=True)
class Cast:
    """Everything a new world starts from."""

    teams: Mapping[str, Team]
    users: Mapping[str, User]
    channels: Mapping[str, Channel]
    groups: Mapping[str, Group]


def default_cast() -> Cast:
    """The cast above, keyed by id."""
    return Cast(
        {team.id: team for team in TEAMS},
        {user.id: user for user in USERS},
        {channel.id: channel for channel in CHANNELS},
        {group.id: group for group in GROUPS},
    )
