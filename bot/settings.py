"""Settings from the environment, checked at the start: every wrong one is named, all at once, with where to get it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from platformdirs import user_data_path

from bot.evidence_settings import EvidenceSettings, read_evidence_settings
from bot.keys import AUDIT, CHECKPOINT, VOTE, Problem
from bot.settings_reader import SettingsReader
from copilot.assistant_terms import Budget
from copilot.model_usage import Prices
from handlers.desk import DeskSettings
from handlers.http_intake import IntakeKeys
from policy.passkeys import Site
from storage.places import check_place

_CHANNEL = re.compile(r"^[CG][A-Z0-9]{2,20}$")

DEFAULT_PRICES = Prices(Decimal("3"), Decimal("15"), Decimal("3.75"), Decimal("0.30"))
"""What is counted where a site names no prices. A site's contract may say otherwise: COUNTERSIGN_MODEL_PRICES."""


class SettingsError(Exception):
    """Settings are missing or wrong. `problems` has one readable line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class SlackAccess:
    """How the bot reaches a workspace."""

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    api_url: str | None = None
    """Another base URL of the Web API: the local Slack's."""


@dataclass(frozen=True)
class Settings:
    """Everything the process is told from outside."""

    slack: SlackAccess
    desk: DeskSettings
    database_url: str | None
    """None: the embedded database."""
    data_folder: Path
    vote_key: bytes = field(repr=False)
    """The key that signs votes."""
    intake: IntakeKeys
    http_host: str
    http_port: int
    metrics_token: str | None = field(default=None, repr=False)
    """Who has it may read the metrics; None: there are none."""
    audit_key: bytes = field(default=b"", repr=False)
    """The key under which rows of the trail are hashed."""
    checkpoint_key: bytes | None = field(default=None, repr=False)
    """The Ed25519 key that signs checkpoints and receipts; None: there are neither."""
    checkpoint_places: tuple[str, ...] = ()
    """Where checkpoints go; none: there are none."""
    old_vote_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys that signed votes before, and still verify those."""
    old_audit_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys under which rows were hashed before, and are still verified."""
    site: Site | None = None
    """Where people's browsers reach our pages; None: there are none, and nothing is confirmed with a passkey."""
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    """Where the sources of a case's evidence are."""
    policy_folder: Path | None = None
    """None: the policy that comes with the bot."""
    anthropic_api_key: str | None = field(default=None, repr=False)
    anthropic_model: str | None = None
    anthropic_url: str | None = None
    prices: Prices | None = None
    """What the model's tokens cost; None: as DEFAULT_PRICES has it."""
    budget: Budget | None = None
    """What the copilot may use for one case; None: as `copilot.assistant_terms` has it."""
    role: str = "all"
    """'all', 'web' (takes what arrives) or 'worker' (works it off): two processes then share one database."""
    workers: int = 8
    sockets: int = 2


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where the bot keeps what is its own: COUNTERSIGN_DATA, or the user's data folder."""
    chosen = environ.get("COUNTERSIGN_DATA", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else user_data_path("countersign", appauthor=False)


def wants_local_slack(environ: Mapping[str, str]) -> bool:
    """Whether no workspace is named at all: then the local Slack stands in.

    Raises SettingsError where a database is named all the same, unless it is said that it is for the demo: tokens that
    were lost on the way must not put made-up people and keys into a real desk.
    """
    if any(environ.get(name, "").strip() for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET")):
        return False
    if environ.get("DATABASE_URL", "").strip() and environ.get("COUNTERSIGN_DEMO", "").strip() != "1":
        raise SettingsError(
            [
                "DATABASE_URL: no Slack token is set, so the demo would start on this database, with made-up people,"
                " keys and approvers. Set SLACK_BOT_TOKEN and the other Slack settings to join a workspace; or leave"
                " DATABASE_URL out, and the demo has a database of its own; or set COUNTERSIGN_DEMO=1 if this"
                " database is for the demo and nothing else"
            ]
        )
    return True


def read_settings(environ: Mapping[str, str], *, is_demo: bool = False) -> Settings:
    """The settings for a workspace. Raises SettingsError with every problem at once.

    `is_demo`: the workspace is the local Slack that this process started.
    """
    reader = SettingsReader(environ)
    slack = SlackAccess(
        bot_token=reader.token("SLACK_BOT_TOKEN", "xoxb-", required=True) or "",
        app_token=reader.token("SLACK_APP_TOKEN", "xapp-"),
        signing_secret=reader.text("SLACK_SIGNING_SECRET"),
        api_url=reader.url("COUNTERSIGN_SLACK_API_URL"),
    )
    if slack.app_token is None and slack.signing_secret is None:
        reader.problem("SLACK_APP_TOKEN", "is needed for Socket Mode (or SLACK_SIGNING_SECRET for signed HTTP)")
    evidence = read_evidence_settings(environ, reader.problem)
    desk = DeskSettings(
        triage_channel=reader.one("COUNTERSIGN_TRIAGE_CHANNEL", _CHANNEL, "a channel id"),
        approvals_channel=reader.one("COUNTERSIGN_APPROVALS_CHANNEL", _CHANNEL, "a channel id"),
        intake_channels=reader.many("COUNTERSIGN_INTAKE_CHANNELS", _CHANNEL, "channel ids"),
        groups={name: reader.group(name) for name in reader.group_names()},
        break_glass_channel=reader.maybe("COUNTERSIGN_BREAK_GLASS_CHANNEL", _CHANNEL, "a channel id"),
        security_channel=reader.maybe("COUNTERSIGN_SECURITY_CHANNEL", _CHANNEL, "a channel id"),
        escalation_channel=evidence.escalation_channel,
        leads_channel=reader.maybe("COUNTERSIGN_LEADS_CHANNEL", _CHANNEL, "a channel id"),
    )
    of_cases = {desk.security_channel, desk.leads_channel}
    ours = {desk.triage_channel, desk.approvals_channel, desk.break_glass_channel} | of_cases
    inside = ours & desk.intake_channels
    if inside - {""}:
        reader.problem(
            "COUNTERSIGN_INTAKE_CHANNELS",
            "must not name one of the desk's own channels: triage, approvals, break-glass, security or leads",
        )
    folder, database_url = data_folder(environ), reader.database()
    role = reader.choice("COUNTERSIGN_ROLE", ("all", "web", "worker"))
    is_one_of_several = role != "all" or (database_url is not None and not is_demo)
    places = given_places(environ, reader.problem)
    settings = Settings(
        slack=slack,
        desk=desk,
        database_url=database_url,
        data_folder=folder,
        vote_key=reader.key(VOTE, folder, is_shared=is_one_of_several) or b"",
        old_vote_keys=reader.keys("COUNTERSIGN_VOTE_KEYS_OLD"),
        audit_key=reader.key(AUDIT, folder, is_shared=is_one_of_several) or b"",
        old_audit_keys=reader.keys("COUNTERSIGN_AUDIT_KEYS_OLD"),
        checkpoint_places=places,
        checkpoint_key=reader.key(CHECKPOINT, folder, is_shared=is_one_of_several, is_needed=bool(places)),
        intake=reader.intake_keys(),
        http_host=reader.text("COUNTERSIGN_HTTP_HOST") or "127.0.0.1",
        http_port=reader.port("COUNTERSIGN_HTTP_PORT", 8080),
        metrics_token=reader.long_secret("COUNTERSIGN_METRICS_TOKEN"),
        site=reader.site("COUNTERSIGN_PUBLIC_URL"),
        evidence=evidence,
        policy_folder=reader.folder("COUNTERSIGN_POLICY"),
        role=role,
        anthropic_api_key=reader.text("ANTHROPIC_API_KEY"),
        anthropic_model=reader.text("COUNTERSIGN_MODEL"),
        anthropic_url=reader.text("ANTHROPIC_BASE_URL"),
        prices=reader.prices("COUNTERSIGN_MODEL_PRICES"),
        budget=reader.budget("COUNTERSIGN_CASE_BUDGET"),
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def given_places(environ: Mapping[str, str], problem: Problem) -> tuple[str, ...]:
    """Where checkpoints go; what names no place is a problem."""
    name = "COUNTERSIGN_CHECKPOINTS"
    found = tuple(one.strip() for one in environ.get(name, "").split(",") if one.strip())
    for one in found:
        try:
            check_place(one)
        except ValueError as error:
            problem(name, str(error))
    return found
