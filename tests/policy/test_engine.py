"""The engine says yes only to a clean yes, and loads only what fits."""

from __future__ import annotations

import json
import re
from datetime import UTC
from pathlib import Path

import cedarpy
import pytest

from policy import entities
from policy.compiling import CompiledPolicy, PolicyNote
from policy.engine import Entity, PolicyEngine, Question
from policy.errors import PolicyUnusable
from policy.loading import CORE_FILE, DEFAULT_FOLDER, PolicySettings
from policy.terms import Person, RequestFacts, Risk
from tests.policy.builders import DIGEST, ENGINE, NOW, edit, person, policy_copy, request
from tests.policy.builders import action as action_facts

SAM = person("U_SAM", "security")

BROAD = '@id("broad-permit") @reason("Everybody may do everything.") permit (principal, action, resource);'
NO_REQUESTER = (
    '@id("core-no-requester") @reason("Who asks is not who allows.") '
    'forbid (principal is Person, action in Action::"decide", resource) '
    "when { resource has requester && resource.requester == principal };"
)
NO_OUTSIDER = (
    '@id("core-no-outsider") @reason("Only our own people.") '
    "forbid (principal is Person, action, resource) unless { principal.isHome };"
)


def question(who: Person, about: RequestFacts, action: str = "approve") -> Question:
    context = entities.decision_context(
        shown_digest=DIGEST, policy_version=about.policy_version, now=NOW, zone=UTC, asks_for_passkey=False
    )
    return Question(entities.actor_ref(who), action, entities.request_ref(about), context)


def facts(who: Person, about: RequestFacts) -> list[Entity]:
    return [entities.actor_entity(who), *entities.request_entities(about)]


def engine_of(*policies: str, ids: tuple[str, ...]) -> PolicyEngine:
    """An engine over hand-written policies that were checked by nobody: what a slip at load could let through."""
    parsed = cedarpy.PolicySet.from_json_str(
        json.dumps(
            {
                "staticPolicies": {
                    one["annotations"]["id"]: one
                    for text in policies
                    for one in json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
                },
                "templates": {},
                "templateLinks": [],
            }
        )
    )
    schema = cedarpy.Schema.from_str((DEFAULT_FOLDER / "schema.cedarschema").read_text())
    notes = {one: PolicyNote("planted", None, is_forbid=one.startswith("core-")) for one in ids}
    return PolicyEngine(CompiledPolicy(parsed, schema, notes), ENGINE.settings, "planted")


def cedar_alone(engine: PolicyEngine, asked: Question, given: str, *, with_schema: bool) -> bool:
    """What the library answers to whoever looks only at its decision."""
    schema = cedarpy.Schema.from_str((DEFAULT_FOLDER / "schema.cedarschema").read_text())
    parsed = cedarpy.Entities.from_json_str(given, schema if with_schema else None)
    body = {
        "principal": asked.principal,
        "action": {"type": "Action", "id": asked.action},
        "resource": asked.resource,
        "context": dict(asked.context),
    }
    return cedarpy.is_authorized(body, engine._policies, parsed).allowed


# --- the three ways in which the library lets a forbid fall silent ---------------------------------------------


def test_a_forbid_that_errs_on_a_missing_attribute_denies() -> None:
    errs = NO_OUTSIDER.replace("principal.isHome", "principal.isVouchedFor")
    engine = engine_of(BROAD, errs, ids=("broad-permit", "core-no-outsider"))
    eve, about = person("U_EVE", is_home=False), request()

    answer = engine.ask(question(eve, about), facts(eve, about))

    assert cedar_alone(engine, question(eve, about), json.dumps(facts(eve, about)), with_schema=True)
    assert not answer.is_allowed
    assert "isVouchedFor" in answer.errors[0]


def test_a_principal_missing_from_the_entities_denies_even_under_a_broad_permit() -> None:
    engine = engine_of(BROAD, NO_OUTSIDER, ids=("broad-permit", "core-no-outsider"))
    eve, about = person("U_EVE", is_home=False), request()
    without_eve = entities.request_entities(about)

    answer = engine.ask(question(eve, about), without_eve)

    assert cedar_alone(engine, question(eve, about), json.dumps(without_eve), with_schema=True)
    assert not answer.is_allowed
    assert any("principal" in error and "not among the entities" in error for error in answer.errors)


def test_a_principal_missing_from_the_entities_denies_even_if_no_policy_looks_at_it() -> None:
    engine = engine_of(BROAD, ids=("broad-permit",))
    eve, about = person("U_EVE", is_home=False), request()

    answer = engine.ask(question(eve, about), entities.request_entities(about))

    assert cedar_alone(engine, question(eve, about), json.dumps(entities.request_entities(about)), with_schema=True)
    assert not answer.is_allowed


def test_a_resource_missing_from_the_entities_denies() -> None:
    engine = engine_of(BROAD, ids=("broad-permit",))

    answer = engine.ask(question(SAM, request()), [entities.actor_entity(SAM)])

    assert not answer.is_allowed
    assert any("resource" in error for error in answer.errors)


def test_entities_are_read_with_the_schema_so_that_a_reference_to_a_person_is_that_person() -> None:
    engine = engine_of(BROAD, NO_REQUESTER, ids=("broad-permit", "core-no-requester"))
    about = request()
    mallory = person("U_MALLORY", key=about.action.requester.key)
    given = facts(mallory, about)

    answer = engine.ask(question(mallory, about), given)

    # Without the schema the requester is a record that equals nobody: the forbid is silent, without any error.
    assert cedar_alone(engine, question(mallory, about), json.dumps(given), with_schema=False)
    assert not answer.is_allowed
    assert answer.policy_ids == ("core-no-requester",)


# --- whatever else can go wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        Question(entities.actor_ref(SAM), "approve", entities.request_ref(request()), {}),
        Question(entities.actor_ref(SAM), "publish", entities.request_ref(request()), {}),
        Question({"type": "Robot", "id": "r2"}, "approve", entities.request_ref(request()), {}),
        Question({}, "approve", entities.request_ref(request()), {}),
        Question(entities.actor_ref(SAM), "view", entities.request_ref(request()), {}),
    ],
    ids=["no context", "unknown action", "unknown type", "no principal", "wrong resource"],
)
def test_a_question_that_does_not_fit_the_schema_is_a_denial_that_says_so(asked: Question) -> None:
    answer = ENGINE.ask(asked, facts(SAM, request()))

    assert not answer.is_allowed
    assert answer.errors


def test_entities_that_do_not_fit_the_schema_are_a_denial_that_says_so() -> None:
    about = request()
    broken = facts(SAM, about)
    broken[0] = {**broken[0], "attrs": {"isHome": "yes"}}

    answer = ENGINE.ask(question(SAM, about), broken)

    assert not answer.is_allowed
    assert answer.errors


def test_an_allow_by_a_policy_nobody_loaded_is_a_denial() -> None:
    engine = engine_of(BROAD, ids=())
    about = request()

    answer = engine.ask(question(SAM, about), facts(SAM, about))

    assert not answer.is_allowed
    assert answer.errors == ("unknown policy broad-permit",)


def test_one_bad_question_among_several_denies_only_itself() -> None:
    about = request()
    good, bad = question(SAM, about), Question(entities.actor_ref(SAM), "publish", entities.request_ref(about), {})

    answers = ENGINE.ask_many([good, bad], facts(SAM, about))

    assert [answer.is_allowed for answer in answers] == [True, False]


def test_a_text_that_cannot_be_written_is_a_denial() -> None:
    about = request(digest="\ud800")

    assert not ENGINE.ask(question(SAM, about), facts(SAM, about)).is_allowed


# --- loading ---------------------------------------------------------------------------------------------------


def load_with(tmp_path: Path, extra: str, name: str = "zone.cedar") -> PolicyEngine:
    folder = policy_copy(tmp_path)
    with (folder / name).open("a") as file:
        file.write(extra)
    return PolicyEngine.load(folder)


PERMIT = "permit (principal is Person, action, resource)"
FORBID = "forbid (principal is Person, action, resource)"


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ("permit (principal, action resource);", "unexpected token"),
        (f'@reason("Why.") {PERMIT};', "a policy without @id"),
        (f'@id("some-permit") {PERMIT};', "no @reason"),
        (f'@id("some-permit") @reason(" ") {PERMIT};', "no @reason"),
        (f'@id("core-mine") @reason("Why.") {PERMIT};', "belong to core.cedar"),
        (f'@id("staff-may-propose") @reason("Why.") {PERMIT};', "used twice"),
        (f'@id("Some Permit") @reason("Why.") {PERMIT};', "lower-case words"),
        (f'@id("not-permitted") @reason("Why.") {PERMIT};', "none of the gate's own codes"),
        (f'@id("some-permit") @reason("Why.") {PERMIT} when {{ principal.isBoss }};', "isBoss"),
        (f'@id("some-permit") @reason("Why.") {PERMIT} when {{ principal in Group::"secruity" }};', "secruity"),
        (
            '@id("some-permit") @reason("Why.") permit (principal is Person, action == Action::"approve", resource) '
            'when { resource.risk == Risk::"hihg" };',
            "hihg",
        ),
        (
            '@id("some-permit") @reason("Why.") permit (principal is Person, action == Action::"approve", resource) '
            'when { resource.ticket.category == "hardware" };',
            "must not depend on category",
        ),
        (
            f'@id("some-permit") @reason("Why.") {PERMIT} when {{ principal.userId == "U_SAM" }};',
            "userId: only core.cedar",
        ),
        (f'@id("some-permit") @reason("Why.") {PERMIT} when {{ principal has address }};', "address: only core.cedar"),
        (
            f'@id("some-forbid") @reason("Why.") {FORBID} '
            'unless { principal has address && principal.address like "*@home.example" };',
            "address: only core.cedar",
        ),
        (
            '@id("some-permit") @reason("Why.") permit (principal is Person, action in Action::"decide", resource) '
            "when { resource.subjectUserIds.contains(principal.userId) };",
            "subjectUserIds and userId: only core.cedar",
        ),
        ('@id("some-permit") @reason("Why.") permit (principal == ?principal, action, resource);', "are not supported"),
        (
            f'@id("some-forbid") @reason("Why.") @reply("Ask security please.") {FORBID};',
            "may be read by outsiders",
        ),
        (
            f'@id("some-forbid") @reason("Why.") @reply("See #approvals.") {FORBID};',
            "may be read by outsiders",
        ),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_with_its_file_and_the_problem(
    tmp_path: Path, extra: str, problem: str
) -> None:
    with pytest.raises(PolicyUnusable, match=problem) as refused:
        load_with(tmp_path, extra)

    assert all(re.match(r"zone\.cedar(:\d+)?: ", line) for line in refused.value.problems)


def test_a_permit_in_the_core_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnusable, match="holds only forbids"):
        load_with(tmp_path, f'@id("core-back-door") @reason("Why.") {PERMIT};', CORE_FILE)


def test_a_forbid_may_depend_on_what_follows_from_the_requesters_words(tmp_path: Path) -> None:
    extra = (
        '@id("no-hr-by-support") @reason("Why.") forbid (principal in Group::"support", '
        'action in Action::"decide", resource) when { resource.ticket.category == "hr_support" };'
    )

    assert "no-hr-by-support" in load_with(tmp_path, extra).notes


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnusable) as refused:
        load_with(tmp_path, f'{PERMIT}; @id("core-mine") {PERMIT};')

    assert len(refused.value.problems) >= 3


@pytest.mark.parametrize("name", ["schema.cedarschema", "core.cedar", "site.cedar", "settings.toml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = policy_copy(tmp_path)
    (folder / name).unlink()

    with pytest.raises(PolicyUnusable, match=name):
        PolicyEngine.load(folder)


SETTINGS = (DEFAULT_FOLDER / "settings.toml").read_text()
CRITICAL = SETTINGS[SETTINGS.index("[risk.critical]") :]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("quorum = 2", "quorum = 0", "risk.critical.quorum"),
        ("quorum = 2", 'quorum = "2"', "risk.critical.quorum"),
        (CRITICAL, "", r"there is no section \[risk.critical\]; add it"),
        (
            "[risk.medium]\nquorum = 1",
            "[risk.medium]\nquorum = 3",
            "risk.high.quorum: asks for fewer approvals than medium",
        ),
        ("[risk.critical]", "[risk.gigantic]", "gigantic"),
        ('groups = ["support", "security"]', "groups = []", "groups"),
        ('groups = ["support", "security"]', 'groups = ["security"]', "support"),
        ('groups = ["support", "security"]', 'group = ["support"]', "group"),
        ('groups = ["support", "security"]', "groups = [", "settings.toml"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", old, new)

    with pytest.raises(PolicyUnusable, match=problem):
        PolicyEngine.load(folder)


@pytest.mark.parametrize("name", ["schema.cedarschema", "core.cedar", "site.cedar", "settings.toml"])
def test_the_version_changes_with_every_file_that_decides(tmp_path: Path, name: str) -> None:
    folder = policy_copy(tmp_path)
    (folder / name).write_text((folder / name).read_text() + "\n")

    assert PolicyEngine.load(folder).version != ENGINE.version


def test_the_version_does_not_depend_on_where_the_folder_is_nor_on_its_cases(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    another_case = folder / "cases" / "DENY" / "more.json"
    another_case.write_text("{}")

    assert PolicyEngine.load(folder).version == ENGINE.version


def test_quorum_and_waiting_time_come_from_the_settings() -> None:
    assert {risk: ENGINE.quorum(risk) for risk in Risk} == {
        Risk.LOW: 1,
        Risk.MEDIUM: 1,
        Risk.HIGH: 1,
        Risk.CRITICAL: 2,
    }
    assert ENGINE.ttl_seconds(Risk.HIGH) == 4 * 3600
    assert isinstance(ENGINE.settings, PolicySettings)


def test_no_text_of_a_requester_and_no_name_is_among_the_facts() -> None:
    told = json.dumps(facts(SAM, request()))

    for secret in ("ak_demo_bob_001", "mallory", SAM.company, "Home"):
        assert f'"{secret}"' not in told


def test_an_address_is_told_in_the_two_places_only_that_the_core_alone_may_compare() -> None:
    told = facts(SAM, request(action_facts(subject_emails=frozenset({" Bob@Home.Example "}))))
    named = {
        name: value
        for entity in told
        for name, value in entity["attrs"].items()  # type: ignore[union-attr]  # JSON of an entity
        if "@" in json.dumps(value)
    }

    assert named == {"address": "u_sam@home.example", "subjectAddresses": ["bob@home.example"]}
