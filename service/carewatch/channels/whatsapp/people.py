"""Who a WhatsApp customer is, under which identifiers, and that they are one person.

The business-scoped user id (BSUID), or the one of the parent company, is preferred to the phone
number, which may be hidden (then it is missing or empty) and may change.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import Skip
from carewatch.channels.drafts import ActorDraft, CustomerId, Draft, Occurred, Reference
from carewatch.channels.fields import Fields, get_id, get_list, get_object, get_text, need_id
from carewatch.domain.errors import InvalidRecord

_CHANGED: Final = ("customer_changed_number", "user_changed_number", "user_changed_user_id")
_FROM_USER_ID: Final = re.compile(r" changed from ([A-Z]{2}\.\S+) to \S+$")
"""Where a changed user id is told in words only; a name or number never has this form."""


Side = Literal["from", "to", "recipient"]
_NUMBERS: Final[dict[Side, str]] = {"from": "from", "to": "to", "recipient": "recipient_id"}


class Contacts:
    """The contacts of a `value`, which say more of the people whom its items name."""

    def __init__(self, value: Fields) -> None:
        self._listed = [one for one in get_list(value, "contacts") if isinstance(one, dict)]

    def person(self, item: Fields, side: Side) -> tuple[str, str | None]:
        """Who it is: the preferred identifier, and the phone number where it is another one."""
        number, user_id = get_id(item, _NUMBERS[side]), get_id(item, f"{side}_user_id")
        contact = self._contact(number, user_id)
        number = number or get_id(contact, "wa_id")
        preferred = (
            get_id(item, f"{side}_parent_user_id")
            or get_id(contact, "parent_user_id")
            or user_id
            or get_id(contact, "user_id")
            or number
        )
        if preferred is None:
            return need_id(item, _NUMBERS[side]), None
        return preferred, number if number != preferred else None

    def _contact(self, number: str | None, user_id: str | None) -> Fields:
        """The contact of this person: found by an identifier, or the only one that may be it."""
        for contact in self._listed:
            same_number = number is not None and get_id(contact, "wa_id") == number
            if same_number or (user_id is not None and get_id(contact, "user_id") == user_id):
                return contact
        if len(self._listed) == 1:
            [only] = self._listed
            other_number = number is not None and get_id(only, "wa_id") is not None
            other_id = user_id is not None and get_id(only, "user_id") is not None
            return {} if other_number or other_id else only
        return {}


def customer_of(identifier: str) -> CustomerId:
    """The same person for all numbers of a business."""
    return CustomerId("whatsapp", identifier, shared=True)


def system_message(fields: Fields, path: str, when: Occurred) -> Iterator[Draft | Skip]:
    """A changed number or user id: the person stays the same. All else is no happening."""
    system = get_object(fields, "system")
    if get_text(system, "type") not in _CHANGED:
        yield Skip(reason="ignored", path=path)
        return
    told = _FROM_USER_ID.search(get_text(system, "body") or "")
    before = (
        get_id(system, "previous_user_id")
        or get_id(fields, "from_parent_user_id")
        or get_id(fields, "from_user_id")
        or (told[1] if told else None)
        or need_id(fields, "from")
    )
    after = (
        get_id(system, "parent_user_id")
        or get_id(system, "user_id")
        or get_id(system, "wa_id")
        or need_id(system, "new_wa_id")
    )
    key = f"{need_id(fields, 'id')}|linked"
    yield linked(customer_of(after), customer_of(before), when, key)


def user_id_update(update: Fields, when: Occurred) -> Iterator[Draft]:
    """The change of a user id as a webhook field of its own."""
    for name in ("user_id", "parent_user_id"):
        change = get_object(update, name)
        before, after = get_id(change, "previous"), get_id(change, "current")
        if before and after:
            key = f"linked|{before}|{after}"
            yield linked(customer_of(after), customer_of(before), when, key)
            return
    raise InvalidRecord("schema", "user_id")


def linked(customer: CustomerId, other: CustomerId, when: Occurred, key: str) -> Draft:
    """Two identifiers of one person."""
    return Draft(
        type="care.customer.linked",
        key=key,
        occurred=when,
        channel="whatsapp",
        about=customer,
        customer=customer,
        actor=ActorDraft(kind="customer", id=customer),
        references=(Reference(system="whatsapp", kind="customer", id=other),),
    )
