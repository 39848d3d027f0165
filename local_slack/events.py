"""Events: which app hears of what, and the envelope around it."""

from __future__ import annotations

from collections.abc import Iterable

from local_slack import objects
from local_slack.delivery.dispatch import Dispatch
from local_slack.records import AppInstall, Channel, Json, User
from local_slack.world import World

# The scope an app needs for an event, as Slack demands it when the event is subscribed to.
_EVENT_SCOPES = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "user_change": "users:read",
    "team_join": "users:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
    "file_shared": "files:read",
    "message_metadata_posted": "metadata.message:read",
}
# Private and direct channels are covered by another scope than public ones.
_KIND_SCOPES = {"channel": "channels:read", "group": "groups:read", "im": "im:read"}
_BY_CHANNEL_SCOPE = {"member_joined_channel", "member_left_channel"}


class Events:
    """Wraps events in envelopes and hands them to the apps that may and want to hear them."""

    def __init__(self, world: World, dispatch: Dispatch) -> None:
        self._world = world
        self._dispatch = dispatch

    def emit(
        self,
        event: Json,
        channel: Channel | None = None,
        *,
        subscription: str | None = None,
        author: User | None = None,
    ) -> None:
        """Send `event` to every app subscribed to it; channel events only where the app's bot is a member."""
        name = subscription or event["type"]
        for app in self._world.apps.values():
            if self._wants(app, name, channel):
                self.emit_to(app, event, channel, author)

    def emit_to(self, app: AppInstall, event: Json, channel: Channel | None = None, author: User | None = None) -> None:
        """Send `event` to one app, whatever it subscribed to."""
        if author is not None and channel is not None and channel.is_ext_shared:
            event = event | self._connect_fields(author, app)
        self._dispatch.event(app, self.envelope(app, event, channel))

    def emit_to_many(self, apps: Iterable[AppInstall], event: Json, team_id: str | None = None) -> None:
        """Send an event that belongs to no channel to those of `apps` that want it."""
        for app in apps:
            if self._wants(app, event["type"], None):
                self._dispatch.event(app, self.envelope(app, event, None, team_id))

    def envelope(self, app: AppInstall, event: Json, channel: Channel | None, team_id: str | None = None) -> Json:
        """The outer event_callback object around an event.

        Its `team_id` is where the event comes from: in a shared channel the company that hosts it, which need
        not be the app's (bolt-js issue 687); `authorizations` and `context_team_id` name the app's.
        """
        mint = self._world.mint
        team = self._world.teams[app.team_id]
        source = self._world.teams[team_id or (channel.teams[0] if channel is not None else app.team_id)]
        body: Json = {
            "token": app.verification_token,
            "team_id": source.id,
            "context_team_id": app.team_id,
            "context_enterprise_id": team.enterprise_id,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": mint.entity("Ev"),
            "event_time": int(mint.now()),
            "authorizations": [
                {
                    "enterprise_id": team.enterprise_id,
                    "team_id": app.team_id,
                    "user_id": app.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_ext_shared,
            "event_context": f"4-{mint.secret(20)}",
        }
        if source.enterprise_id is not None:
            body["enterprise_id"] = source.enterprise_id
        return body

    def _connect_fields(self, author: User, app: AppInstall) -> Json:
        """In a Slack Connect channel an event names the author's company: an Enterprise id where there is one."""
        team = self._world.teams[author.team_id]
        origin = team.enterprise_id or team.id
        fields: Json = {"team": author.team_id, "user_team": origin, "source_team": origin}
        if app.team_id not in self._world.teams_of(author):
            fields["user_profile"] = objects.user_profile(author)
        return fields

    def _wants(self, app: AppInstall, name: str, channel: Channel | None) -> bool:
        if channel is not None and app.bot_user_id not in channel.members:
            return False
        if app.events is not None and name not in app.events:
            return False
        # Needs its own subscription at Slack; apps that declared nothing did not ask for it.
        if app.events is None and name == "message_metadata_posted":
            return False
        scope = _EVENT_SCOPES.get(name)
        if name in _BY_CHANNEL_SCOPE and channel is not None:
            scope = _KIND_SCOPES[channel.kind]
        return scope is None or scope in app.scopes


def message_subscription(channel: Channel) -> str:
    """The name under which message events of this kind of channel are subscribed to."""
    return {"channel": "message.channels", "group": "message.groups", "im": "message.im"}[channel.kind]
