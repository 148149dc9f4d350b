"""WhatsApp Cloud API: customer messages, delivery statuses, echoes of the business app, calls.

Answers sent through the API are not echoed: a `sent` status is all that arrives. With the
account's `messages_from: whatsapp` such a status becomes the outbound message itself (`derived`),
written by whoever `api_sender` says; its key is that of an echo of the same wamid, so both are one
event. Marketing and authentication templates are campaigns: automated, nobody's reply.

People are known by the business-scoped user id (BSUID) where one is sent, else by the phone
number; a message that names both links them (`care.customer.linked`), as does a change of either.
A call is a conversation of its own, with its length as a summary.
`match` of an account: `phone_number_id`.
Source: WhatsApp Cloud API reference, "Webhooks" (messages, statuses, message echoes, calls).
"""

from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels import meta
from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, each
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, get_id, get_list, get_object, need_text
from carewatch.channels.verify import Verifier
from carewatch.channels.whatsapp.values import Value

_SETTINGS: Final = (
    "account_alerts", "account_offboarded", "account_reconnected", "account_review_update",
    "account_settings_update", "account_update", "automatic_events", "business_capability_update",
    "business_status_update", "flows", "group_lifecycle_update", "group_participants_update",
    "group_settings_update", "group_status_update", "history",
    "message_template_components_update", "message_template_quality_update",
    "message_template_status_update", "partner_solutions", "payment_configuration_update",
    "phone_number_name_update", "phone_number_quality_update", "phone_number_username_update",
    "security", "smb_app_state_sync", "template_category_update",
    "template_correct_category_detection", "tracking_events", "user_preferences",
)  # fmt: skip
"""Fields about the business account itself: known, and no happening of a conversation."""


class WhatsApp:
    """`POST /hooks/whatsapp/{account}`; GET answers Meta's subscription handshake."""

    name = "whatsapp"
    source_role: Literal["channel"] = "channel"
    version = "1"
    verifiers: tuple[Verifier, ...] = (meta.SIGNATURE,)
    body_limit: int | None = meta.BODY_LIMIT
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        del account
        return meta.subscription_challenge(request, secrets)

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def change(fields: Fields, path: str) -> Iterator[Draft | Skip]:
            return _change(fields, path, account, request.received_at)

        def entry(fields: Fields, path: str) -> Iterator[Draft | Skip]:
            return meta.each_change(fields, path, change)

        return meta.each_entry(request.json(), "whatsapp_business_account", entry)


ADAPTER: Final = WhatsApp()


def _change(
    change: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    field = need_text(change, "field")
    if field in _SETTINGS:
        yield Skip(reason="ignored", path=path)
        return
    if field not in ("messages", "smb_message_echoes", "calls", "user_id_update"):
        yield Skip(reason="unmapped", path=path)
        return
    value = get_object(change, "value")
    phone_number_id = get_id(get_object(value, "metadata"), "phone_number_id")
    expected = account.match.get("phone_number_id")
    if expected is not None and phone_number_id != expected:
        yield Skip(reason="wrong_account", path=f"{path}.value.metadata")
        return

    reader = Value(value, account, received_at, business=phone_number_id or account.account_ref)
    yield from each(value.get("messages"), f"{path}.value.messages", reader.message)
    yield from each(value.get("statuses"), f"{path}.value.statuses", reader.status)
    yield from each(value.get("message_echoes"), f"{path}.value.message_echoes", reader.echo)
    yield from each(value.get("calls"), f"{path}.value.calls", reader.call)
    changed = value.get("user_id_update")
    updates = changed if isinstance(changed, list) or changed is None else [changed]
    yield from each(updates, f"{path}.value.user_id_update", reader.user_id)
    if get_list(value, "errors"):
        # Errors of the whole number (rate, billing) belong to no message.
        yield Skip(reason="ignored", path=f"{path}.value.errors")
