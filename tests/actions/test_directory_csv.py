"""The directory's files: read whole or not at all, and every mistake is named with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.directory_csv import MAX_PROBLEMS, KeyEntry, PersonEntry, doubtful_homes, read_keys, read_people
from policy.terms import PersonKey

PEOPLE = "email,name,slack_team,slack_user_id\n"
KEYS = "key_id,owner_email,label\n"


def problems_of_people(*lines: str) -> list[str]:
    reading = read_people(PEOPLE + "\n".join(lines))
    assert reading.entries == ()
    return [str(problem) for problem in reading.problems]


def problems_of_keys(*lines: str) -> list[str]:
    reading = read_keys(KEYS + "\n".join(lines))
    assert reading.entries == ()
    return [str(problem) for problem in reading.problems]


def test_people_are_read_with_and_without_a_slack_account() -> None:
    reading = read_people(PEOPLE + 'Bob@acme.example,Bob,T0ACME,U0BOB\nann@acme.example,"Ann, of sales",,\n')

    assert reading.problems == ()
    assert reading.entries == (
        PersonEntry("bob@acme.example", "Bob", PersonKey("T0ACME", "U0BOB")),
        PersonEntry("ann@acme.example", "Ann, of sales", None),
    )


def test_keys_are_read_with_and_without_a_label() -> None:
    reading = read_keys(KEYS + "ak_demo_bob_001,BOB@acme.example,demo\nak_2_x,bob@acme.example,\n")

    assert reading.problems == ()
    assert reading.entries == (
        KeyEntry("ak_demo_bob_001", "bob@acme.example", "demo"),
        KeyEntry("ak_2_x", "bob@acme.example", ""),
    )


def test_what_a_spreadsheet_adds_does_not_matter() -> None:
    text = "\ufeffname, email ,slack_user_id,slack_team\r\n Bob , bob@acme.example,U0BOB,T0ACME\r\n\r\n,,,\r\n"

    assert read_people(text).entries == (PersonEntry("bob@acme.example", "Bob", PersonKey("T0ACME", "U0BOB")),)


def test_a_header_alone_is_an_empty_directory() -> None:
    assert read_people(PEOPLE) == read_people(PEOPLE.strip())
    assert read_people(PEOPLE).problems == ()


@pytest.mark.parametrize("text", ["", "\n", "email;name;slack_team;slack_user_id\n", "bob@acme.example,Bob,,\n"])
def test_a_file_without_the_header_is_refused_with_the_header_it_needs(text: str) -> None:
    [problem] = read_people(text).problems

    assert str(problem) == (
        "line 1, column email: Is missing. The first line must be: email,name,slack_team,slack_user_id"
    )


@pytest.mark.parametrize("header", ["key_id,owner_email,label,secret\n", "key_id,owner_email,label,label\n"])
def test_a_column_too_many_is_refused(header: str) -> None:
    [problem] = read_keys(header).problems

    assert str(problem) == "line 1: Has columns too many or twice. The first line must be: key_id,owner_email,label"


def test_every_wrong_cell_is_named_with_its_line_and_column() -> None:
    assert problems_of_people("bob,,T0ACME,U0BOB", "ann@acme.example,Ann,acme,ann") == [
        "line 2, column email: Must be an e-mail address in plain ASCII letters.",
        "line 2, column name: Must not be blank.",
        "line 3, column slack_team: Must be a Slack workspace id (T…) or Enterprise id (E…).",
        "line 3, column slack_user_id: Must be a Slack user id such as U024BE7LH.",
    ]


def test_half_a_slack_account_is_refused() -> None:
    assert problems_of_people("bob@acme.example,Bob,T0ACME,", "ann@acme.example,Ann,,U0ANN") == [
        "line 2, column slack_user_id: Is empty although slack_team is given; give both or neither.",
        "line 3, column slack_team: Is empty although slack_user_id is given; give both or neither.",
    ]


def test_the_same_person_or_key_twice_is_refused_with_both_lines() -> None:
    assert problems_of_people("bob@acme.example,Bob,,", "BOB@acme.example,Bobby,,") == [
        "line 3, column email: Is the same as in line 2."
    ]
    assert problems_of_keys("ak_1,b@acme.example,", "ak_1,c@acme.example,") == [
        "line 3, column key_id: Is the same as in line 2."
    ]


def test_a_row_of_another_length_is_refused() -> None:
    assert problems_of_keys("ak_1,b@acme.example", "ak_2,b@acme.example,x,y") == [
        "line 2: Has 2 cells instead of 3.",
        "line 3: Has 4 cells instead of 3.",
    ]


@pytest.mark.parametrize("name", ["B\x00ob", "\u202eboB", "Bob\u200bby", '"Bob\nApproved"'])
def test_a_name_with_a_character_that_cannot_be_seen_is_refused(name: str) -> None:
    [problem] = problems_of_people(f"bob@acme.example,{name},,")

    assert "column name: Contains U+" in problem


def test_a_quote_that_never_ends_is_refused() -> None:
    assert problems_of_keys('ak_1,b@acme.example,"x') == ["line 2: Is not CSV: unexpected end of data."]


def test_a_file_of_another_kind_is_not_read_to_its_end() -> None:
    problems = problems_of_people(*["x,y,,"] * 10_000)

    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1] == "line 52: Too much is wrong; the rest was not read."


@given(text=st.text(alphabet=st.sampled_from('a@.,"\n\r\x00 TU0é\ud800'), max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    for reading in (read_people(PEOPLE + text), read_keys(KEYS + text), read_people(text)):
        assert not (reading.entries and reading.problems)


def people_of(*homes: str | None) -> list[PersonEntry]:
    keys = [None if home is None else PersonKey(home, f"U{number}") for number, home in enumerate(homes)]
    return [PersonEntry(f"p{number}@acme.example", "P", key) for number, key in enumerate(keys)]


@pytest.mark.parametrize(
    ("homes", "known"),
    [
        ((), set()),
        ((None, None), {"T0ACME"}),
        (("T0ACME", "T0ACME", None), set()),
        (("T0ACME", "T0ACME"), {"T0ACME"}),
        (("T0ACME",), {"T0ACME", "E0ACME"}),
    ],
)
def test_homes_that_agree_with_each_other_and_with_ours_raise_no_doubt(
    homes: tuple[str | None, ...], known: set[str]
) -> None:
    assert doubtful_homes(people_of(*homes), known) == ()


def test_homes_that_are_not_ours_are_one_line() -> None:
    doubts = doubtful_homes(people_of("T0SALES", "T0SALES", None), {"E0ACME"})

    assert doubts == ("slack_team is T0SALES (rows: 2), but this desk's people are of E0ACME",)


def test_mixed_homes_are_one_line_and_those_that_are_not_ours_another() -> None:
    people = people_of("E0ACME", *(f"T0TEAM{number}" for number in range(7)))

    assert doubtful_homes(people, set()) == (
        "slack_team is not the same in all rows: E0ACME, T0TEAM0, T0TEAM1, T0TEAM2, T0TEAM3 and 3 more",
    )
    assert len(doubtful_homes(people, {"E0ACME"})) == 2
