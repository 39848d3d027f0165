"""Several accounts of one human are one person: which accounts and addresses belong together, from ties of two.

A tie says that two marks are of the same human; a mark is an account or an e-mail address. Where ties come from is up
to the caller: an operator linked two accounts, the directory has an account at an address, Slack shows a live account's
confirmed address. Ties may only take people out, so what could be the same is: accounts are told apart by user id
alone, and who is tied to somebody is tied to everybody they are tied to.

Addresses are compared in lower case and else as they are. `ann+desk@` or `a.nn@` are not taken for `ann@`: whether they
reach the same mailbox is each mail provider's own affair. Where they do not, two people would be taken for one; and who
wants a second account that nobody ties to the first will use an address that no such rule finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policy.terms import Person, PersonKey, folded_address

Mark = PersonKey | str
"""An account, or an address as `folded_address` gives it."""


def own_address(person: Person) -> str:
    """The address that says who somebody is: confirmed, of a live account of the home company; else ""."""
    counts = person.is_home and person.is_active and person.is_human and person.is_email_confirmed
    return folded_address(person.email) if counts else ""


class Ties:
    """What is known to belong together. Grows, and never lets go of a tie."""

    def __init__(self, ties: Iterable[tuple[Mark, Mark]] = ()) -> None:
        self._before: dict[str, str] = {}
        self._keys: dict[str, PersonKey] = {}
        for one, other in ties:
            self.tie(one, other)

    def tie(self, one: Mark, other: Mark) -> None:
        """Two marks of one human. An address that is empty is nobody's."""
        names = self._name(one), self._name(other)
        if all(names):
            self._before[self._first(names[0])] = self._first(names[1])

    @property
    def accounts(self) -> frozenset[PersonKey]:
        """Every account there is a mark of."""
        return frozenset(self._keys.values())

    def human(self, mark: Mark) -> str:
        """A name for the human behind a mark: the same for all that are tied, and meaningless beyond these ties."""
        return self._first(self._name(mark))

    def accounts_of(self, key: PersonKey) -> frozenset[PersonKey]:
        """The other accounts of the same human."""
        return frozenset(
            account for name, account in self._keys.items() if name != key.user_id and self._is_same(name, key)
        )

    def addresses_of(self, key: PersonKey) -> frozenset[str]:
        """Every address of the same human."""
        return frozenset(name for name in self._before if "@" in name and self._is_same(name, key))

    def _is_same(self, name: str, key: PersonKey) -> bool:
        return self._first(name) == self.human(key)

    def _name(self, mark: Mark) -> str:
        name = mark.user_id if isinstance(mark, PersonKey) else mark
        if name:
            self._before.setdefault(name, name)
        if isinstance(mark, PersonKey):
            self._keys.setdefault(name, mark)
        return name

    def _first(self, name: str) -> str:
        while self._before.get(name, name) != name:
            name = self._before[name]
        return name


def humans(people: Iterable[Person]) -> Mapping[PersonKey, str]:
    """For each of these people a name of the human behind the account, from what each was read with."""
    found, ties = list(people), Ties()
    for person in found:
        for account in person.linked:
            ties.tie(person.key, account)
        for address in person.linked_addresses:
            ties.tie(person.key, folded_address(address))
    return {person.key: ties.human(person.key) for person in found}
