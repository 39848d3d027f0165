"""The bodies people's clients send, one model per route of /client."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class AsSomebody(BaseModel):
    """Every change names the person who makes it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    as_: str = Field(alias="as")


class NewFile(BaseModel):
    name: str
    mimetype: str = "application/octet-stream"
    size: int = 0


class NewMessage(AsSomebody):
    channel: str
    text: str = ""
    thread_ts: str | None = None
    files: list[NewFile] = []
    broadcast: bool = False


class OneMessage(AsSomebody):
    channel: str
    ts: str


class Edit(OneMessage):
    text: str


class Reaction(OneMessage):
    name: str


class Email(BaseModel):
    """`as` is taken and ignored: an e-mail comes from outside Slack."""

    model_config = ConfigDict(extra="forbid")

    as_: str | None = Field(None, alias="as")
    to_channel: str
    sender: str = Field(alias="from")
    subject: str = ""
    text: str = ""


class WorkflowPost(BaseModel):
    model_config = ConfigDict(extra="forbid")

    as_: str | None = Field(None, alias="as")
    channel: str
    username: str
    text: str


class MessageContainer(BaseModel):
    type: Literal["message"]
    channel: str
    ts: str


class ViewContainer(BaseModel):
    type: Literal["view"]
    view_id: str


Container = Annotated[MessageContainer | ViewContainer, Field(discriminator="type")]


class Click(AsSomebody):
    container: Container
    action_id: str
    block_id: str | None = None
    value: Any = None


class OptionsQuery(AsSomebody):
    container: Container
    action_id: str
    block_id: str | None = None
    query: str = ""


class OneView(AsSomebody):
    view_id: str


class Submission(OneView):
    values: dict[str, dict[str, Any]] = {}


class CommandRun(AsSomebody):
    channel: str
    command: str
    text: str = ""


class ShortcutRun(AsSomebody):
    callback_id: str
    type: Literal["message", "global"] = "global"
    channel: str | None = None
    ts: str | None = None


class HomeOpening(AsSomebody):
    app_id: str


class FaultSwitches(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    as_: str | None = Field(None, alias="as", exclude=True)
    duplicate: bool | None = None
    reorder: bool | None = None
    drop: bool | None = None
    delay_seconds: float | None = None
