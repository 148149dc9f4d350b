"""Identifiers leave the gateway as keyed hashes only."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.channels.drafts import AgentId, ConversationId, CustomerId, MessageId
from carewatch.domain.errors import ConfigError
from carewatch.gateway.pseudonyms import Pseudonyms, event_id, pseudonyms_of
from carewatch.settings import PrivacySettings
from support import hooks

ONE = Pseudonyms(customer_key=b"k1", agent_key=b"k2", scope="chatwoot/a", key_id="1")
OTHER_ACCOUNT = Pseudonyms(customer_key=b"k1", agent_key=b"k2", scope="chatwoot/b", key_id="1")
OTHER_KEY = Pseudonyms(customer_key=b"k3", agent_key=b"k4", scope="chatwoot/a", key_id="1")


def test_each_kind_has_its_prefix_and_length() -> None:
    found = [
        ONE.conversation(ConversationId("f", "1")),
        ONE.customer(CustomerId("f", "1")),
        ONE.agent(AgentId("f", "1")),
        ONE.message(MessageId("f", "1")),
    ]

    assert [re.sub("[a-z2-7]{26}$", "", text) for text in found] == ["c_", "u_", "a_", "m_"]
    assert len({text[2:] for text in found}) == 4


def test_a_key_decides_and_nothing_but_the_key() -> None:
    person = CustomerId("f", "4915112345678")

    assert ONE.customer(person) == ONE.customer(CustomerId("f", "4915112345678"))
    assert ONE.customer(person) != OTHER_KEY.customer(person)


def test_an_identifier_belongs_to_its_account_unless_it_is_shared() -> None:
    own, shared = CustomerId("f", "1"), CustomerId("f", "1", shared=True)

    assert ONE.customer(own) != OTHER_ACCOUNT.customer(own)
    assert ONE.customer(shared) == OTHER_ACCOUNT.customer(shared)


@given(a=st.tuples(st.text(min_size=1), st.text(min_size=1)),
       b=st.tuples(st.text(min_size=1), st.text(min_size=1)))  # fmt: skip
def test_different_identifiers_never_meet(a: tuple[str, str], b: tuple[str, str]) -> None:
    same = ONE.customer(CustomerId(*a)) == ONE.customer(CustomerId(*b))

    assert same == (a == b) or "\x00" in "".join((*a, *b))


def test_an_identifier_does_not_show_itself() -> None:
    assert "49151" not in repr(CustomerId("f", "49151"))


def test_an_event_keeps_its_id_for_ever() -> None:
    """A new derivation would count every retry across an upgrade twice."""
    assert event_id("/care/acme/generic/web-1", "|msg_1") == "57zjojw3xqssdebxxnh6kincbr"


def test_a_tenant_without_keys_is_a_mistake_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"privacy\.customer_keys\.globex is not set.*24 random"):
        pseudonyms_of(hooks.PRIVACY, "globex", "generic", "web-1")
    with pytest.raises(ConfigError, match=r"privacy\.agent_keys\.acme is not set"):
        pseudonyms_of(
            PrivacySettings(customer_keys=hooks.PRIVACY.customer_keys), "acme", "generic", "web-1"
        )
