"""Drafts -> events: pseudonyms, deterministic ids, the envelope."""

from msgspec import UNSET, UnsetType

from carewatch.channels.base import Account, ChannelAdapter
from carewatch.channels.drafts import (
    AgentId,
    AssignmentDraft,
    CallDraft,
    ConversationId,
    CsatDraft,
    CustomerId,
    Draft,
    MessageDraft,
    MessageId,
    SideDraft,
    StatusDraft,
    SummaryDraft,
)
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import format_time
from carewatch.gateway.pseudonyms import Pseudonyms, event_id
from carewatch.wire import envelope as wire


def normalise(
    draft: Draft, channel: ChannelAdapter, account: Account, hide: Pseudonyms, received_at: int
) -> wire.Envelope:
    """The event of a draft. Raises InvalidRecord("no_key") when it belongs to nobody."""
    source = f"/care/{account.tenant}/{account.channel}/{account.account_ref}"
    key = _partition_key(draft, hide)
    customer_key = hide.customer(draft.customer) if draft.customer else None
    if draft.lifecycle is None:
        lifecycle = None
    else:
        lifecycle = wire.Lifecycle(
            to=draft.lifecycle.to,
            from_=draft.lifecycle.from_,
            reason=draft.lifecycle.reason,
            until=draft.lifecycle.until,
            merged_into=hide.conversation(draft.merged_into) if draft.merged_into else None,
        )
    return wire.Envelope(
        specversion=wire.SPECVERSION,
        id=event_id(source, draft.key),
        source=source,
        type=draft.type,
        time=format_time(draft.occurred.at),
        recordedtime=format_time(received_at),
        partitionkey=key,
        dataschema=wire.DATASCHEMA,
        data=wire.Data(
            tenant=account.tenant,
            channel=draft.channel,
            adapter=channel.name,
            adapter_version=channel.version,
            source_role=draft.source_role or channel.source_role,
            account_ref=draft.account_ref or account.account_ref,
            conversation_key=key,
            conversation_ref=draft.conversation_ref,
            interaction_no=draft.interaction_no,
            time_quality=draft.occurred.quality,
            time_original=draft.occurred.original,
            external_refs=tuple(
                wire.ExternalRef(system=ref.system, kind=ref.kind, key=_reference(ref.id, hide))
                for ref in draft.references
            ),
            customer_key=customer_key,
            key_id=hide.key_id,
            locale=draft.locale,
            actor=_actor(draft, customer_key, hide),
            priority=draft.priority,
            message=_message(draft.message, hide),
            choice=draft.choice,
            prompt=draft.prompt,
            status=_status(draft.status, hide),
            lifecycle=lifecycle,
            assignment=_assignment(draft.assignment, hide),
            handoff=draft.handoff,
            queue=draft.queue,
            tags=draft.tags,
            csat=_csat(draft.csat, hide),
            call=_call(draft.call, hide),
            summary=_summary(draft.summary, hide),
            annotations=draft.annotations,
            provider_seq=draft.provider_seq,
            derived=draft.derived,
        ),
    )


def _partition_key(draft: Draft, hide: Pseudonyms) -> str:
    match draft.about:
        case CustomerId():
            return f"customer:{hide.customer(draft.about)}"
        case AgentId():
            return f"agent:{hide.agent(draft.about)}"
        case None:
            pass
    if draft.conversation is None:
        raise InvalidRecord("no_key")
    return hide.conversation(draft.conversation)


def _reference(identifier: MessageId | CustomerId | ConversationId, hide: Pseudonyms) -> str:
    if isinstance(identifier, CustomerId):
        return hide.customer(identifier)
    if isinstance(identifier, ConversationId):
        return hide.conversation(identifier)
    return hide.message(identifier)


def _actor(draft: Draft, customer_key: str | None, hide: Pseudonyms) -> wire.Actor:
    actor = draft.actor
    key = None
    if actor.id is draft.customer:
        key = customer_key
    elif isinstance(actor.id, CustomerId):
        key = hide.customer(actor.id)
    elif isinstance(actor.id, AgentId):
        key = hide.agent(actor.id)
    return wire.Actor(kind=actor.kind, key=key, confidence=actor.confidence)


def _message_key(identifier: MessageId | None, hide: Pseudonyms) -> str | None:
    return hide.message(identifier) if identifier else None


def _agent_key(identifier: AgentId | None, hide: Pseudonyms) -> str | None:
    return hide.agent(identifier) if identifier else None


def _message(message: MessageDraft | None, hide: Pseudonyms) -> wire.Message | None:
    if message is None:
        return None
    return wire.Message(
        key=hide.message(message.id),
        direction=message.direction,
        kind=message.kind,
        has_text=message.has_text,
        chars=message.chars,
        lang=message.lang,
        media_count=message.media_count,
        in_reply_to=_message_key(message.in_reply_to, hide),
        is_echo=message.is_echo,
        edited_no=message.edited_no,
        automated=message.automated,
        needs_reply=message.needs_reply,
        fallback=message.fallback,
    )


def _watermark(at: int) -> str:
    try:
        return format_time(at)
    except OverflowError as error:
        # A number that is no time in milliseconds: of the year 20000, say.
        raise InvalidRecord("time") from error


def _status(status: StatusDraft | None, hide: Pseudonyms) -> wire.Status | None:
    if status is None:
        return None
    return wire.Status(
        value=status.value,
        message_key=_message_key(status.message, hide),
        up_to_time=_watermark(status.up_to) if status.up_to is not None else None,
        error_code=status.error_code,
    )


def _side(side: SideDraft, hide: Pseudonyms) -> wire.Side:
    agent: str | UnsetType | None = UNSET
    if not isinstance(side.agent, UnsetType):
        agent = _agent_key(side.agent, hide)
    return wire.Side(agent=agent, team=side.team, queue=side.queue)


def _assignment(draft: AssignmentDraft | None, hide: Pseudonyms) -> wire.Assignment | None:
    if draft is None:
        return None
    return wire.Assignment(
        to=_side(draft.to, hide) if draft.to else None,
        from_=_side(draft.from_, hide) if draft.from_ else None,
        cause=draft.cause,
    )


def _csat(csat: CsatDraft | None, hide: Pseudonyms) -> wire.Csat | None:
    """`score_norm` is the score on 0 to 1000, rounded down."""
    if csat is None:
        return None
    norm = None
    if csat.score is not None:
        if not csat.scale_min <= csat.score <= csat.scale_max:
            raise InvalidRecord("contradiction", "csat.score")
        norm = (csat.score - csat.scale_min) * 1000 // (csat.scale_max - csat.scale_min)
    return wire.Csat(
        phase=csat.phase,
        instrument=csat.instrument,
        scale_min=csat.scale_min,
        scale_max=csat.scale_max,
        score=csat.score,
        score_norm=norm,
        survey_key=_message_key(csat.survey, hide),
        has_comment=csat.has_comment,
        rated_agent=_agent_key(csat.rated_agent, hide),
    )


def _call(call: CallDraft | None, hide: Pseudonyms) -> wire.Call | None:
    if call is None:
        return None
    return wire.Call(
        call_key=hide.conversation(call.call),
        phase=call.phase,
        direction=call.direction,
        leg_key=hide.conversation(call.leg) if call.leg else None,
        disconnect_by=call.disconnect_by,
        outcome=call.outcome,
        wrapup_code=call.wrapup_code,
    )


def _summary(summary: SummaryDraft | None, hide: Pseudonyms) -> wire.Summary | None:
    if summary is None:
        return None
    return wire.Summary(
        replaces_key=hide.conversation(summary.replaces),
        precision_ms=summary.precision_ms,
        queue_ms=summary.queue_ms,
        ring_ms=summary.ring_ms,
        talk_ms=summary.talk_ms,
        hold_ms=summary.hold_ms,
        acw_ms=summary.acw_ms,
        handle_ms=summary.handle_ms,
        holds=summary.holds,
        transfers=summary.transfers,
        reopens=summary.reopens,
        first_response_ms=summary.first_response_ms,
        resolution_ms=summary.resolution_ms,
    )
