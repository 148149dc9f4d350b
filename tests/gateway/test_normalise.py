"""What a channel can hand over and no event can hold."""

import pytest

from carewatch.channels.drafts import (
    ActorDraft,
    ConversationId,
    Draft,
    Occurred,
    StatusDraft,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.gateway.normalise import normalise
from support import hooks


@pytest.mark.parametrize("up_to", [579_498_286_720_126, -(10**17), 10**18])
def test_a_watermark_outside_all_time_costs_its_item_alone(up_to: int) -> None:
    """Found by fuzzing: an identifier where Messenger writes milliseconds."""
    draft = Draft(
        type="care.message.status",
        key="read:1",
        occurred=Occurred(at=hooks.NOW, quality="ms"),
        channel="messenger",
        actor=ActorDraft(kind="customer"),
        conversation=ConversationId("messenger", "1:2"),
        status=StatusDraft(value="read", up_to=up_to),
    )

    with pytest.raises(InvalidRecord) as refused:
        normalise(
            draft,
            hooks.adapter("messenger"),
            hooks.ACCOUNTS["messenger"],
            hooks.hide("messenger"),
            hooks.NOW,
        )
    assert refused.value.reason == "time"
