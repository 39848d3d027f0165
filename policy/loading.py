"""The one place in this room that reads files: a folder of policies, its settings and its cases.

A policy folder holds `schema.cedarschema`, `core.cedar`, at least one more `*.cedar` file (the site's) and
`settings.toml`; `cases/` is only read when cases are run and is no part of the version.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from policy.errors import PolicyUnusable
from policy.places import line_of_key, place
from policy.problem_words import what_is_wrong
from policy.terms import Risk

DEFAULT_FOLDER = Path(__file__).parent / "cedar"
"""The policies this desk ships with."""

CORE_FILE = "core.cedar"
SCHEMA_FILE = "schema.cedarschema"
SETTINGS_FILE = "settings.toml"

_TOML_PLACE = re.compile(r"\(at line (\d+), column \d+\)$")

_TOML_CURE = "numbers stand bare, texts in quotes, lists in brackets, and each key and section once"

FolderStamp = tuple[tuple[str, int, int, int, int], ...]
GroupName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class OnPolicyChange(StrEnum):
    """What becomes of a request that waits when the policy changes."""

    VOID = "void"
    KEEP = "keep"
    """It stays as it was shown, if the new policy asks for no more and permits everybody who had a part in it."""


class StepUp(StrEnum):
    """What an approval needs beside the click in Slack, which is no second factor."""

    NONE = "none"
    PASSKEY = "passkey"


class RiskSettings(BaseModel):
    """What one level of risk asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quorum: int = Field(ge=1, le=10, strict=True)
    ttl_seconds: int = Field(ge=60, le=30 * 86400, strict=True)
    distinct_groups: tuple[GroupName, ...] = ()
    """Of each of these groups one of the approvals must come, each from another person."""
    on_policy_change: OnPolicyChange = OnPolicyChange.VOID
    remind_after_seconds: int | None = Field(default=None, ge=60, strict=True)
    """When those who could vote and have not are told once more; left out: never."""
    escalate_after_seconds: int | None = Field(default=None, ge=60, strict=True)
    """When the people of `escalate_to` are told; left out: never."""
    escalate_to: GroupName | None = None
    cooling_seconds: int = Field(default=0, ge=0, le=365 * 86400, strict=True)
    """For how long the card of a request says that the same was rejected, withdrawn or left to expire before."""
    requester_limit: int | None = Field(default=None, ge=1, le=100_000, strict=True)
    """How many requests of this risk may be under way or done within `limit_seconds` for one requester; left out: any
    number."""
    target_limit: int | None = Field(default=None, ge=1, le=100_000, strict=True)
    """The same for one target."""
    limit_seconds: int = Field(default=86400, ge=60, le=90 * 86400, strict=True)
    undo_seconds: int | None = Field(default=None, ge=60, le=365 * 86400, strict=True)
    """For how long after it ran a request can be undone from its card; left out: not from there."""
    step_up: StepUp | None = None
    """How an approval is confirmed; left out: with a passkey where the risk is critical, and not at all below that."""

    @model_validator(mode="after")
    def _times_come_in_their_order(self) -> RiskSettings:
        if (self.escalate_to is None) != (self.escalate_after_seconds is None):
            raise ValueError("escalate_after_seconds and escalate_to go together; write both, or neither")
        named = {
            "remind_after_seconds": self.remind_after_seconds,
            "escalate_after_seconds": self.escalate_after_seconds,
            "ttl_seconds": self.ttl_seconds,
        }
        given = [(name, seconds) for name, seconds in named.items() if seconds is not None]
        for (sooner, seconds), (later, later_seconds) in pairwise(given):
            if seconds >= later_seconds:
                raise ValueError(f"{sooner} would never come; make it less than {later}, which is {later_seconds}")
        return self


class BreakGlassSettings(BaseModel):
    """The emergency way, where the site has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: GroupName
    """Whose people approve it, instead of those whom the permits name."""
    quorum: int = Field(default=2, ge=2, le=10, strict=True)
    ttl_seconds: int = Field(ge=60, le=7 * 86400, strict=True)
    review_within_seconds: int = Field(ge=60, le=90 * 86400, strict=True)
    """How soon after it ran somebody else must have reviewed it."""


class PolicySettings(BaseModel):
    """`settings.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: frozenset[GroupName] = Field(min_length=1)
    risk: dict[Risk, RiskSettings]
    break_glass: BreakGlassSettings | None = None
    """Left out: there is none."""
    time_zone: str = "UTC"
    """In which policies read the hour and the weekday; an IANA name."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:  # by what it is of the name that is wrong
            raise ValueError(f"{name!r} is no time zone here; write a name as 'Europe/Berlin' or 'UTC'") from error
        return name

    def asks_for_passkey(self, risk: Risk) -> bool:
        """Whether an approval at this risk counts only with a passkey."""
        usual = StepUp.PASSKEY if risk is Risk.CRITICAL else StepUp.NONE
        return (self.risk[risk].step_up or usual) is StepUp.PASSKEY

    @model_validator(mode="after")
    def _is_complete(self) -> PolicySettings:
        if missing := [f"[risk.{risk.value}]" for risk in Risk if risk not in self.risk]:
            raise ValueError(f"there is no section {' and no '.join(missing)}; add it, with quorum and ttl_seconds")
        return self


def _contradictions(settings: PolicySettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """What each key says well by itself and not beside the others: the key, and the problem with its cure."""
    for lower, higher in pairwise(Risk):
        least, key = settings.risk[lower].quorum, ("risk", higher.value, "quorum")
        if settings.risk[higher].quorum < least:
            yield key, f"asks for fewer approvals than {lower.value} risk does; set `quorum = {least}` or more here"
        if settings.asks_for_passkey(lower) and not settings.asks_for_passkey(higher):
            yield (
                ("risk", higher.value, "step_up"),
                f'{lower.value} risk asks for a passkey and this one does not; write `step_up = "passkey"` here',
            )
    glass = settings.break_glass
    if glass is not None and glass.group not in settings.groups:
        what = f"{glass.group} is not in groups; name it in `groups` at the top, or another one here"
        yield ("break_glass", "group"), what
    for risk, asked in settings.risk.items():
        if asked.escalate_to is not None and asked.escalate_to not in settings.groups:
            key = ("risk", risk.value, "escalate_to")
            yield key, f"{asked.escalate_to} is not in groups; name it in `groups` at the top, or another one here"
        key, groups = ("risk", risk.value, "distinct_groups"), asked.distinct_groups
        if unknown := sorted(set(groups) - settings.groups):
            yield key, f"{', '.join(unknown)}: no such group; name it in `groups` at the top, or take it out here"
        if len(set(groups)) < len(groups):
            yield key, "a group is named twice; name it once, and ask for more people with `quorum`"
        elif len(groups) > asked.quorum:
            yield (
                key,
                (
                    f"{len(groups)} groups must approve, by different people, and `quorum` asks for {asked.quorum};"
                    f" set `quorum = {len(groups)}` or name fewer groups"
                ),
            )


@dataclass(frozen=True)
class PolicyFiles:
    """A policy folder as read, not yet checked for what the policies say."""

    schema: str
    policies: Mapping[str, str]
    """File name -> text, `core.cedar` among them."""
    settings: PolicySettings
    version: str
    """Hex SHA-256 over the names and bytes of all of these files."""


def read_policy_files(folder: Path) -> PolicyFiles:
    """Read a policy folder. Raises PolicyUnusable with one line for each thing that is missing or malformed."""
    names = sorted({SCHEMA_FILE, SETTINGS_FILE, CORE_FILE, *(path.name for path in folder.glob("*.cedar"))})
    missing = [f"{name}: not found in the policy folder" for name in names if not (folder / name).is_file()]
    if len(names) == 3:
        missing.append("site.cedar: no policies of the site's own, so nothing would ever be allowed")
    if missing:
        raise PolicyUnusable(missing)
    contents = {name: (folder / name).read_bytes() for name in names}
    texts = {name: _text(name, content) for name, content in contents.items()}
    return PolicyFiles(
        schema=texts[SCHEMA_FILE],
        policies={name: text for name, text in texts.items() if name.endswith(".cedar")},
        settings=_settings(texts[SETTINGS_FILE]),
        version=_version(contents),
    )


def read_case_files(folder: Path) -> Mapping[str, str]:
    """The texts of `cases/ALLOW/*.json` and `cases/DENY/*.json`, by their path within `cases`."""
    paths = sorted((folder / "cases").glob("*/*.json"))
    return {path.relative_to(folder / "cases").as_posix(): path.read_text(encoding="utf-8") for path in paths}


def folder_stamp(folder: Path) -> FolderStamp:
    """What changes when anything in the folder is written, added or taken away: cheap enough to ask every second."""
    found = []
    for path in _files(folder):
        try:
            about = path.stat()
        except OSError:  # Taken away between the two looks; the next one sees it gone.
            continue
        # The time of the last change of the inode cannot be set back, as that of the content can.
        found.append((str(path), about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino))
    return tuple(found)


def contents_version(folder: Path) -> str:
    """Names what the folder holds, cases included, whether or not it makes a policy."""
    return _version({path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)})


def line_of_setting(folder: Path, path: Sequence[str]) -> str:
    """Where a key of the settings stands, as 'settings.toml:12'."""
    return place(SETTINGS_FILE, line_of_key((folder / SETTINGS_FILE).read_text(encoding="utf-8"), path))


def _files(folder: Path) -> list[Path]:
    named = [folder / name for name in (SCHEMA_FILE, SETTINGS_FILE) if (folder / name).is_file()]
    return sorted([*named, *folder.glob("*.cedar"), *folder.glob("cases/*/*.json")])


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise PolicyUnusable([f"{name}: not UTF-8 text"]) from error


def _settings(text: str) -> PolicySettings:
    try:
        settings = PolicySettings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.search(str(error))
        where = place(SETTINGS_FILE, int(found[1]) if found else None)
        said = _TOML_PLACE.sub("", str(error)).strip()
        raise PolicyUnusable([f"{where}: this is no TOML ({said}); {_TOML_CURE}"]) from error
    except ValidationError as error:
        raise PolicyUnusable([_problem(text, one["loc"], what_is_wrong(one)) for one in error.errors()]) from error
    if problems := [_problem(text, key, what) for key, what in _contradictions(settings)]:
        raise PolicyUnusable(problems)
    return settings


def _problem(text: str, key: Sequence[int | str], what: str) -> str:
    """One line: the file, the line, the key, what is wrong with it."""
    path = [part for part in map(str, key) if part != "[key]"]
    where = place(SETTINGS_FILE, line_of_key(text, path) if path else None)
    return f"{where}: {'.'.join(path) or 'as a whole'}: {what}"


def _version(contents: Mapping[str, bytes]) -> str:
    # Each file by its own digest, so that moving a line from the end of one file to the start of the next shows.
    lines = [f"{name} {hashlib.sha256(content).hexdigest()}\n" for name, content in sorted(contents.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
