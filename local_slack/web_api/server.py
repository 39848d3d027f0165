"""Takes a Web API request apart, checks who calls, runs the method, and answers as Slack does."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass

from aiohttp import web

from local_slack.delivery.faults import Faults, MethodFault
from local_slack.errors import Missing, RateLimited, Refused, SlackError
from local_slack.records import AppInstall, Json
from local_slack.web_api.arguments import Arguments, read_arguments
from local_slack.web_api.calling import Call, Services, missing_scope
from local_slack.web_api.methods import APP_LEVEL, METHODS, NOBODY, Method

# Enough for any test to look back on, without growing for as long as the demo runs.
KEPT_CALLS = 10_000


@dataclass(frozen=True)
class LoggedCall:
    """One Web API call as it arrived, with what it was answered."""

    method: str
    args: Json
    token: str | None
    ok: bool
    error: str | None


class WebApi:
    """Serves /api/METHOD for every installed app."""

    def __init__(self, services: Services, faults: Faults) -> None:
        self._services = services
        self._faults = faults
        self.calls: deque[LoggedCall] = deque(maxlen=KEPT_CALLS)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        fault = self._faults.take(name)
        if fault is not None and fault.hang_seconds:
            await asyncio.sleep(fault.hang_seconds)
        failure = self._failure(fault)
        args, headers = Arguments({}), dict[str, str]()
        try:
            args = await read_arguments(request)
            token = _bearer(request) or args.token
            if fault is not None and failure is not None and not fault.after_effect:
                self._log(name, args, token, fault.error or "failed_on_demand")
                return failure
            body: Json = {"ok": True} | self._run(name, args, token, headers)
        except RateLimited as error:
            self._log(name, args, _bearer(request) or args.token, error.code)
            return _limited(error.retry_after_seconds)
        except RecursionError:
            # Nested deeper than anything Slack describes, in a field that is not looked into.
            body = {"ok": False, "error": "invalid_arguments"}
        except SlackError as error:
            body = {"ok": False, "error": error.code} | error.extra
        self._log(name, args, _bearer(request) or args.token, body.get("error"))
        return failure or _answer(_with_charset_warning(request, body), headers)

    def _run(self, name: str, args: Arguments, token: str | None, headers: dict[str, str]) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise Missing("unknown_method", name, {"req_method": name})
        app = self._caller(method, token)
        self._services.limits.take_call(app, name, method.tier)
        headers["X-OAuth-Scopes"] = ",".join(sorted(app.scopes))
        if method.scopes:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(method.scopes)
            if not app.scopes & set(method.scopes):
                raise missing_scope(app, method.scopes)
        args.require(method.required)
        return method.serve(Call(self._services, app, args))

    def _caller(self, method: Method, token: str | None) -> AppInstall:
        """The app this token belongs to. Raises Refused with Slack's token errors."""
        apps = list(self._services.world.apps.values())
        if method.token == NOBODY:
            return apps[0]
        if not token:
            raise Refused("not_authed")
        if token in self._services.world.revoked_tokens:
            raise Refused("token_revoked")
        by_bot = next((app for app in apps if app.bot_token == token), None)
        by_app = next((app for app in apps if app.app_token == token), None)
        if by_bot is None and by_app is None:
            raise Refused("invalid_auth")
        wanted = by_app if method.token == APP_LEVEL else by_bot
        if wanted is None:
            raise Refused("not_allowed_token_type")
        return wanted

    def _failure(self, fault: MethodFault | None) -> web.Response | None:
        """The answer a planned fault gives; None when it gives none of its own."""
        if fault is None:
            return None
        if fault.ratelimited:
            return _limited(fault.retry_after_seconds)
        if fault.status is not None:
            page = "<!DOCTYPE html><title>Server Error</title>"
            return web.Response(status=fault.status, text=page, content_type="text/html")
        if fault.error is not None:
            return _answer({"ok": False, "error": fault.error}, {})
        return None

    def _log(self, name: str, args: Arguments, token: str | None, error: str | None) -> None:
        self.calls.append(LoggedCall(name, args.values, token, error is None, error))


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _limited(seconds: int) -> web.Response:
    return _answer({"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)}, status=429)


def _answer(body: Json, headers: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(body),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


def _with_charset_warning(request: web.Request, body: Json) -> Json:
    """Slack warns about JSON sent without a charset; clients that treat warnings as errors find out here."""
    if request.content_type != "application/json" or request.charset or not request.body_exists:
        return body
    metadata = body.get("response_metadata") or {}
    warnings = [*metadata.get("warnings", []), "missing_charset"]
    return body | {"warning": "missing_charset", "response_metadata": {**metadata, "warnings": warnings}}
