"""The composition root: settings in, a desk with all its parts out. Nothing else builds parts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import aiohttp
import procrastinate
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler, AsyncServerErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from actions.catalogue import Catalogue
from actions.executors import built_in_executors
from actions.runner import Runner
from bot.evidence import make_gatherer
from bot.policy_watch import PolicyWatch, action_shapes, members_of
from bot.settings import DEFAULT_PRICES, Settings, SettingsError
from bot.slack_app import make_slack_app
from bot.worker import Workers
from copilot.assistant_terms import Assistant
from copilot.assistants import choose_assistant, choose_second_linter
from copilot.lint_look import SecondLinter
from copilot.suggestions import CATEGORIES, Triager
from copilot.triage import DEFAULT_MODEL, choose_triager
from handlers.desk import Desk
from handlers.group_check import group_problems
from handlers.group_lists import LIVE_CALLS_A_MINUTE
from handlers.identity import Home, Identity
from handlers.jobs import job_table
from handlers.press_limit import PRESSES_A_MINUTE
from handlers.reception import ANSWER_SECONDS, Reception, Whispers
from handlers.response_urls import ResponseUrls
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER, folder_stamp
from policy.vetting import unconfirmable, unnamed_groups, vet
from policy.votes import VoteSigner
from storage.audit_keys import AuditKeys
from storage.database import Database
from storage.inbox import Inbox
from storage.job_queue import make_job_app
from storage.notary import Notary
from storage.places import Place, place_of
from storage.targets import DeskInDatabase, DirectoryInDatabase

log = logging.getLogger(__name__)

RUN_TIMEOUT_SECONDS = 30.0
SLACK_TIMEOUT_SECONDS = 15
WHO_SHARE = 0.75
"""Of the time for an answer: who pressed must be known by then, so that some is left to decide and to say so."""


def utc_now() -> datetime:
    """The wall clock. PostgreSQL keeps microseconds, and so does this."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """Everything that runs, not yet started."""

    settings: Settings
    database: Database
    inbox: Inbox
    jobs: procrastinate.App
    client: AsyncWebClient
    reception: Reception
    slack: AsyncApp
    workers: Workers
    policy_watch: PolicyWatch
    notary: Notary | None = None
    """None: nothing is signed."""
    places: Sequence[Place] = ()
    """Where checkpoints go."""


async def build(
    settings: Settings,
    database_url: str,
    *,
    triager: Triager | None = None,
    assistant: Assistant | None = None,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], UUID] = uuid4,
    live_group_lists_a_minute: int = LIVE_CALLS_A_MINUTE,
    presses_a_minute: int = PRESSES_A_MINUTE,
    answer_seconds: float = ANSWER_SECONDS,
) -> Parts:
    """Put the parts together. Asks Slack who the bot is. Raises SettingsError, PolicyUnusable.

    `answer_seconds`: how long a press may take; who presses must be known within three quarters of it.
    """
    client = make_client(settings)
    bot = await who_am_i(client)
    home = Home(bot["team_id"], bot.get("enterprise_id"))
    audit_keys = AuditKeys(settings.audit_key, settings.old_audit_keys)
    database, inbox = Database(database_url, audit_keys=audit_keys), Inbox(database_url)
    identity = Identity(
        client,
        home,
        settings.desk.groups,
        time.monotonic,
        answer_within_seconds=answer_seconds * WHO_SHARE,
        live_group_lists_a_minute=live_group_lists_a_minute,
        presses_a_minute=presses_a_minute,
    )
    signer = VoteSigner.of_secrets(settings.vote_key, settings.old_vote_keys)
    catalogue = Catalogue({"category": CATEGORIES})
    policy_folder = settings.policy_folder or DEFAULT_FOLDER
    # Before the files are read: whatever is written from here on is a change.
    stamp = folder_stamp(policy_folder)
    engine = _policy(settings, signer, catalogue)
    notary = None if settings.checkpoint_key is None else Notary(settings.checkpoint_key)
    desk = Desk(
        database=database,
        gate=Gate(engine, signer, settings.site),
        signer=signer,
        catalogue=catalogue,
        triager=triager or choose_triager(settings.anthropic_api_key, settings.anthropic_model, settings.anthropic_url),
        runner=_runner(database, new_id),
        people=identity,
        settings=settings.desk,
        clock=clock,
        new_id=new_id,
        assistant=assistant or _assistant(settings),
        second_linter=_second_linter(settings),
        copilot_model=(settings.anthropic_model or DEFAULT_MODEL) if settings.anthropic_api_key else "",
        gatherer=make_gatherer(settings.evidence, database, client, clock, new_id),
        notary=notary,
    )
    reception = Reception(
        desk=desk,
        client=client,
        identity=identity,
        inbox=inbox,
        whispers=Whispers(),
        response_urls=ResponseUrls(client, settings.slack.api_url),
        bot_user_id=str(bot["user_id"]),
        bot_id=str(bot["bot_id"]),
        app_id=bot.get("app_id"),
        answer_seconds=answer_seconds,
    )
    jobs = make_job_app(database_url, pool_size=settings.workers)
    return Parts(
        settings=settings,
        database=database,
        inbox=inbox,
        jobs=jobs,
        client=client,
        reception=reception,
        slack=make_slack_app(reception, signing_secret=settings.slack.signing_secret, client=client),
        workers=Workers(jobs, job_table(reception), concurrency=settings.workers),
        policy_watch=PolicyWatch(
            reception,
            policy_folder,
            engine,
            stamp,
            signer,
            settings.site,
            partial(_group_problems, client, home, settings),
        ),
        notary=notary,
        places=[place_of(url) for url in settings.checkpoint_places],
    )


def _assistant(settings: Settings) -> Assistant:
    return choose_assistant(
        settings.anthropic_api_key,
        settings.prices or DEFAULT_PRICES,
        settings.budget,
        settings.anthropic_model,
        settings.anthropic_url,
    )


def _second_linter(settings: Settings) -> SecondLinter | None:
    return choose_second_linter(
        settings.anthropic_api_key,
        settings.prices or DEFAULT_PRICES,
        settings.budget,
        settings.anthropic_model,
        settings.anthropic_url,
    )


def _policy(settings: Settings, signer: VoteSigner, catalogue: Catalogue) -> PolicyEngine:
    """The policy to start on: a site's own is vetted in full, the one that comes with the bot was when it was made.

    Raises PolicyUnusable.
    """
    if settings.policy_folder is None:
        engine = PolicyEngine.load(DEFAULT_FOLDER)
        problems = unnamed_groups(engine, DEFAULT_FOLDER, settings.desk.groups)
        if problems := problems + unconfirmable(engine, DEFAULT_FOLDER, settings.site):
            raise PolicyUnusable(problems)
        return engine
    members = members_of(settings.desk.groups)
    vetted = vet(settings.policy_folder, signer, action_shapes(catalogue), members, site=settings.site)
    for line in vetted.shortages:
        log.warning("%s", line)
    return vetted.engine


async def _group_problems(
    client: AsyncWebClient, home: Home, settings: Settings, names: frozenset[str]
) -> Sequence[str]:
    groups = settings.desk.groups
    return await group_problems(client, home, [groups[name] for name in sorted(names)])


def make_client(settings: Settings) -> AsyncWebClient:
    """The Web API client, the same for Slack and for the local Slack.

    A 429 is not waited out here: a delivery is put back on its queue instead, and a person who is waiting is told.
    """
    access = settings.slack
    client = AsyncWebClient(
        token=access.bot_token, base_url=access.api_url or AsyncWebClient.BASE_URL, timeout=SLACK_TIMEOUT_SECONDS
    )
    client.retry_handlers = [
        _UnlessPosted(AsyncConnectionErrorRetryHandler()),
        _UnlessPosted(AsyncServerErrorRetryHandler(max_retry_count=2)),
    ]
    return client


class _UnlessPosted(AsyncRetryHandler):
    """Repeats a call that got no answer, but never one that posts: Slack may have done it before the answer was lost.

    A delivery that failed is looked up in the channel by its own job before it is posted again.
    """

    _METHODS = (
        "/chat.postMessage",
        "/chat.postEphemeral",
        "/chat.startStream",
        "/chat.appendStream",
        "/files.completeUploadExternal",
        "/conversations.create",
    )

    def __init__(self, inner: AsyncRetryHandler) -> None:
        super().__init__(inner.max_retry_count, inner.interval_calculator)
        self._inner = inner

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if request.url.endswith(self._METHODS):
            return False
        return await self._inner._can_retry_async(state=state, request=request, response=response, error=error)


async def who_am_i(client: AsyncWebClient) -> dict[str, str]:
    """What Slack says of the token. Raises SettingsError."""
    try:
        answer = await client.auth_test()
        # auth.test does not name the app, and without its id a payload made for another app cannot be told apart.
        about = await client.bots_info(bot=answer["bot_id"]) if answer.get("bot_id") else None
    except SlackApiError as error:
        code = error.response.get("error")
        raise SettingsError(
            [f"SLACK_BOT_TOKEN: Slack refuses it ({code}). Install the app again and copy the new token."]
        ) from error
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise SettingsError([f"Slack cannot be reached at {client.base_url}: {error}"]) from error
    found = {name: value for name, value in dict(answer.data).items() if isinstance(value, str)}  # type: ignore[arg-type]  # JSON of auth.test
    if "bot_id" not in found:
        raise SettingsError(["SLACK_BOT_TOKEN: it is not a bot's token. Use the Bot User OAuth Token (xoxb-…)."])
    app_id = (about.get("bot") or {}).get("app_id") if about is not None else None
    return found | {"app_id": app_id} if app_id else found


def _runner(database: Database, new_id: Callable[[], UUID]) -> Runner:
    executors = built_in_executors(DeskInDatabase(database, new_id), DirectoryInDatabase(database))
    runner = Runner(executors, RUN_TIMEOUT_SECONDS)
    runner.require(spec.action_id for spec in Catalogue())
    return runner
