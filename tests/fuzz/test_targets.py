"""The targets themselves: they hold on what they begin with, and can find something."""

import json
from random import Random

import pytest

from carewatch.channels.base import Account, RawRequest, Skip
from carewatch.domain.errors import InvalidRecord
from fuzz.mutate import mutated
from fuzz.targets import TARGETS, Target, Wrong, _parse, _verify
from support import hooks


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_a_target_holds_on_its_seeds_and_their_mutations(target: Target) -> None:
    random = Random(target.name)
    assert target.seeds
    for seed in target.seeds:
        target.check(seed)
        for _ in range(5):
            target.check(mutated(seed, random) or b"")


def test_every_channel_is_a_target_twice() -> None:
    wanted = {f"{kind}-{name}" for kind in ("parse", "verify") for name in hooks.SENDERS}

    assert wanted - TARGETS.keys() == set()


class Clumsy:
    """A channel that forgot something, and one that trusts everybody."""

    name = "generic"
    verifiers = ()

    def parse(self, request: RawRequest, account: Account) -> list[Skip]:
        del account
        if request.body == b"[]":
            raise InvalidRecord("schema")
        if request.body == b"{}":
            raise KeyError("entry")
        return [Skip(reason="error", path="entry[0]")]


def test_an_exception_is_a_finding_and_a_refusal_is_none() -> None:
    _parse(Clumsy(), b"[]")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        _parse(Clumsy(), b"{}")  # type: ignore[arg-type]
    with pytest.raises(Wrong, match="unforeseen exception at entry"):
        _parse(Clumsy(), b"1")  # type: ignore[arg-type]


def test_a_forged_request_that_proves_something_is_a_finding() -> None:
    """As if the fuzzer had guessed the secret."""
    body = b"{}"
    signed = hooks.signature("whatsapp", body)["x-hub-signature-256"]

    with pytest.raises(Wrong, match="nobody signed"):
        _verify(hooks.adapter("whatsapp"), signed.encode() + b"\n\n" + body)


def test_mutations_are_documents_and_differ() -> None:
    random = Random(1)
    before = {"a": {"b": [1, 2, {"c": "text"}]}, "d": None}
    found = [mutated(json.dumps(before).encode(), random) or b"" for _ in range(200)]

    same = [one for one in found if json.loads(one) == before]
    assert len(same) < 20
    assert len(set(found)) > 100


def test_what_is_no_document_is_left_to_the_fuzzer() -> None:
    assert mutated(b"\xff{", Random(1)) is None
