"""The HTTP site: routes, the loopback checks, response URLs, uploads and the page's static files."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from local_slack.client_api import ClientApi
from local_slack.delivery.socket_mode import SocketMode
from local_slack.errors import SlackError
from local_slack.replies import Replies
from local_slack.web_api.files import can_reach
from local_slack.web_api.server import WebApi
from local_slack.world import World

PAGE = Path(__file__).parent / "page"
MAX_BODY_BYTES = 32 * 1024 * 1024
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' {ws}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LOCAL_NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def loopback_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse requests a web page elsewhere could make: a foreign Host (DNS rebinding) or a foreign Origin."""
    host = request.headers.get("Host", "")
    if not _LOCAL_NAMES.fullmatch(host):
        return web.Response(status=421, text="local Slack answers to 127.0.0.1 and localhost only")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return web.Response(status=403, text="requests from other origins are refused")
    return await handler(request)


class Site:
    """Puts the parts behind one aiohttp application."""

    def __init__(self, world: World, web_api: WebApi, client: ClientApi, sockets: SocketMode, replies: Replies) -> None:
        self._world = world
        self._web_api = web_api
        self._client = client
        self._sockets = sockets
        self._replies = replies

    def application(self) -> web.Application:
        app = web.Application(middlewares=[loopback_only], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{path:.+}", self._static)
        app.router.add_get("/api/{method}", self._web_api.handle)
        app.router.add_post("/api/{method}", self._web_api.handle)
        app.router.add_get("/link/", self._sockets.handle)
        app.router.add_post("/actions/{key:.+}", self._respond)
        app.router.add_post("/upload/v1/{file_id}/{key}", self._upload)
        app.router.add_get("/files/{file_id}/{name}", self._download)
        app.router.add_routes(self._client.routes())
        return app

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return self._file(request, PAGE / "index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        wanted = (PAGE / request.match_info["path"]).resolve()
        if not wanted.is_relative_to(PAGE.resolve()):
            raise web.HTTPNotFound
        return self._file(request, wanted)

    def _file(self, request: web.Request, path: Path) -> web.StreamResponse:
        if not path.is_file():
            raise web.HTTPNotFound(text="the page is not installed")
        headers = {
            "Content-Security-Policy": _CSP.format(ws=f"ws://{request.host}"),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return web.FileResponse(path, headers=headers)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response URL: `ok` as text, or 404 with the error as Slack words it."""
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        try:
            self._replies.to_url(request.match_info["key"], body)
        except SlackError as error:
            if error.code in ("used_url", "expired_url", "message_not_found"):
                return web.json_response({"ok": False, "error": error.code}, status=404)
            return web.Response(status=400, text=error.code)
        return web.Response(text="ok")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Step two of an upload: the bytes, raw or as a form's `file`."""
        file = self._world.files.get(request.match_info["file_id"])
        # Once the upload is finished its address is dead.
        if file is None or not file.get("is_pending") or file.get("upload_key") != request.match_info["key"]:
            raise web.HTTPNotFound
        content = await self._uploaded_bytes(request)
        if len(content) != file["size"]:
            return web.Response(status=400, text=f"expected {file['size']} bytes, got {len(content)}")
        self._world.file_bytes[file["id"]] = content
        return web.Response(text=f"OK - {len(content)}")

    async def _uploaded_bytes(self, request: web.Request) -> bytes:
        if request.content_type != "multipart/form-data":
            return await request.read()
        for value in (await request.post()).values():
            if isinstance(value, web.FileField):
                return value.file.read()
        return b""

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file's content, as `url_private` demands: for the token of an app that may reach the file."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        app = next((a for a in self._world.apps.values() if a.bot_token == token), None)
        if app is None or "files:read" not in app.scopes or token in self._world.revoked_tokens:
            raise web.HTTPForbidden
        file_id = request.match_info["file_id"]
        file, content = self._world.files.get(file_id), self._world.file_bytes.get(file_id)
        if file is None or content is None or file.get("is_pending") or not can_reach(self._world, app, file):
            raise web.HTTPNotFound
        return web.Response(
            body=content, content_type="application/octet-stream", headers={"X-Content-Type-Options": "nosniff"}
        )
