"""The directory's CSV files, read: text in, typed rows or everything that is wrong with it out.

    people:    email,name,slack_team,slack_user_id      (both Slack columns empty: no known account)
    keys:      key_id,owner_email,label                 (label may be empty)
    accounts:  see `actions.accounts_csv`

`slack_team` is the workspace's id, or the Enterprise's where there is one. A file with a single wrong row gives no
rows at all: half an import is harder to put right than none.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from actions.params import readable_problems
from actions.wording import Email, KeyId, Name, SlackHomeId, SlackUserId
from policy.terms import PersonKey

PEOPLE_COLUMNS = ("email", "name", "slack_team", "slack_user_id")
KEY_COLUMNS = ("key_id", "owner_email", "label")

MAX_PROBLEMS = 50
"""Reading stops after so many: the file is of another kind, and more lines would teach nothing."""
_HOMES_SHOWN = 5


@dataclass(frozen=True)
class PersonEntry:
    """One line of the people file."""

    email: str
    name: str
    slack_key: PersonKey | None


@dataclass(frozen=True)
class KeyEntry:
    """One line of the keys file."""

    key_id: str
    owner_email: str
    label: str


@dataclass(frozen=True)
class CsvProblem:
    """One thing that is wrong, and where."""

    line: int
    """As an editor counts; a row of several lines counts as its last."""
    column: str | None
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{place}: {self.message}"


Entry = TypeVar("Entry")
LineModel = TypeVar("LineModel", bound=BaseModel)


@dataclass(frozen=True)
class CsvReading(Generic[Entry]):
    """What a file holds. If anything is wrong with it, `entries` is empty."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[CsvProblem, ...] = ()


class Line(BaseModel):
    """One line of a file, by column."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _PersonLine(Line):
    email: Email
    name: Name
    slack_team: SlackHomeId | None
    slack_user_id: SlackUserId | None

    def entry(self) -> PersonEntry:
        if self.slack_team is None or self.slack_user_id is None:
            return PersonEntry(self.email, self.name, None)
        return PersonEntry(self.email, self.name, PersonKey(self.slack_team, self.slack_user_id))


class _KeyLine(Line):
    key_id: KeyId
    owner_email: Email
    label: Name | None

    def entry(self) -> KeyEntry:
        return KeyEntry(self.key_id, self.owner_email, self.label or "")


def read_people(text: str) -> CsvReading[PersonEntry]:
    """Read the people file."""
    reading = Reading[PersonEntry](PEOPLE_COLUMNS, unique="email")
    for line, cells in reading.rows(text):
        team, user = cells["slack_team"], cells["slack_user_id"]
        if (team is None) != (user is None):
            empty, given = ("slack_team", "slack_user_id") if team is None else ("slack_user_id", "slack_team")
            reading.wrong(line, empty, f"Is empty although {given} is given; give both or neither.")
        elif (person := reading.checked(line, cells, _PersonLine)) is not None:
            reading.add(line, person.email, person.entry())
    return reading.result()


def read_keys(text: str) -> CsvReading[KeyEntry]:
    """Read the keys file. Whether the owners exist is for the directory to say."""
    reading = Reading[KeyEntry](KEY_COLUMNS, unique="key_id")
    for line, cells in reading.rows(text):
        if (key := reading.checked(line, cells, _KeyLine)) is not None:
            reading.add(line, key.key_id, key.entry())
    return reading.result()


def doubtful_homes(people: Iterable[PersonEntry], known: Collection[str]) -> tuple[str, ...]:
    """What is odd about the workspaces a people file names, a line for each kind; `known` are ours, if they are known.

    Nothing here is refused: whom an action is done to is kept from deciding it by user id and by address, whatever
    workspace stands beside the id. But it often means that the ids are of another workspace altogether.
    """
    named = Counter(person.slack_key.home for person in people if person.slack_key is not None)
    strange = sorted(set(named) - set(known)) if known else []
    found = []
    if strange:
        count = sum(named[home] for home in strange)
        found.append(
            f"slack_team is {_listed(strange)} (rows: {count}), but this desk's people are of {_listed(known)}"
        )
    if len(named) > 1:
        found.append(f"slack_team is not the same in all rows: {_listed(named)}")
    return tuple(found)


def _listed(homes: Collection[str]) -> str:
    shown = sorted(homes)[:_HOMES_SHOWN]
    rest = f" and {len(homes) - len(shown)} more" if len(homes) > len(shown) else ""
    return ", ".join(shown) + rest


class Reading(Generic[Entry]):
    """One file being read: what was found and what was wrong so far."""

    def __init__(self, columns: Sequence[str], unique: str) -> None:
        self._columns = columns
        self._unique = unique
        self._entries: dict[str, Entry] = {}
        self._lines: dict[str, int] = {}
        self._problems: list[CsvProblem] = []

    def wrong(self, line: int, column: str | None, message: str) -> None:
        self._problems.append(CsvProblem(line, column, message))

    def add(self, line: int, name: str, entry: Entry) -> None:
        if name in self._lines:
            self.wrong(line, self._unique, f"Is the same as in line {self._lines[name]}.")
            return
        self._lines[name], self._entries[name] = line, entry

    def checked(self, line: int, cells: dict[str, str | None], model: type[LineModel]) -> LineModel | None:
        """The line as `model` has it; None, with the problems noted, if it does not fit."""
        try:
            return model.model_validate(cells)
        except ValidationError as error:
            for column, message in readable_problems(error).items():
                self.wrong(line, column, message if cells[column] is not None else "Must not be blank.")
            return None

    def rows(self, text: str) -> Iterator[tuple[int, dict[str, str | None]]]:
        """(line, cells by column, None where blank) of every row that has the right number of cells."""
        # Spreadsheets put a byte order mark first.
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not self._is_header_good(header):
                return
            for row in reader:
                if len(self._problems) >= MAX_PROBLEMS:
                    self.wrong(reader.line_num, None, "Too much is wrong; the rest was not read.")
                    return
                if not any(cell.strip() for cell in row):
                    continue  # The empty line that ends most files.
                if len(row) != len(header):
                    self.wrong(reader.line_num, None, f"Has {len(row)} cells instead of {len(header)}.")
                    continue
                yield reader.line_num, {n: c.strip() or None for n, c in zip(header, row, strict=True)}
        except csv.Error as error:
            self.wrong(reader.line_num, None, f"Is not CSV: {error}.")

    def _is_header_good(self, header: list[str]) -> bool:
        if sorted(header) == sorted(self._columns):
            return True
        expected = ",".join(self._columns)
        missing = [name for name in self._columns if name not in header]
        if missing:
            self.wrong(1, missing[0], f"Is missing. The first line must be: {expected}")
        else:
            self.wrong(1, None, f"Has columns too many or twice. The first line must be: {expected}")
        return False

    def result(self) -> CsvReading[Entry]:
        if self._problems:
            return CsvReading(problems=tuple(self._problems))
        return CsvReading(entries=tuple(self._entries.values()))
