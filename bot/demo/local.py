"""The demo's settings: the local Slack's own tokens, channels and groups, as a person would copy them from Slack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from bot.settings import SettingsError
from local_slack.records import AppInstall
from local_slack.server import LocalSlack

MANIFEST = Path(__file__).parent.parent.parent / "manifest.yml"
FOLDER = Path(__file__).parent
PAGE_PORT = 8055


def make_local_slack(folder: Path, environ: Mapping[str, str]) -> LocalSlack:
    """The local Slack, with its state in the data folder and the app installed by our own manifest.

    Raises SettingsError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = environ.get("COUNTERSIGN_LOCAL_SLACK_PORT", "").strip() or str(PAGE_PORT)
    if not wanted.isdigit() or not 0 < int(wanted) < 65536:
        raise SettingsError([f"COUNTERSIGN_LOCAL_SLACK_PORT: {wanted!r} is not a port"])
    port = int(wanted)
    slack = LocalSlack(port=port, state_file=str(folder / "local-slack.json"))
    if MANIFEST.is_file():
        slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
    return slack


def local_environment(app: AppInstall, api_url: str, http_port: str = "8080") -> dict[str, str]:
    """The settings that a real workspace would need, for the local one."""
    return {
        "SLACK_BOT_TOKEN": app.bot_token,
        "SLACK_APP_TOKEN": app.app_token,
        "COUNTERSIGN_SLACK_API_URL": api_url,
        # By this name: browsers allow passkeys there without HTTPS.
        "COUNTERSIGN_PUBLIC_URL": f"http://localhost:{http_port}",
        "COUNTERSIGN_TRIAGE_CHANNEL": "C0TRIAGE001",
        "COUNTERSIGN_APPROVALS_CHANNEL": "C0APPROVE01",
        "COUNTERSIGN_INTAKE_CHANNELS": "C0HELP00001,C0EXTEXT001,C0EXTGLOB01,C0INBOX0001",
        "COUNTERSIGN_SUPPORT_GROUP": "S0SUPPORT01",
        "COUNTERSIGN_SECURITY_GROUP": "S0SECURITY1",
        "COUNTERSIGN_SUPPORT_MEMBERS": "U0OLIVIA001,U0SAM000001",
        "COUNTERSIGN_SECURITY_MEMBERS": "U0SANA00001,U0VICTOR001,U0BOB000001",
    }
