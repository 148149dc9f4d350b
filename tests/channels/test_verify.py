"""Verification against published vectors and hostile input."""

import hashlib
import hmac
import json

import pytest

from carewatch.channels.base import RawRequest, Secrets
from carewatch.channels.chatwoot import ADAPTER as CHATWOOT
from carewatch.channels.generic import SIGNATURE, standard_key
from carewatch.channels.meta import SIGNATURE as META
from carewatch.channels.verify import Basic, Hmac, StaticHeader, UrlToken, Verdict, verify

# The vector of the Standard Webhooks reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = 1_614_265_330_000
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def standard(headers: dict[str, str], secret: str = SECRET, body: bytes = BODY) -> Verdict:
    request = RawRequest(method="POST", url="/", headers=headers, body=body, received_at=AT)
    return verify((SIGNATURE,), request, Secrets(signing=(secret,)), AT)


def test_the_published_vector_is_genuine() -> None:
    assert standard(HEADERS) == Verdict.GENUINE


def test_a_secret_works_with_and_without_its_prefix_and_padding() -> None:
    assert standard(HEADERS, SECRET.removeprefix("whsec_")) == Verdict.GENUINE
    assert standard_key("whsec_QUI=") == standard_key("QUI") == b"AB"


def test_one_genuine_signature_among_several_is_enough() -> None:
    several = f"v1a,b3RoZXI= v1,b3RoZXI= {HEADERS['webhook-signature']}"

    assert standard(HEADERS | {"webhook-signature": several}) == Verdict.GENUINE


@pytest.mark.parametrize("version", ["v2", "v1a", "v", ""])
def test_another_version_proves_nothing(version: str) -> None:
    other = HEADERS["webhook-signature"].replace("v1", version)

    assert standard(HEADERS | {"webhook-signature": other}) == Verdict.UNVERIFIED


@pytest.mark.parametrize("junk", ["", "x", "1e9", "-1", "1614265330.0", "١٢٣", "9" * 400, " 1"])
def test_a_junk_timestamp_is_a_refusal_and_no_error(junk: str) -> None:
    assert standard(HEADERS | {"webhook-timestamp": junk}) == Verdict.UNVERIFIED


@pytest.mark.parametrize("name", list(HEADERS))
def test_every_signed_header_is_needed(name: str) -> None:
    assert standard({k: v for k, v in HEADERS.items() if k != name}) == Verdict.UNVERIFIED


def test_a_secret_that_is_no_base64_proves_nothing() -> None:
    assert standard(HEADERS, "whsec_not base64!") == Verdict.UNVERIFIED


@pytest.mark.parametrize("bit", range(0, len(BODY) * 8, 7))
def test_every_flipped_bit_of_the_body_is_noticed(bit: int) -> None:
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    assert standard(HEADERS, body=bytes(changed)) == Verdict.UNVERIFIED


def test_meta_signs_the_escaped_form_that_arrives() -> None:
    """Raw bytes verify; the same document serialised again does not."""
    arrived = b'{"text":"\\u00e4\\u00f6 \\ud83d\\udce6"}'
    digest = hmac.new(b"app", arrived, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={digest}"}
    again = json.dumps(json.loads(arrived), ensure_ascii=False).encode()

    verdicts = [
        verify(
            (META,),
            RawRequest(method="POST", url="/", headers=headers, body=body, received_at=AT),
            Secrets(signing=("app",)),
            AT,
        )
        for body in (arrived, again)
    ]

    assert verdicts == [Verdict.GENUINE, Verdict.UNVERIFIED]


def simple(headers: dict[str, str], verifier: StaticHeader | Basic | Hmac) -> Verdict:
    request = RawRequest(method="POST", url="/", headers=headers, body=b"", received_at=AT)
    return verify((verifier,), request, Secrets(signing=("user:pass", "other:pass")), AT)


def test_a_static_header_must_be_equal() -> None:
    verifier = StaticHeader("x-token")

    assert simple({"x-token": "user:pass"}, verifier) == Verdict.GENUINE
    assert simple({"x-token": "user:pas"}, verifier) == Verdict.UNVERIFIED
    assert simple({}, verifier) == Verdict.UNVERIFIED


def test_basic_authentication_takes_user_and_password() -> None:
    assert simple({"authorization": "Basic dXNlcjpwYXNz"}, Basic()) == Verdict.GENUINE
    assert simple({"authorization": "Basic dXNlcjpwYXN4"}, Basic()) == Verdict.UNVERIFIED
    assert simple({"authorization": "Bearer dXNlcjpwYXNz"}, Basic()) == Verdict.UNVERIFIED
    assert simple({"authorization": "Basic %%%"}, Basic()) == Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("configured", "stated", "expected"),
    [
        ("token", "token", Verdict.GENUINE),
        ("token", "other", Verdict.UNVERIFIED),
        ("token", None, Verdict.UNVERIFIED),
        (None, "token", Verdict.UNVERIFIED),
        (None, "", Verdict.UNVERIFIED),
        ("", "", Verdict.UNVERIFIED),
    ],
)
def test_a_url_token_works_only_where_it_is_configured(
    configured: str | None, stated: str | None, expected: Verdict
) -> None:
    query = () if stated is None else (("token", stated),)
    request = RawRequest(method="POST", url="/", query=query, body=b"{}", received_at=AT)

    assert UrlToken() in CHATWOOT.verifiers
    assert verify(CHATWOOT.verifiers, request, Secrets(token=configured), AT) == expected
