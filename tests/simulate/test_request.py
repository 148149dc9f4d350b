"""Each delivery is signed as its provider would sign it."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.request import (
    Door,
    Fault,
    Request,
    chatwoot_headers,
    meta_headers,
    standard_webhooks_headers,
)

NOW = 1_767_607_200_500
BODY = '{"text":"Größe 🙂"}'.encode()


def request_to(door: Door, fault: Fault | None = None) -> Request:
    return Request(at_ms=NOW, door=door, body=BODY, delivery="d-1", fault=fault)


def test_standard_webhooks_signature_is_that_of_the_published_example() -> None:
    headers = standard_webhooks_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_chatwoot_signs_the_time_and_the_raw_body() -> None:
    headers = chatwoot_headers("secret", "d-1", 1_767_607_200, BODY)

    expected = hmac.new(b"secret", b"1767607200." + BODY, hashlib.sha256).hexdigest()
    assert headers == {
        "X-Chatwoot-Delivery": "d-1",
        "X-Chatwoot-Timestamp": "1767607200",
        "X-Chatwoot-Signature": f"sha256={expected}",
    }


def test_meta_signs_the_raw_body_alone() -> None:
    headers = meta_headers("secret", BODY)

    expected = hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()
    assert headers == {"X-Hub-Signature-256": f"sha256={expected}"}


@pytest.mark.parametrize("door", SAMPLE_DOORS, ids=lambda door: door.adapter)
def test_a_forged_signature_has_the_right_form_and_the_wrong_value(door: Door) -> None:
    honest = request_to(door).headers(NOW)
    forged = request_to(door, Fault.FORGED).headers(NOW)

    assert {name: len(value) for name, value in forged.items()} == {
        name: len(value) for name, value in honest.items()
    }
    assert forged != honest


@pytest.mark.parametrize("door", SAMPLE_DOORS, ids=lambda door: door.adapter)
def test_an_unsigned_delivery_says_only_what_it_carries(door: Door) -> None:
    assert request_to(door, Fault.UNSIGNED).headers(NOW) == {"Content-Type": "application/json"}


def test_a_stale_delivery_is_signed_an_hour_ago() -> None:
    (door,) = (door for door in SAMPLE_DOORS if door.adapter == "generic")

    headers = request_to(door, Fault.STALE).headers(NOW)

    assert headers["webhook-timestamp"] == str(NOW // 1000 - 3600)


def test_a_retry_keeps_its_id_and_is_signed_afresh() -> None:
    (door,) = (door for door in SAMPLE_DOORS if door.adapter == "generic")
    request = request_to(door)

    first, second = request.headers(NOW), request.headers(NOW + 9000)

    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


def test_the_path_names_channel_and_account() -> None:
    door = replace(SAMPLE_DOORS[0], account="web-7")

    assert door.path == "/hooks/generic/web-7"
