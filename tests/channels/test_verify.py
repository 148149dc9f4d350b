"""Verification against published vectors and hostile input."""

import hashlib
import hmac
import json

import pytest

from carewatch.channels.base import RawRequest, Secrets
from carewatch.channels.chatwoot import ADAPTER as CHATWOOT
from carewatch.channels.generic import ADAPTER as GENERIC
from carewatch.channels.generic import SIGNATURE, standard_key
from carewatch.channels.meta import SIGNATURE as META
from carewatch.channels.twilio import SIGNATURE as TWILIO
from carewatch.channels.verify import (
    Basic,
    Bearer,
    Hmac,
    StaticHeader,
    UrlToken,
    Verdict,
    verify,
)

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


@pytest.mark.parametrize(
    ("configured", "stated", "expected"),
    [
        ("token", "Bearer token", Verdict.GENUINE),
        ("token", "bearer token", Verdict.GENUINE),
        ("token", "Bearer other", Verdict.UNVERIFIED),
        ("token", "Bearer token ", Verdict.UNVERIFIED),
        ("token", "Basic token", Verdict.UNVERIFIED),
        ("token", "Bearer", Verdict.UNVERIFIED),
        ("token", None, Verdict.UNVERIFIED),
        (None, "Bearer token", Verdict.UNVERIFIED),
        (None, "Bearer ", Verdict.UNVERIFIED),
        ("", "Bearer ", Verdict.UNVERIFIED),
    ],
)
def test_a_bearer_token_works_only_where_it_is_configured(
    configured: str | None, stated: str | None, expected: Verdict
) -> None:
    headers = {} if stated is None else {"authorization": stated}
    request = RawRequest(method="POST", url="/", headers=headers, body=b"{}", received_at=AT)

    assert Bearer() in GENERIC.verifiers
    assert verify(GENERIC.verifiers, request, Secrets(token=configured), AT) == expected


def test_a_signing_secret_is_no_bearer_token() -> None:
    """Whoever signs keeps the secret to itself; stated in a header it must prove nothing."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {"authorization": f"Bearer {secret}"}
    request = RawRequest(method="POST", url="/", headers=headers, body=b"{}", received_at=AT)

    assert verify(GENERIC.verifiers, request, Secrets(signing=(secret,)), AT) == Verdict.UNVERIFIED


# The vectors of Twilio's own libraries.
TWILIO_TOKEN = "12345"
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = (
    b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212"
    b"&Caller=%2B14158675309"
)
TWILIO_REPEATED = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"
TWILIO_JSON = b'{"property": "value", "boolean": true}'
TWILIO_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def twilio(signature: str, url: str = TWILIO_URL, body: bytes = TWILIO_FORM) -> Verdict:
    request = RawRequest(
        method="POST",
        url="/",
        public_url=url,
        headers={"x-twilio-signature": signature},
        body=body,
        received_at=AT,
    )
    return verify((TWILIO,), request, Secrets(signing=(TWILIO_TOKEN,)), AT)


def test_twilio_signs_the_address_and_the_fields_sorted_by_name() -> None:
    assert twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8=") == Verdict.GENUINE
    assert twilio("IK+Dwps556ElfBT0I3Rgjkr1wJU=", body=TWILIO_REPEATED) == Verdict.GENUINE


@pytest.mark.parametrize(
    ("configured", "signature"),
    [
        ("https://mycompany.com:1234", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com", "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_twilio_signs_some_addresses_with_their_port_and_some_without(
    configured: str, signature: str
) -> None:
    url = TWILIO_URL.replace("https://mycompany.com", configured)

    assert twilio(signature, url) == Verdict.GENUINE
    assert twilio(signature, url.replace("my", "your")) == Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("body", "expected"),
    [(TWILIO_JSON, Verdict.GENUINE), (TWILIO_JSON + b" ", Verdict.UNVERIFIED)],
)
def test_twilio_signs_the_hash_of_a_body_that_is_no_form(body: bytes, expected: Verdict) -> None:
    url = f"{TWILIO_URL}&bodySHA256={TWILIO_HASH}"

    assert twilio("a9nBmqA0ju/hNViExpshrM61xv4=", url, body) == expected


@pytest.mark.parametrize(
    "body", [TWILIO_FORM + b"&Extra=1", TWILIO_FORM[:-1], TWILIO_JSON, b"", b"\xff=1"]
)
def test_twilio_knows_another_body_by_its_signature(body: bytes) -> None:
    assert twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8=", body=body) == Verdict.UNVERIFIED
