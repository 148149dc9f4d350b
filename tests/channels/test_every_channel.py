"""The contract of a channel, kept by every one in CHANNELS: adding one adds nothing here."""

import json
import os
import random
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.channels import CHANNELS
from carewatch.channels.base import Secrets, Skip
from carewatch.channels.verify import Verdict, verify
from carewatch.domain.errors import InvalidRecord
from carewatch.wire.envelope import Envelope, decode_envelope, encode_event
from support import hooks
from support.hooks import Fixture

FIXTURES = hooks.fixtures()
NAMES = [channel.name for channel in CHANNELS]
REASONS = ("ignored", "unmapped", "schema", "unknown_type", "missing_section", "time",
           "wrong_account", "error")  # fmt: skip

PERSONAL = tuple(word for sender in hooks.SENDERS.values() for word in sender.personal)
"""What identifies or quotes a person in the fixtures."""


def lines(fixture: Fixture) -> list[str]:
    """One line per item: the event as it is published, or the reason why there is none."""
    return [
        json.dumps({"skip": item.reason, "path": item.path})
        if isinstance(item, Skip)
        else encode_event(item).decode()
        for item in hooks.events(fixture.channel, fixture.body)
    ]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_a_payload_means_exactly_these_events(fixture: Fixture) -> None:
    """After a change on purpose: CAREWATCH_GOLDEN=write, then read the diff."""
    found = lines(fixture)
    if os.environ.get("CAREWATCH_GOLDEN") == "write":
        fixture.expected.write_text("".join(f"{line}\n" for line in found))

    assert fixture.expected.read_text().splitlines() == found


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_what_is_published_can_be_read_by_the_worker(fixture: Fixture) -> None:
    published = [e for e in hooks.events(fixture.channel, fixture.body) if isinstance(e, Envelope)]

    assert [decode_envelope(encode_event(event)) for event in published] == published


@pytest.mark.parametrize("name", NAMES)
def test_a_channel_has_fixtures(name: str) -> None:
    assert len([f for f in FIXTURES if f.channel == name]) >= 12


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_no_person_leaves_the_gateway(fixture: Fixture) -> None:
    text = "\n".join(lines(fixture))

    assert [word for word in PERSONAL if word in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_fixtures_do_contain_people(name: str) -> None:
    """Else the test above could not fail."""
    text = "\n".join(f.path.read_text() for f in FIXTURES if f.channel == name)
    personal = hooks.SENDERS[name].personal

    assert personal
    assert [word for word in personal if word not in text] == []


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_a_genuine_request_is_accepted(fixture: Fixture) -> None:
    verdict = verify(
        hooks.adapter(fixture.channel).verifiers,
        hooks.request(fixture.channel, fixture.body),
        hooks.secrets(fixture.channel),
        hooks.NOW,
    )

    assert verdict == Verdict.GENUINE


def forged(channel: str, body: bytes) -> dict[str, dict[str, str]]:
    """Headers that prove nothing."""
    sender = hooks.SENDERS[channel]
    genuine = hooks.signature(channel, body)
    header = sender.header
    value = genuine[header]
    flipped = "B" if value[-6] == "A" else "A"
    of_another_body = {"another body": hooks.signature(channel, body + b" ")}
    return (of_another_body if sender.signs_body else {}) | {
        "missing": {k: v for k, v in genuine.items() if k != header},
        "nothing at all": {},
        "empty": genuine | {header: ""},
        "truncated": genuine | {header: value[:-4]},
        "longer": genuine | {header: value + "00"},
        "bit flipped": genuine | {header: value[:-6] + flipped + value[-5:]},
        "without its prefix": genuine | {header: value[3:]},
        "upper case": genuine | {header: value.upper()},
        "not ASCII": genuine | {header: value[:-1] + "ä"},
        "many wrong ones": genuine | {header: " ".join(["v1,AAAA"] * 1000)},
        "another secret": hooks.signature(channel, body, secret=sender.other_secret),
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_proves_nothing_is_refused(name: str) -> None:
    fixture = next(f for f in FIXTURES if f.channel == name)
    verdicts = {
        kind: verify(
            hooks.adapter(name).verifiers,
            hooks.request(name, fixture.body, headers),
            hooks.secrets(name),
            hooks.NOW,
        )
        for kind, headers in forged(name, fixture.body).items()
    }

    assert verdicts == dict.fromkeys(verdicts, Verdict.UNVERIFIED)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_secret_nobody_is_genuine(name: str) -> None:
    fixture = next(f for f in FIXTURES if f.channel == name)
    request = hooks.request(name, fixture.body, hooks.signature(name, fixture.body, secret=""))

    for nothing in (Secrets(), Secrets(signing=("",))):
        assert verify(hooks.adapter(name).verifiers, request, nothing, hooks.NOW) == (
            Verdict.UNVERIFIED
        )


@pytest.mark.parametrize("name", NAMES)
def test_while_a_secret_is_rotated_old_and_new_are_accepted(name: str) -> None:
    fixture = next(f for f in FIXTURES if f.channel == name)
    other = hooks.SENDERS[name].other_secret
    verdicts = [
        verify(
            hooks.adapter(name).verifiers,
            hooks.request(name, fixture.body, hooks.signature(name, fixture.body, secret=used)),
            hooks.secrets(name, other, hooks.SECRETS[name]),
            hooks.NOW,
        )
        for used in (other, hooks.SECRETS[name])
    ]

    assert verdicts == [Verdict.GENUINE, Verdict.GENUINE]


@pytest.mark.parametrize("name", [n for n in NAMES if hooks.SENDERS[n].window_ms is not None])
@pytest.mark.parametrize(
    ("late_ms", "expected"),
    [
        (-1000, Verdict.GENUINE),
        (1000, Verdict.STALE),
        (86_400_000, Verdict.STALE),
    ],
)
def test_a_replay_outside_the_window_is_stale(name: str, late_ms: int, expected: Verdict) -> None:
    """`late_ms` beyond the window, before as after the time of the signature."""
    fixture = next(f for f in FIXTURES if f.channel == name)
    request = hooks.request(name, fixture.body)
    away = (hooks.SENDERS[name].window_ms or 0) + late_ms

    verdicts = [
        verify(hooks.adapter(name).verifiers, request, hooks.secrets(name), hooks.NOW + sign * away)
        for sign in (1, -1)
    ]

    assert verdicts == [expected, expected]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_the_same_body_twice_gives_the_same_ids(fixture: Fixture) -> None:
    def ids() -> list[str]:
        found = hooks.events(fixture.channel, fixture.body)
        return [event.id for event in found if isinstance(event, Envelope)]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


def with_extra_fields(node: object, keys_are_data: tuple[str, ...]) -> object:
    """The payload of a provider that has become more talkative."""
    if isinstance(node, dict):
        return {"a_new_field": {"x": [1]}} | {
            key: value if key in keys_are_data else with_extra_fields(value, keys_are_data)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [with_extra_fields(item, keys_are_data) for item in node]
    return node


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_unknown_fields_change_nothing(fixture: Fixture) -> None:
    sender = hooks.SENDERS[fixture.channel]
    talkative = fixture.written(with_extra_fields(fixture.document, sender.keys_are_data))
    headers = hooks.signature(fixture.channel, fixture.body)
    adapter = hooks.adapter(fixture.channel)

    found = list(adapter.parse(hooks.request(fixture.channel, talkative, headers), sender.account))

    assert found == hooks.parse(fixture.channel, fixture.body)


def places(node: object) -> list[tuple[object, ...]]:
    """The path of every field and item of a document."""
    found: list[tuple[object, ...]] = []
    children = (
        node.items()
        if isinstance(node, dict)
        else (enumerate(node) if isinstance(node, list) else ())
    )
    for key, child in children:
        found.append((key,))
        found += [(key, *rest) for rest in places(child)]
    return found


OTHERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8), st.lists(st.none(), max_size=2), st.dictionaries(st.text(max_size=4),
    st.none(), max_size=2),
)  # fmt: skip


@given(data=st.data(), fixture=st.sampled_from(FIXTURES))
def test_a_damaged_payload_never_raises(data: st.DataObject, fixture: Fixture) -> None:
    """Any field missing or of another type: skipped or understood, and still publishable."""
    document = deepcopy(fixture.document)
    *way, last = data.draw(st.sampled_from(places(document)))
    node: object = document
    for step in way:
        node = node[step]  # type: ignore[index]
    if data.draw(st.booleans()):
        del node[last]  # type: ignore[attr-defined]
    else:
        node[last] = data.draw(OTHERS)  # type: ignore[index]

    body = fixture.written(document)
    for item in hooks.events(fixture.channel, body):
        if isinstance(item, Skip):
            assert item.reason in REASONS
        else:
            assert decode_envelope(encode_event(item)) == item


BATCHES = [(name, sender.batch) for name, sender in hooks.SENDERS.items() if sender.batch]


@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_a_batch_split_in_parts_gives_the_same_events(name: str, batch: str) -> None:
    fixture = next(f for f in FIXTURES if f.name == f"{name}/{batch}")
    parts = [fixture.written(part) for part in hooks.SENDERS[name].parts(fixture.document)]

    def published(*bodies: bytes) -> list[Envelope]:
        found = [event for body in bodies for event in hooks.events(name, body)]
        return [event for event in found if isinstance(event, Envelope)]

    assert published(*parts) == published(fixture.body)
    assert len(published(fixture.body)) >= 2


JSON_NAMES = [name for name in NAMES if hooks.SENDERS[name].body == "json"]
FORM_NAMES = [name for name in NAMES if hooks.SENDERS[name].body == "form"]


@pytest.mark.parametrize("name", JSON_NAMES)
def test_junk_bodies_are_not_json(name: str) -> None:
    """Read once, refused whole: NaN, bombs, other encodings."""
    deep = b"[" * 40 + b"]" * 40
    wide = json.dumps({str(n): n for n in range(1001)}).encode()
    for body in (b"", b"{", b"\xff\xfe{}", b'{"a":NaN}', deep, b"[" * 100_000, wide):
        with pytest.raises(InvalidRecord) as refused:
            hooks.parse(name, body)
        assert refused.value.reason == "not_json"


@pytest.mark.parametrize("name", JSON_NAMES)
def test_json_of_another_shape_is_skipped(name: str) -> None:
    for body in (b"1", b"null", b'"x"', b"{}", b"[[]]", b'{"event":{},"object":[],"type":0}'):
        found = hooks.parse(name, body)
        assert [type(item) for item in found] == [Skip] * len(found)
        assert found or body == b"[]"


@pytest.mark.parametrize("name", FORM_NAMES)
def test_junk_bodies_are_no_forms(name: str) -> None:
    """Read once, refused whole: other encodings, bombs, no pairs at all."""
    wide = "&".join(f"a{n}=1" for n in range(1001)).encode()
    for body in (b"", b"{}", b"\xff\xfea=1", b"a=%ff", b"novalue", wide):
        with pytest.raises(InvalidRecord) as refused:
            hooks.parse(name, body)
        assert refused.value.reason == "not_form"


@pytest.mark.parametrize("name", FORM_NAMES)
def test_a_form_of_another_shape_is_skipped(name: str) -> None:
    for body in (b"a=1", b"MessageSid=", b"=", b"From=x&From=y"):
        found = hooks.parse(name, body)
        assert [type(item) for item in found] == [Skip]


def test_order_of_delivery_changes_no_id() -> None:
    bodies = [(f.channel, f.body) for f in FIXTURES]
    shuffled = random.Random(7).sample(bodies, len(bodies))

    def ids(some: list[tuple[str, bytes]]) -> set[str]:
        return {e.id for channel, body in some for e in hooks.events(channel, body)
                if isinstance(e, Envelope)}  # fmt: skip

    assert ids(shuffled) == ids(bodies)
