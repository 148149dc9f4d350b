"""Who a WhatsApp customer is, under which identifiers, and that they are one person.

The business-scoped user id (BSUID), or the one of the parent company, is preferred to the phone
number, which may be hidden (then it is missing or empty) and may change.
"""

import re
from collections.abc import Iterator
from typing import Final

from carewatch.channels.base import Skip
from carewatch.channels.drafts import ActorDraft, CustomerId, Draft, Occurred, Reference
from carewatch.channels.fields import Fields, get_id, get_object, get_text, need_id
from carewatch.domain.errors import InvalidRecord

_CHANGED: Final = ("customer_changed_number", "user_changed_number", "user_changed_user_id")
_FROM_USER_ID: Final = re.compile(r" changed from ([A-Z]{2}\.\S+) to \S+$")
"""Where a changed user id is told in words only; a name or number never has this form."""


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
