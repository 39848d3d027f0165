"""Settings from the environment, checked at the start: every wrong one is named, all at once, with where to get it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from bot.evidence_settings import EvidenceSettings, read_evidence_settings
from bot.keys import AUDIT, CHECKPOINT, VOTE, KeyName, Problem, given_key, given_keys, key_in_file
from copilot.assistant_terms import Budget
from copilot.model_usage import Prices
from handlers.desk import DeskSettings, GroupSetting
from handlers.http_intake import IntakeKeys
from policy.passkeys import Site
from storage.places import check_place

_CHANNEL = re.compile(r"^[CG][A-Z0-9]{2,20}$")
_USER = re.compile(r"^[UW][A-Z0-9]{2,20}$")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_GROUP = re.compile(r"^S[A-Z0-9]{2,20}$")
_OF_A_GROUP = re.compile(r"COUNTERSIGN_([A-Z][A-Z0-9_]*)_(?:GROUP|MEMBERS)")

WHERE = {
    "SLACK_BOT_TOKEN": "api.slack.com/apps > your app > OAuth & Permissions > Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "api.slack.com/apps > your app > Basic Information > App-Level Tokens, scope connections:write"
    " (xapp-…)",
    "SLACK_SIGNING_SECRET": "api.slack.com/apps > your app > Basic Information > Signing Secret",
    "COUNTERSIGN_TRIAGE_CHANNEL": "the channel's id (C…), at the bottom of its details in Slack",
    "COUNTERSIGN_APPROVALS_CHANNEL": "the channel's id (C…), at the bottom of its details in Slack",
    "COUNTERSIGN_SECURITY_CHANNEL": "the id (C…) of the channel in which security is told of a case",
    "COUNTERSIGN_MODEL_PRICES": "US dollars for a million tokens: input, output, written to the cache, read from it",
    "COUNTERSIGN_CASE_BUDGET": "US dollars that the copilot may use for one case",
    "COUNTERSIGN_BREAK_GLASS_CHANNEL": "the id (C…) of a channel of your company in which more people read",
    "COUNTERSIGN_INTAKE_CHANNELS": "the ids (C…) of the channels that take tickets, separated by commas",
    "COUNTERSIGN_SUPPORT_GROUP": "the id (S…) of the user group of your support leads: its menu > Copy group ID",
    "COUNTERSIGN_SECURITY_GROUP": "the id (S…) of the user group of your security team: its menu > Copy group ID",
    "COUNTERSIGN_SUPPORT_MEMBERS": "the member ids (U…) of your support leads, separated by commas",
    "COUNTERSIGN_SECURITY_MEMBERS": "the member ids (U…) of those who may approve, separated by commas",
    "COUNTERSIGN_VOTE_KEY": "64 or more hexadecimal digits, for example from: openssl rand -hex 32",
    "COUNTERSIGN_VOTE_KEYS_OLD": "earlier values of COUNTERSIGN_VOTE_KEY, separated by commas",
    "COUNTERSIGN_AUDIT_KEY": "64 or more hexadecimal digits, for example from: openssl rand -hex 32",
    "COUNTERSIGN_AUDIT_KEYS_OLD": "earlier values of COUNTERSIGN_AUDIT_KEY, separated by commas",
    "COUNTERSIGN_CHECKPOINT_KEY": "64 hexadecimal digits, for example from: openssl rand -hex 32",
    "COUNTERSIGN_CHECKPOINTS": "a place that the database's owner cannot write to: file:/path/checkpoints.jsonl or"
    " s3://bucket/prefix, several separated by commas",
    "COUNTERSIGN_HTTP_PORT": "a free port, 1 to 65535",
    "COUNTERSIGN_PUBLIC_URL": "where people's browsers reach this process, such as https://desk.example.com (or"
    " http://localhost:8080 on your own machine); see docs/how-to/passkeys.md",
    "COUNTERSIGN_ROLE": "leave it out for one process; web and worker for two that share a database",
    "COUNTERSIGN_POLICY": "a folder with your copy of policy/cedar; see docs/policy.md",
    "COUNTERSIGN_ACCESS_LOG": "the path of a file or folder; see docs/how-to/connect-the-sources-of-evidence.md",
    "COUNTERSIGN_ATTACHMENT_TRAIL": "the path of a file or folder; see docs/how-to/connect-the-sources-of-evidence.md",
    "COUNTERSIGN_KNOWLEDGE_BASE": "the path of a folder of Markdown documents",
    "COUNTERSIGN_ESCALATION_CHANNEL": "the id (C…) of the channel in which engineering and security take escalations",
    "COUNTERSIGN_LOG_FIELDS": "the path of a TOML file; see docs/how-to/connect-the-sources-of-evidence.md",
    "DATABASE_URL": "postgresql://USER:PASSWORD@HOST/DATABASE",
}


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
    reader = _Reader(environ)
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


class _Reader:
    """Reads one setting after the other and keeps every problem."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def problem(self, name: str, what: str) -> None:
        where = WHERE.get(name)
        self.problems.append(f"{name}: {what}" + (f". Where to get it: {where}" if where else ""))

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def token(self, name: str, prefix: str, *, required: bool = False) -> str | None:
        found = self.text(name)
        if found is None and required:
            self.problem(name, "is missing")
        elif found is not None and not found.startswith(prefix):
            self.problem(name, f"must start with {prefix}")
        return found

    def url(self, name: str) -> str | None:
        found = self.text(name)
        if found is None:
            return None
        try:
            parts = urlsplit(found)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:
            self.problem(name, "must be the URL of a Web API, such as http://127.0.0.1:8055/api/")
        return found

    def site(self, name: str) -> Site | None:
        """An origin that browsers allow passkeys on: HTTPS with a host name, or this machine as localhost."""
        found = self.text(name)
        if found is None:
            return None
        try:
            parts = urlsplit(found)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "", None
        is_allowed = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
        is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
        if not (is_allowed and is_bare and _HOST.fullmatch(host)):
            self.problem(name, f"{found!r} is not https:// and a host name (not a number), with nothing after it")
            return None
        is_usual = port in (None, 443 if parts.scheme == "https" else 80)
        return Site(f"{parts.scheme}://{host}" + ("" if is_usual else f":{port}"), host)

    def one(self, name: str, form: re.Pattern[str], what: str) -> str:
        found = self.text(name) or ""
        if not found:
            self.problem(name, "is missing")
        elif not form.match(found):
            self.problem(name, f"{found!r} is not {what}")
        return found

    def maybe(self, name: str, form: re.Pattern[str], what: str) -> str | None:
        return None if self.text(name) is None else self.one(name, form, what)

    def amounts(self, name: str, count: int) -> list[Decimal] | None:
        found = self.text(name)
        if found is None:
            return None
        try:
            read = [Decimal(one.strip()) for one in found.split(",")]
        except InvalidOperation:
            read = []
        if len(read) != count or not all(one.is_finite() and one >= 0 for one in read):
            what = "one amount" if count == 1 else f"{count} amounts separated by commas"
            self.problem(name, f"{found!r} is not {what} in US dollars, such as 5 or 0.30")
            return None
        return read

    def prices(self, name: str) -> Prices | None:
        found = self.amounts(name, 4)
        return None if found is None else Prices(*found)

    def budget(self, name: str) -> Budget | None:
        found = self.amounts(name, 1)
        return None if found is None else Budget(usd=found[0])

    def many(self, name: str, form: re.Pattern[str], what: str) -> frozenset[str]:
        found = [one.strip() for one in (self.text(name) or "").split(",") if one.strip()]
        wrong = [one for one in found if not form.match(one)]
        if not found:
            self.problem(name, "is missing")
        elif wrong:
            self.problem(name, f"{', '.join(wrong)}: not {what}")
        return frozenset(found)

    def group_names(self) -> list[str]:
        """The two that the desk always has, and those that the environment has settings of: a policy may use more."""
        found = (_OF_A_GROUP.fullmatch(name) for name, text in self._environ.items() if text.strip())
        return ["support", "security", *sorted({one[1].lower() for one in found if one} - {"support", "security"})]

    def group(self, name: str) -> GroupSetting:
        upper = name.upper()
        return GroupSetting(
            name,
            self.one(f"COUNTERSIGN_{upper}_GROUP", _GROUP, "a user group's id"),
            self.many(f"COUNTERSIGN_{upper}_MEMBERS", _USER, "member ids"),
        )

    def database(self) -> str | None:
        found = self.text("DATABASE_URL")
        if found is not None and not found.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
            self.problem("DATABASE_URL", "must be the URL of a PostgreSQL database")
            return None
        return found

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        found = self.text(name) or choices[0]
        if found not in choices:
            self.problem(name, f"{found!r} is not one of {', '.join(choices)}")
        return found

    def folder(self, name: str) -> Path | None:
        found = self.text(name)
        if found is None:
            return None
        folder = Path(found).expanduser().resolve()
        if not folder.is_dir():
            self.problem(name, f"there is no folder {folder}")
        return folder

    def port(self, name: str, default: int) -> int:
        found = self.text(name)
        if found is None:
            return default
        if not (found.isascii() and found.isdecimal() and 0 < int(found[:6]) < 65536):
            self.problem(name, f"{found!r} is not a port")
            return default
        return int(found)

    def key(self, name: KeyName, folder: Path, *, is_shared: bool, is_needed: bool = True) -> bytes | None:
        if self.text(name.setting) is not None:
            return given_key(self._environ, name, self.problem)
        if is_shared:
            # A key that each process made for itself would void what the others signed.
            if is_needed:
                self.problem(
                    name.setting,
                    "is missing. With DATABASE_URL or COUNTERSIGN_ROLE several processes can share one database, and"
                    f" all of them need the same key (one that was made by itself is in the file {name.file} of the"
                    " data folder)",
                )
            return None
        return None if self.problems else key_in_file(folder, name, self.problem)

    def keys(self, setting: str) -> tuple[bytes, ...]:
        return given_keys(self._environ, setting, self.problem)

    def long_secret(self, name: str) -> str | None:
        found = self.text(name)
        if found is not None and len(found) < 24:
            self.problem(name, "must have at least 24 characters, for example from: openssl rand -hex 32")
        return found

    def intake_keys(self) -> IntakeKeys:
        tokens = [one.strip() for one in (self.text("COUNTERSIGN_INTAKE_TOKENS") or "").split(",") if one.strip()]
        secret = self.text("COUNTERSIGN_INTAKE_SECRET")
        for name, values in (
            ("COUNTERSIGN_INTAKE_TOKENS", tokens),
            ("COUNTERSIGN_INTAKE_SECRET", [secret or "x" * 24]),
        ):
            if any(len(value) < 24 for value in values):
                self.problem(name, "must have at least 24 characters each, for example from: openssl rand -hex 32")
        return IntakeKeys(frozenset(tokens), secret)
