"""A publication on the wire: equal rules are equal bytes, and a wrong hash is noticed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.rulebook import Channels, Document, QueueRules, Tenant
from carewatch.wire.rulebooks import (
    decode_document,
    decode_publication,
    encode_document,
    encode_publication,
    hash_document,
)

names = st.text(st.characters(codec="utf-8"), max_size=8)
tenants = st.dictionaries(
    names,
    st.builds(
        Tenant,
        timezone=names,
        queues=st.dictionaries(names, st.builds(QueueRules, schedule=st.none() | names)),
    ),
    max_size=4,
)
documents = st.builds(
    Document,
    tenants=tenants,
    channels=st.builds(Channels, accounts=st.dictionaries(names, names)),
)


@given(documents)
def test_a_document_survives_the_way_there_and_back(document: Document) -> None:
    assert decode_document(encode_document(document)) == document


@given(tenants)
def test_the_order_in_which_keys_were_written_does_not_matter(written: dict[str, Tenant]) -> None:
    reversed_keys = dict(reversed(written.items()))

    assert encode_document(Document(tenants=reversed_keys)) == encode_document(
        Document(tenants=written)
    )


def test_a_default_written_out_is_the_same_rulebook() -> None:
    assert encode_document(Document(tenants={"a": Tenant(timezone="UTC")})) == encode_document(
        Document(tenants={"a": Tenant()})
    )


def test_the_hash_of_a_known_document_never_changes() -> None:
    canonical = encode_document(Document(channels=Channels(accounts={"web-1": "email"})))

    assert canonical == b'{"channels":{"accounts":{"web-1":"email"}}}'
    assert hash_document(canonical) == "sha256:3cf939bf115d8ca637d7319d82535353"


@given(documents, st.integers(1, 10**9))
def test_a_publication_carries_the_document_untouched(document: Document, number: int) -> None:
    canonical = encode_document(document)

    published = decode_publication(
        encode_publication(number=number, canonical=canonical, effective_at=6000, recorded_at=1)
    )

    assert bytes(published.data.document) == canonical
    assert published.data.number == number
    assert published.data.effective_at == "1970-01-01T00:00:06.000Z"
    assert published.recordedtime == "1970-01-01T00:00:00.001Z"


def test_a_document_that_does_not_fit_its_hash_is_refused() -> None:
    value = encode_publication(number=1, canonical=b"{}", effective_at=0, recorded_at=0)

    with pytest.raises(InvalidRecord, match="hash of a rulebook"):
        decode_publication(value.replace(b'"document":{}', b'"document":{"tenants":{}}'))


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b"\xff"])
def test_what_is_no_publication_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRecord, match="control record of a rulebook"):
        decode_publication(value)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="document of a rulebook"):
        decode_document(msgspec.Raw(b'{"policys":[]}'))
