"""One pure module per channel: how to verify a request, how to parse it into drafts."""

from typing import Final

from carewatch.channels import (
    chatwoot,
    eventbridge,
    generic,
    instagram,
    intercom,
    messenger,
    telegram,
    twilio_events,
    twilio_sms,
    whatsapp,
    zendesk,
)
from carewatch.channels.base import ChannelAdapter

CHANNELS: Final[tuple[ChannelAdapter, ...]] = (
    generic.ADAPTER,
    chatwoot.ADAPTER,
    whatsapp.ADAPTER,
    messenger.ADAPTER,
    instagram.ADAPTER,
    telegram.ADAPTER,
    twilio_sms.ADAPTER,
    zendesk.ADAPTER,
    intercom.ADAPTER,
    eventbridge.ADAPTER,
    twilio_events.ADAPTER,
)
"""Every channel: the routes, the contract tests and the labels of the gateway follow from it."""
