"""THE table of actions: what each one is called, takes, risks and needs, and how it is undone.

Nothing here runs anything. An action that is not in the table does not exist; parameters that its model does not
accept never reach a request. The parameter names are the wire names: they are shown, hashed and stored as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from actions import params as p
from actions.errors import InvalidParams, UnknownAction
from actions.params import readable_problems
from policy.terms import Risk

ParamsT = TypeVar("ParamsT", bound=BaseModel)

AGENT, SUPPORT, SECURITY = "agent", "support", "security"
_ANYONE = frozenset({AGENT, SUPPORT, SECURITY})
_PEOPLE = frozenset({SUPPORT, SECURITY})


@dataclass(frozen=True)
class ActionSpec(Generic[ParamsT]):
    """One kind of action. `effect` and `undo` are one sentence each, shown on cards."""

    action_id: str
    title: str
    effect: str
    undo: str
    undo_action: str | None
    """The action that undoes it; None where `undo` says why there is none."""
    params: type[ParamsT]
    risk: Risk
    proposable_by: frozenset[str]
    subject_param: str | None = None
    """The parameter (by its wire name) that leads to the person it is done to; None where it is done to nobody."""
    member_param: str | None = None
    """The parameter that names one of our own people by their Slack user id. That there is such a person is not for
    this table to know: it is asked of Slack when the action is proposed."""
    long_params: frozenset[str] = frozenset()
    """Parameters that deserve an input of several lines."""
    is_listed: bool = True
    """Whether it is offered where people and triage choose an action. One that is not has a place of its own, where its
    parameters are made."""

    @property
    def param_names(self) -> tuple[str, ...]:
        """The wire names in the order in which a form asks for them."""
        return tuple(self.params.model_fields)


ACTIONS: tuple[ActionSpec[Any], ...] = (
    ActionSpec(
        "ticket.add_internal_note", "Add an internal note",
        effect="Adds a note to the ticket that only our own people can read.",
        undo="A note stays on the record; a wrong one is corrected by a further note.",
        undo_action=None,
        params=p.AddInternalNote, risk=Risk.LOW, proposable_by=_ANYONE, long_params=frozenset({"note"}),
    ),
    ActionSpec(
        "ticket.set_severity", "Set the severity",
        effect="Changes how urgent the ticket counts as.",
        undo="Set the earlier severity again; the audit trail has it.",
        undo_action="ticket.set_severity",
        params=p.SetSeverity, risk=Risk.LOW, proposable_by=_ANYONE,
    ),
    ActionSpec(
        "ticket.set_category", "Set the category",
        effect="Changes what kind of request the ticket counts as.",
        undo="Set the earlier category again; the audit trail has it.",
        undo_action="ticket.set_category",
        params=p.SetCategory, risk=Risk.LOW, proposable_by=_ANYONE,
    ),
    ActionSpec(
        "ticket.assign", "Assign the ticket",
        effect="Makes one person responsible for the ticket.",
        undo="Assign it to the earlier person again; the audit trail names them.",
        undo_action="ticket.assign",
        params=p.Assign, risk=Risk.LOW, proposable_by=_ANYONE, member_param="assignee",
    ),
    ActionSpec(
        "ticket.reply_to_customer", "Reply to the customer",
        effect="Posts this exact text where the requester can read it.",
        undo="Words that were read cannot be taken back; send a correction as a further reply.",
        undo_action=None,
        params=p.ReplyToCustomer, risk=Risk.MEDIUM, proposable_by=_PEOPLE, long_params=frozenset({"text"}),
    ),
    ActionSpec(
        "ticket.close", "Close the ticket",
        effect="Marks the ticket as done.",
        undo="Reopen the ticket.",
        undo_action="ticket.reopen",
        params=p.Close, risk=Risk.LOW, proposable_by=_ANYONE, long_params=frozenset({"reason"}),
    ),
    ActionSpec(
        "ticket.reopen", "Reopen the ticket",
        effect="Marks a closed ticket as open again.",
        undo="Close the ticket again.",
        undo_action="ticket.close",
        params=p.Reopen, risk=Risk.LOW, proposable_by=_ANYONE, long_params=frozenset({"reason"}),
    ),
    ActionSpec(
        "api_key.revoke", "Revoke an API key",
        effect="Stops the API key at once; whatever uses it loses access.",
        undo="Restore the key.",
        undo_action="api_key.restore",
        params=p.RevokeApiKey, risk=Risk.HIGH, proposable_by=_PEOPLE, subject_param="keyId",
    ),
    ActionSpec(
        "api_key.restore", "Restore an API key",
        effect="Lets a revoked API key work again.",
        undo="Revoke the key again.",
        undo_action="api_key.revoke",
        params=p.RestoreApiKey, risk=Risk.HIGH, proposable_by=_PEOPLE, subject_param="keyId",
    ),
    ActionSpec(
        "user.suspend", "Suspend a user",
        effect="Locks the person's account until it is restored.",
        undo="Restore the user.",
        undo_action="user.restore",
        params=p.SuspendUser, risk=Risk.CRITICAL, proposable_by=_PEOPLE, subject_param="email",
    ),
    ActionSpec(
        "user.restore", "Restore a user",
        effect="Gives a suspended person their account back.",
        undo="Suspend the user again.",
        undo_action="user.suspend",
        params=p.RestoreUser, risk=Risk.CRITICAL, proposable_by=_PEOPLE, subject_param="email",
    ),
    ActionSpec(
        "case.send_customer_update", "Send a case's update to the customer",
        effect="Posts this exact text where the requester can read it.",
        undo="Words that were read cannot be taken back; send a correction as a further update.",
        undo_action=None,
        params=p.SendCustomerUpdate, risk=Risk.MEDIUM, proposable_by=_PEOPLE, long_params=frozenset({"text"}),
        is_listed=False,
    ),
    ActionSpec(
        "case.hand_off", "Hand the case over",
        effect="Keeps this exact text with the ticket, and gives it to our own people with the case's signed packet.",
        undo="What was handed over stays on the record; hand over a further packet to correct it.",
        undo_action=None,
        params=p.HandOffCase, risk=Risk.MEDIUM, proposable_by=_PEOPLE, long_params=frozenset({"text"}),
        is_listed=False,
    ),
)  # fmt: skip


class Catalogue:
    """The actions of this installation.

    `choices` narrows a parameter, wherever it occurs, to values that only the composition root knows
    (`{"category": (…)}`).
    """

    def __init__(
        self,
        choices: Mapping[str, Sequence[str]] | None = None,
        actions: Sequence[ActionSpec[Any]] = ACTIONS,
    ) -> None:
        self._choices = {name: tuple(values) for name, values in (choices or {}).items()}
        self._actions = {spec.action_id: spec for spec in actions}
        if len(self._actions) != len(actions):
            raise ValueError("two actions of the catalogue share one id")
        self._schemas: dict[str, dict[str, Any]] = {}

    def __iter__(self) -> Iterator[ActionSpec[Any]]:
        return iter(self._actions.values())

    def get(self, action_id: str) -> ActionSpec[Any]:
        """The action of this id. Raises UnknownAction."""
        spec = self._actions.get(action_id)
        if spec is None:
            raise UnknownAction(action_id)
        return spec

    def parse(self, action_id: str, params: object) -> dict[str, JsonValue]:
        """The canonical form of an action's parameters, ready to be shown, hashed and stored.

        Parsing a canonical form gives the same again. Raises UnknownAction, InvalidParams.
        """
        spec = self.get(action_id)
        # Strict validation takes a dict only; a read-only view of one is as good.
        given = dict(params) if isinstance(params, Mapping) else params
        try:
            canonical: dict[str, JsonValue] = spec.params.model_validate(given).model_dump(mode="json")
        except ValidationError as error:
            raise InvalidParams(action_id, readable_problems(error)) from error
        strays = {
            name: f"Must be one of: {', '.join(self._choices[name])}."
            for name, value in canonical.items()
            if name in self._choices and value not in self._choices[name]
        }
        if strays:
            raise InvalidParams(action_id, strays)
        return canonical

    def choices(self, action_id: str, param: str) -> tuple[str, ...]:
        """The only values a parameter may have; empty where it is free. Raises UnknownAction."""
        schema = self._schema(self.get(action_id))["properties"].get(param, {})
        return tuple(schema.get("enum", ()))

    def offers(self) -> tuple[tuple[str, str, dict[str, JsonValue]], ...]:
        """(action id, description, JSON schema of the parameters) of every listed action, for triage to choose from.

        The schemas are drawn once and shared: they are for reading.
        """
        return tuple(
            (spec.action_id, f"{spec.title}. {spec.effect}", self._schema(spec)) for spec in self if spec.is_listed
        )

    def _schema(self, spec: ActionSpec[Any]) -> dict[str, Any]:
        # Pydantic builds a schema anew at each call, and every triage reads all of them.
        if spec.action_id not in self._schemas:
            self._schemas[spec.action_id] = self._draw_schema(spec)
        return self._schemas[spec.action_id]

    def _draw_schema(self, spec: ActionSpec[Any]) -> dict[str, Any]:
        schema: dict[str, Any] = deepcopy(spec.params.model_json_schema())
        definitions = schema.pop("$defs", {})
        for name, field in schema["properties"].items():
            # Written out in place: a reader of the schema, model or form, need not follow references.
            reference = str(field.pop("$ref", "")).rpartition("/")[2]
            field.update({key: definitions[reference][key] for key in ("type", "enum")} if reference else {})
            if name in self._choices:
                field["enum"] = list(self._choices[name])
        return schema
