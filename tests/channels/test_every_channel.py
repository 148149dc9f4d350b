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

PERSONAL = (
    "Ada", "ada@", "Bob", "bob@", "15112345678", "15199999999", "4930123456", "arcel", "ckchen",
    "wamid", "wacid", "US.13491208655302741918", "pubsub", "example.org", "chat.example",
    "visitor", "On its way",
)  # fmt: skip
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
    assert len([f for f in FIXTURES if f.channel == name]) >= 5


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_no_person_leaves_the_gateway(fixture: Fixture) -> None:
    text = "\n".join(lines(fixture))

    assert [word for word in PERSONAL if word in text] == []


def test_the_fixtures_do_contain_people() -> None:
    """Else the test above could not fail."""
    text = "\n".join(fixture.path.read_text() for fixture in FIXTURES)

    assert [word for word in PERSONAL if word not in text] == []


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
    genuine = hooks.signature(channel, body)
    header = hooks.SIGNATURE_HEADER[channel]
    value = genuine[header]
    flipped = "B" if value[-6] == "A" else "A"
    return {
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
        "another secret": hooks.signature(channel, body, secret="whsec_" + "A" * 32),
        "another body": hooks.signature(channel, body + b" "),
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
    other = "whsec_" + "B" * 32
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


@pytest.mark.parametrize("name", ["generic", "chatwoot"])
@pytest.mark.parametrize(
    ("late_s", "expected"),
    [
        (299, Verdict.GENUINE),
        (-299, Verdict.GENUINE),
        (301, Verdict.STALE),
        (-301, Verdict.STALE),
        (86_400, Verdict.STALE),
    ],
)
def test_a_replay_outside_the_window_is_stale(name: str, late_s: int, expected: Verdict) -> None:
    fixture = next(f for f in FIXTURES if f.channel == name)
    request = hooks.request(name, fixture.body)

    verdict = verify(
        hooks.adapter(name).verifiers, request, hooks.secrets(name), hooks.NOW + late_s * 1000
    )

    assert verdict == expected


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_the_same_body_twice_gives_the_same_ids(fixture: Fixture) -> None:
    def ids() -> list[str]:
        found = hooks.events(fixture.channel, fixture.body)
        return [event.id for event in found if isinstance(event, Envelope)]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


def with_extra_fields(node: object) -> object:
    """The payload of a provider that has become more talkative."""
    if isinstance(node, dict):
        return {"a_new_field": {"x": [1]}} | {k: with_extra_fields(v) for k, v in node.items()}
    if isinstance(node, list):
        return [with_extra_fields(item) for item in node]
    return node


# The keys of `changed_attributes` are themselves data.
@pytest.mark.parametrize(
    "fixture",
    [fixture for fixture in FIXTURES if b"changed_attributes" not in fixture.body],
    ids=lambda fixture: fixture.name,
)
def test_unknown_fields_change_nothing(fixture: Fixture) -> None:
    talkative = json.dumps(with_extra_fields(fixture.document)).encode()
    headers = hooks.signature(fixture.channel, fixture.body)
    adapter, account = hooks.adapter(fixture.channel), hooks.ACCOUNTS[fixture.channel]

    found = list(adapter.parse(hooks.request(fixture.channel, talkative, headers), account))

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

    body = json.dumps(document).encode()
    for item in hooks.events(fixture.channel, body):
        if isinstance(item, Skip):
            assert item.reason in REASONS
        else:
            assert decode_envelope(encode_event(item)) == item


def halves(document: object) -> list[object]:
    """A Meta batch as two bodies: entries first, then changes, then items."""
    if isinstance(document, list):
        middle = len(document) // 2
        return [document[:middle], document[middle:]]
    assert isinstance(document, dict)
    return [document | {"entry": [entry]} for entry in document["entry"]]


@pytest.mark.parametrize(
    "name",
    ["generic/cloudevents_batch_with_a_broken_one",
     "whatsapp/two_entries_two_changes_two_messages"],
)  # fmt: skip
def test_a_batch_split_in_parts_gives_the_same_events(name: str) -> None:
    fixture = next(f for f in FIXTURES if f.name == name)
    parts = [json.dumps(part).encode() for part in halves(fixture.document)]

    def published(*bodies: bytes) -> list[Envelope]:
        found = [event for body in bodies for event in hooks.events(fixture.channel, body)]
        return [event for event in found if isinstance(event, Envelope)]

    assert published(*parts) == published(fixture.body)
    assert len(published(fixture.body)) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_junk_bodies_are_not_json(name: str) -> None:
    """Read once, refused whole: NaN, bombs, other encodings."""
    deep = b"[" * 40 + b"]" * 40
    wide = json.dumps({str(n): n for n in range(1001)}).encode()
    for body in (b"", b"{", b"\xff\xfe{}", b'{"a":NaN}', deep, b"[" * 100_000, wide):
        with pytest.raises(InvalidRecord) as refused:
            hooks.parse(name, body)
        assert refused.value.reason == "not_json"


@pytest.mark.parametrize("name", NAMES)
def test_json_of_another_shape_is_skipped(name: str) -> None:
    for body in (b"1", b"null", b'"x"', b"{}", b"[[]]", b'{"event":{},"object":[],"type":0}'):
        found = hooks.parse(name, body)
        assert [type(item) for item in found] == [Skip] * len(found)
        assert found or body == b"[]"


def test_order_of_delivery_changes_no_id() -> None:
    bodies = [(f.channel, f.body) for f in FIXTURES]
    shuffled = random.Random(7).sample(bodies, len(bodies))

    def ids(some: list[tuple[str, bytes]]) -> set[str]:
        return {e.id for channel, body in some for e in hooks.events(channel, body)
                if isinstance(e, Envelope)}  # fmt: skip

    assert ids(shuffled) == ids(bodies)
