"""Privacy: no personal data or secret in repr, payloads and steps; and every value has the type of its field."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import orders
import pytest

from providers.model import ChangeSource, Session, SessionKind, SessionRef
from providers.saga import Steps


async def stages(subject):
    """Sessions in every stage that the provider has."""
    made = await subject.make()
    found = [made, await subject.adapter.fetch_session(made.key, made)]
    if made.kind is SessionKind.SIGNING:
        found.append(await subject.decline(await subject.make()))
    found.append(await subject.sign(made))
    return found


def values(item):
    """Every value within an object of the model."""
    if is_dataclass(item):
        for each in fields(item):
            value = getattr(item, each.name)
            yield each.name, value
            yield from values(value)
    elif isinstance(item, tuple):
        for each in item:
            yield from values(each)


async def test_every_value_has_the_type_of_its_field(subject):
    for session in await stages(subject):
        for name, value in values(session):
            if isinstance(value, datetime):
                assert value.utcoffset() == timedelta(0), name
            if name.endswith("_at"):
                assert value is None or isinstance(value, datetime), name
            if name in {"status", "role", "kind", "format", "signing_order", "source"}:
                assert isinstance(value, StrEnum), name
            if name == "session":
                assert value == SessionRef(session.provider, session.key)
            if isinstance(value, str) and name not in {"title", "reference", "description", "filename", "comment"}:
                assert value, f"{name} is empty and should be None"
        assert (session.observed_at, session.source, session.stale) == (None, ChangeSource.READ, False)
        assert hash(session) == hash(session)


async def test_keys_are_unique_within_a_session(subject):
    for session in await stages(subject):
        for part in ("documents", "participants", "signatures", "fields"):
            keys = [item.key for item in getattr(session, part)]
            assert len(set(keys)) == len(keys)
            assert all(keys)
        documents = {item.key for item in session.documents}
        participants = {item.key for item in session.participants}
        assert {item.document for item in session.fields} <= documents
        assert {item.participant for item in session.fields} <= participants | {None}
        assert {item.document for item in session.signatures} <= documents | {None}
        assert {item.participant for item in session.signatures} <= participants | {None}


async def test_repr_has_no_personal_data(subject):
    secrets = [secret.get_secret_value() for secret in subject.settings.secrets()]
    for session in await stages(subject):
        urls = [person.signing_url for person in session.participants if person.signing_url]
        shown = f"{session!r} {session}"
        assert not [word for word in (*orders.PRIVATE, *secrets, *urls) if word in shown]
    shown = f"{subject.settings!r} {subject.adapter!r} {subject.adapter.health!r} {subject.adapter.credentials!r}"
    assert not [word for word in secrets if word in shown]
    assert not [word for word in orders.PRIVATE if word in repr(subject.order())]


async def test_native_payload_is_json_without_signing_links(subject):
    for session in await stages(subject):
        payload = json.loads(session.native)
        assert payload is None or isinstance(payload, dict | list)
        urls = [person.signing_url for person in session.participants if person.signing_url]
        text = json.dumps(payload) + session.native.decode()
        assert not [url for url in urls if url in text or url.replace("/", "\\/") in text]
        secrets = [secret.get_secret_value() for secret in subject.settings.secrets()]
        assert not [word for word in secrets if word in text]


@pytest.mark.needs("LIST_SESSIONS")
async def test_each_row_of_list_has_its_native_payload(subject):
    made = [await subject.make(subject.order(people=1)) for _ in range(2)]
    rows = (await subject.adapter.list_sessions(0, 10)).sessions
    payloads = [json.loads(row.native) for row in rows]
    assert len(payloads) == len(made)
    assert all(isinstance(payload, dict) for payload in payloads)
    assert payloads[0] != payloads[1]


async def test_saga_steps_have_keys_and_no_personal_data(subject):
    steps = Steps()
    await subject.make(steps=steps)
    assert not [word for word in orders.PRIVATE if word in repr(steps.entries)]


def test_model_hides_personal_fields_from_repr():
    hidden = {"native"}
    assert {each.name for each in fields(Session) if not each.repr} == hidden
