"""The mapping that is explained is the one that was used, and it leaves nothing of a payload unsaid."""

from __future__ import annotations

import re

import msgspec
import pytest

from providers.capability import Operation
from providers.model import ParticipantStatus, SessionKind, SessionStatus
from providers.provenance import Rule, explain, to_json

STAGES = ("draft", "made", "signed", "declined", "by key", "row")


async def at(stage, subject):
    """A session as far as the stage says, or None where the provider's never are."""
    signs = subject.can.session_kind is SessionKind.SIGNING
    if stage in {"draft", "by key"} and subject.can.session_kind is not SessionKind.RECORD:
        made = await subject.make(subject.draft() if stage == "draft" else subject.order(people=1))
        return await subject.adapter.fetch_session(made.key, made if stage == "draft" else None)
    made = await subject.make()
    if stage == "declined":
        return await subject.decline(made) if signs else None
    if stage == "row":
        lists = subject.can.operations[Operation.LIST_SESSIONS].support != "UNSUPPORTED"
        return (await subject.adapter.list_sessions(0, 5)).sessions[0] if lists else None
    return await subject.sign(made) if stage == "signed" else await subject.adapter.fetch_session(made.key, made)


def leaves(native, path=""):
    """Where each value is; of a list or an object that is empty, where it is itself."""
    if isinstance(native, dict) and native:
        for name, value in native.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(native, list) and native:
        for place, value in enumerate(native):
            yield from leaves(value, f"{path}[{place}]")
    else:
        yield path, native


def ours(session, path):
    """The value at a path of the model, as JSON."""
    value = session
    for name, place in re.findall(r"(\w+)|\[(\d+)\]", path):
        value = value[int(place)] if place else getattr(value, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    return to_json(value)


@pytest.mark.parametrize("stage", STAGES)
async def test_every_native_field_is_in_a_rule_or_named_as_unmapped(subject, stage):
    session = await at(stage, subject)
    if session is None:
        return
    report = explain(session, subject.adapter.rules)
    told, unmapped = {rule.native for rule in report.rules}, set(report.unmapped)
    values = dict(leaves(msgspec.json.decode(session.native)))
    assert not told & unmapped
    assert {path for path, value in values.items() if value not in ([], {})} <= told | unmapped <= set(values)
    assert len(told) >= 3
    assert all(values[rule.native] == rule.native_value for rule in report.rules)


@pytest.mark.parametrize("stage", STAGES)
async def test_what_a_rule_says_is_what_the_session_has(subject, stage):
    session = await at(stage, subject)
    if session is None:
        return
    by_pattern = {}
    for rule in subject.adapter.rules:
        by_pattern.setdefault((rule.native, re.sub(r"\[\d*\]", "[]", rule.field)), []).append(rule)
    for told in explain(session, subject.adapter.rules).rules:
        assert ours(session, told.field) == told.value, told
        native, field = (re.sub(r"\[\d*\]", "[]", path) for path in (told.native, told.field))
        rules = by_pattern[native, field]
        assert told.rule in {text for rule in rules for text in (rule.how, rule.otherwise)}
        read = [rule for rule in rules if rule.reads is None or to_json(rule.reads(told.native_value)) == told.value]
        assert read or any(rule.otherwise == told.rule for rule in rules), f"{told}: it was not read so, and nothing says why"


async def test_a_status_is_explained_by_the_word_behind_it(subject):
    session = await at("made", subject)
    report = explain(session, subject.adapter.rules)
    if session.provider_status is not None:
        words = {rule.native_value for rule in report.rules if rule.field == "status"}
        assert session.provider_status in words
    assert "signingUrl" not in {rule.field for rule in report.rules if rule.value and "signingUrl" in rule.field}


async def test_a_rule_that_tells_something_else_than_was_read_is_found_out(subject):
    session = await at("made", subject)
    path, value = next((path, value) for path, value in leaves(msgspec.json.decode(session.native)) if value)
    wrong = Rule(re.sub(r"\[\d+\]", "[]", path), "status", "As it is.", lambda _: SessionStatus.UNKNOWN, "Something else.")
    (told,) = explain(session, (wrong,)).rules[:1]
    assert (told.native_value, told.value, told.rule) == (value, session.status.value, "Something else.")


async def test_signing_links_are_in_no_explanation(subject):
    session = await at("made", subject)
    links = {person.signing_url for person in session.participants if person.signing_url}
    report = explain(session, subject.adapter.rules)
    shown = {str(value) for rule in report.rules for value in (rule.native_value, rule.value)}
    assert not any(link in value for link in links for value in shown)
    assert all(person.status in ParticipantStatus for person in session.participants)
