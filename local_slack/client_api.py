"""The HTTP API of people's clients, under /client: what the page calls. Same code as the test driver."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, ValidationError

from local_slack import client_bodies as bodies
from local_slack import presentation
from local_slack.delivery.faults import Faults
from local_slack.errors import Invalid, Missing, SlackError
from local_slack.interactions import Interactions, Place
from local_slack.live import LiveHub
from local_slack.messages import Messages
from local_slack.modals import Modals
from local_slack.people_actions import PeopleActions
from local_slack.records import Json, User
from local_slack.submissions import Submissions
from local_slack.world import World

Body = TypeVar("Body", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ClientApi:
    """Serves /client/*."""

    def __init__(
        self,
        world: World,
        actions: PeopleActions,
        messages: Messages,
        interactions: Interactions,
        submissions: Submissions,
        modals: Modals,
        live: LiveHub,
        faults: Faults,
    ) -> None:
        self._world = world
        self._actions = actions
        self._messages = messages
        self._interactions = interactions
        self._submissions = submissions
        self._modals = modals
        self._live = live
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        get = {
            "cast": self._cast,
            "state": self._state,
            "history": self._history,
            "home": self._home,
            "views": self._views,
            "faults": self._read_faults,
        }
        post = {
            "message": self._message,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "email": self._email,
            "workflow_post": self._workflow_post,
            "click": self._click,
            "view/submit": self._submit,
            "view/close": self._close,
            "command": self._command,
            "shortcut": self._shortcut,
            "home/open": self._open_home,
            "options": self._options,
            "faults": self._set_faults,
            "faults/disconnect": self._disconnect,
            "reload": self._reload,
        }
        return [
            *(web.get(f"/client/{path}", _answering(serve)) for path, serve in get.items()),
            *(web.post(f"/client/{path}", _answering(serve)) for path, serve in post.items()),
            web.get("/client/live", self._serve_live),
            web.get("/client/file", self._file),
        ]

    def _viewer(self, request: web.Request) -> User:
        return self._world.user(request.query.get("as", ""))

    # Looking.

    async def _cast(self, request: web.Request) -> Json:
        return presentation.cast(self._world)

    async def _state(self, request: web.Request) -> Json:
        viewer = self._viewer(request)
        cast = presentation.cast(self._world)
        channels = [presentation.channel(self._world, c, viewer) for c in self._world.visible_channels(viewer)]
        return {
            "self": next(user for user in cast["users"] if user["id"] == viewer.id),
            "team": next(team for team in cast["teams"] if team["id"] == viewer.team_id),
            "channels": channels,
            "apps": [app for app in cast["apps"] if app["team_id"] in self._world.teams_of(viewer)],
        }

    async def _history(self, request: web.Request) -> Json:
        viewer = self._viewer(request)
        channel = self._actions.visible(viewer, request.query.get("channel", ""))
        thread_ts = request.query.get("thread_ts") or None
        return {"messages": presentation.history(self._world, channel, viewer, thread_ts)}

    async def _home(self, request: web.Request) -> Json:
        stored = self._modals.home(self._viewer(request).id, request.query.get("app", ""))
        return {"view": self._modals.shown(stored) if stored is not None else None}

    async def _views(self, request: web.Request) -> Json:
        return {"views": [self._modals.shown(item) for item in self._modals.stack(self._viewer(request).id)]}

    async def _serve_live(self, request: web.Request) -> web.StreamResponse:
        try:
            viewer = self._viewer(request)
        except SlackError as error:
            return _json({"ok": False, "error": error.code, "message": error.sentence})
        return await self._live.serve(request, viewer.id)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A file's content, for whoever sees a message with it. Only plain pictures are shown in the page."""
        try:
            file, content = self._actions.open_file(self._viewer(request), request.query.get("file", ""))
        except SlackError as error:
            return web.Response(status=404, text=error.code)
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            "Cache-Control": "no-store",
        }
        if presentation.is_picture(file):
            return web.Response(body=content, content_type=file["mimetype"], headers=headers)
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(str(file['name']), safe='')}"
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    # Writing.

    async def _message(self, request: web.Request) -> Json:
        body = await _body(request, bodies.NewMessage)
        files = [item.model_dump() for item in body.files]
        user = self._actions.sign_in(body.as_)
        return {
            "ts": self._actions.post(user, body.channel, body.text, body.thread_ts, files, broadcast=body.broadcast)
        }

    async def _edit(self, request: web.Request) -> Json:
        body = await _body(request, bodies.Edit)
        self._actions.edit(self._actions.sign_in(body.as_), body.channel, body.ts, body.text)
        return {}

    async def _delete(self, request: web.Request) -> Json:
        body = await _body(request, bodies.OneMessage)
        self._actions.delete(self._actions.sign_in(body.as_), body.channel, body.ts)
        return {}

    async def _react(self, request: web.Request) -> Json:
        body = await _body(request, bodies.Reaction)
        self._actions.react(self._actions.sign_in(body.as_), body.channel, body.ts, body.name)
        return {}

    async def _email(self, request: web.Request) -> Json:
        body = await _body(request, bodies.Email)
        return {"ts": self._actions.email(body.to_channel, body.sender, body.subject, body.text)}

    async def _workflow_post(self, request: web.Request) -> Json:
        body = await _body(request, bodies.WorkflowPost)
        return {"ts": self._actions.workflow_post(body.channel, body.username, body.text)}

    # Apps.

    async def _click(self, request: web.Request) -> Json:
        body = await _body(request, bodies.Click)
        user = self._actions.sign_in(body.as_)
        outcome = await self._interactions.click(
            user, _place(body.container), body.action_id, body.block_id, body.value
        )
        return {"acked": outcome is None or outcome.acked}

    async def _options(self, request: web.Request) -> Json:
        body = await _body(request, bodies.OptionsQuery)
        user = self._actions.sign_in(body.as_)
        place = _place(body.container)
        return await self._interactions.options(user, place, body.action_id, body.block_id, body.query)

    async def _submit(self, request: web.Request) -> Json:
        body = await _body(request, bodies.Submission)
        result = await self._submissions.submit(self._actions.sign_in(body.as_), body.view_id, body.values)
        if result.get("response_action") == "errors":
            return {
                "ok": False,
                "error": "view_errors",
                "message": "Some fields need another look.",
                "errors": result["errors"],
            }
        if "error" in result:
            return {"ok": False, "message": "We had some trouble connecting. Try again?", **result}
        return result

    async def _close(self, request: web.Request) -> Json:
        body = await _body(request, bodies.OneView)
        await self._submissions.close(self._actions.sign_in(body.as_), body.view_id)
        return {}

    async def _command(self, request: web.Request) -> Json:
        body = await _body(request, bodies.CommandRun)
        user = self._actions.sign_in(body.as_)
        channel = self._actions.visible(user, body.channel)
        outcome = await self._interactions.command(user, channel, body.command, body.text)
        return {"acked": outcome.acked}

    async def _shortcut(self, request: web.Request) -> Json:
        body = await _body(request, bodies.ShortcutRun)
        user = self._actions.sign_in(body.as_)
        channel = self._actions.visible(user, body.channel) if body.channel else None
        outcome = await self._interactions.shortcut(user, body.callback_id, channel, body.ts)
        return {"acked": outcome.acked}

    async def _open_home(self, request: web.Request) -> Json:
        body = await _body(request, bodies.HomeOpening)
        app = self._world.apps.get(body.app_id)
        if app is None:
            raise Missing("app_not_found", body.app_id)
        self._interactions.open_home(self._actions.sign_in(body.as_), app)
        return {}

    async def _reload(self, request: web.Request) -> Json:
        body = await _body(request, bodies.AsSomebody)
        user = self._actions.sign_in(body.as_)
        self._messages.forget_ephemerals(user.id)
        self._modals.clear(user.id)
        return {}

    # Faults.

    async def _read_faults(self, request: web.Request) -> Json:
        return self._faults.switches()

    async def _set_faults(self, request: web.Request) -> Json:
        wanted = await _body(request, bodies.FaultSwitches)
        try:
            self._faults.set_switches(wanted.model_dump(exclude_none=True))
        except ValueError as error:
            raise Invalid("invalid_arguments", [str(error)]) from error
        return self._faults.switches()

    async def _disconnect(self, request: web.Request) -> Json:
        await self._faults.disconnect()
        return {}


def _place(container: bodies.MessageContainer | bodies.ViewContainer) -> Place:
    if isinstance(container, bodies.ViewContainer):
        return Place(view_id=container.view_id)
    return Place(container.channel, container.ts)


async def _body(request: web.Request, model: type[Body]) -> Body:
    """The JSON body of a request. Raises Invalid naming what is wrong with it."""
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise Invalid("invalid_arguments", problems) from error


def _answering(serve: Callable[[web.Request], Awaitable[Json]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return _json({"ok": True} | await serve(request))
        except SlackError as error:
            return _json({"ok": False, "error": error.code, "message": error.sentence})

    return handle


def _json(body: Json) -> web.Response:
    return web.Response(
        text=json.dumps(body, ensure_ascii=False),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
