"""One setting after the other read from the environment; every wrong one is kept as a problem, with where to get it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from bot.keys import KeyName, given_key, given_keys, key_in_file
from copilot.assistant_terms import Budget
from copilot.model_usage import Prices
from handlers.desk import GroupSetting
from handlers.http_intake import IntakeKeys
from policy.passkeys import Site

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


class SettingsReader:
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
