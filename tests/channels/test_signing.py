"""What `carewatch hooks send` signs is what the provider itself would have sent."""

import pytest

from carewatch.channels.base import RawRequest, Secrets
from carewatch.channels.signing import Proof, prove
from carewatch.channels.verify import (
    Basic,
    Bearer,
    Hmac,
    StaticHeader,
    UrlToken,
    Verdict,
    Verifier,
    verify,
)
from carewatch.domain.errors import ConfigError
from support import hooks
from support.hooks import Fixture

FIXTURES = hooks.fixtures()
OF_EACH = [next(f for f in FIXTURES if f.channel == name) for name in hooks.SENDERS]


@pytest.mark.parametrize("fixture", OF_EACH, ids=lambda fixture: fixture.channel)
def test_a_signed_payload_is_genuine_now_and_proves_no_other(fixture: Fixture) -> None:
    adapter, secrets = hooks.adapter(fixture.channel), hooks.secrets(fixture.channel)
    bare = hooks.request(fixture.channel, fixture.body, {})
    proof = prove(adapter.verifiers, bare, secrets)
    sender = hooks.SENDERS[fixture.channel]

    def verdict(body: bytes, signed_by: Secrets) -> Verdict:
        request = hooks.request(fixture.channel, body, proof.headers)
        return verify(adapter.verifiers, request, signed_by, hooks.NOW)

    assert verdict(fixture.body, secrets) == Verdict.GENUINE
    assert verdict(fixture.body, Secrets(signing=(sender.other_secret,))) == Verdict.UNVERIFIED
    if sender.signs_body:
        assert verdict(fixture.body + b" ", secrets) == Verdict.UNVERIFIED


@pytest.mark.parametrize("fixture", OF_EACH, ids=lambda fixture: fixture.channel)
def test_it_signs_as_the_providers_document_says(fixture: Fixture) -> None:
    """Beside the signing code of the tests, which was written from that document."""
    proof = prove(
        hooks.adapter(fixture.channel).verifiers,
        hooks.request(fixture.channel, fixture.body, {}),
        hooks.secrets(fixture.channel),
    )
    by_document = hooks.signature(fixture.channel, fixture.body)

    assert proof.headers.keys() <= by_document.keys()
    # A delivery's id is the sender's to choose, and signed with the rest.
    if not any(name.endswith("-id") for name in proof.headers):
        assert proof.headers == {name: by_document[name] for name in proof.headers}


REQUEST = RawRequest(method="POST", url="/x", body=b"{}", received_at=hooks.NOW)


@pytest.mark.parametrize(
    ("verifier", "secrets", "expected"),
    [
        (StaticHeader("x-secret"), Secrets(signing=("s",)), Proof(headers={"x-secret": "s"})),
        (
            Basic(),
            Secrets(signing=("user:password",)),
            Proof(headers={"authorization": "Basic dXNlcjpwYXNzd29yZA=="}),
        ),
        (UrlToken(), Secrets(token="t"), Proof(query=(("token", "t"),))),
        (Bearer(), Secrets(token="t"), Proof(headers={"authorization": "Bearer t"})),
    ],
)
def test_shared_secrets_are_stated(verifier: Verifier, secrets: Secrets, expected: Proof) -> None:
    assert prove((verifier,), REQUEST, secrets) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [("s", "1767607500"), ("ms", "1767607500000"), ("iso", "2026-01-05T10:05:00Z")],
)
def test_the_time_is_written_in_the_schemes_form(form: str, expected: str) -> None:
    scheme = Hmac("x-signature", signed="{ts}{body}", ts="x-time", ts_form=form)  # type: ignore[arg-type]
    secrets = Secrets(signing=("key",))

    proof = prove((scheme,), REQUEST, secrets)

    assert proof.headers["x-time"] == expected
    signed = RawRequest(
        method="POST", url="/x", body=b"{}", headers=proof.headers, received_at=hooks.NOW
    )
    assert verify((scheme,), signed, secrets, hooks.NOW) == Verdict.GENUINE


def test_a_token_is_used_only_where_one_is_configured() -> None:
    schemes: tuple[Verifier, ...] = (UrlToken(), Bearer(), StaticHeader("x-secret"))

    assert prove(schemes, REQUEST, Secrets(signing=("s",))).headers == {"x-secret": "s"}


def test_without_any_secret_nothing_can_be_signed() -> None:
    with pytest.raises(ConfigError, match="no secret to sign with"):
        prove((StaticHeader("x-secret"),), REQUEST, Secrets())
