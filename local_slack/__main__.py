"""Runs the local Slack alone: `python -m local_slack --port 8055 [--state-file FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from local_slack.server import LocalSlack


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local_slack", description="A small, strict local stand-in for Slack.")
    parser.add_argument("--port", type=int, default=8055)
    parser.add_argument("--state-file", help="keep everything, tokens included, over restarts")
    parser.add_argument("--http-app-url", help="deliver by signed HTTP to this URL instead of Socket Mode")
    parser.add_argument(
        "--post-interval",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="one post per channel and interval; 0 for no limit",
    )
    parser.add_argument(
        "--no-rate-limits",
        action="store_true",
        help="let apps call the Web API as often as they like (posts: see --post-interval)",
    )
    return parser.parse_args()


async def _run(wanted: argparse.Namespace) -> int:
    slack = LocalSlack(
        port=wanted.port,
        state_file=wanted.state_file,
        http_app_url=wanted.http_app_url,
        counts_calls=not wanted.no_rate_limits,
        post_interval_seconds=wanted.post_interval,
    )
    try:
        await slack.start()
    except OSError as error:
        print(f"--port: cannot listen on {wanted.port} ({error.strerror}); choose another", file=sys.stderr)
        return 1
    print(f"Page:            {slack.url}/")
    print(f"Web API:         {slack.api_url}")
    print(f"SLACK_BOT_TOKEN={slack.app.bot_token}")
    print(f"SLACK_APP_TOKEN={slack.app.app_token}")
    print(f"SLACK_SIGNING_SECRET={slack.app.signing_secret}", flush=True)
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    await stopping.wait()
    await slack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(_arguments())))
