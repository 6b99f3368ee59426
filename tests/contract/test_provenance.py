"""Provenance: the rules agree with the translation, and cover every native field."""

from __future__ import annotations

import re

import msgspec
import pytest

from providers.capability import Operation
from providers.model import ParticipantStatus, SessionKind, SessionStatus
from providers.provenance import Rule, explain, to_json

STAGES = ("draft", "made", "signed", "declined", "by key", "row")


async def at(stage, subject):
    """A session in a stage; None where the provider has no such stage."""
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
    """The path and value of each leaf; an empty list or object is a leaf."""
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
async def test_every_native_field_has_a_rule_or_is_unmapped(subject, stage):
    session = await at(stage, subject)
    if session is None:
        return
    report = explain(session, subject.adapter.rules)
    explained, unmapped = {rule.native for rule in report.rules}, set(report.unmapped)
    values = dict(leaves(msgspec.json.decode(session.native)))
    assert not explained & unmapped
    assert {path for path, value in values.items() if value not in ([], {})} <= explained | unmapped <= set(values)
    assert len(explained) >= 3
    assert all(values[rule.native] == rule.native_value for rule in report.rules)


@pytest.mark.parametrize("stage", STAGES)
async def test_rules_agree_with_the_translated_session(subject, stage):
    session = await at(stage, subject)
    if session is None:
        return
    by_pattern = {}
    for rule in subject.adapter.rules:
        by_pattern.setdefault((rule.native, re.sub(r"\[\d*\]", "[]", rule.field)), []).append(rule)
    for explained in explain(session, subject.adapter.rules).rules:
        assert ours(session, explained.field) == explained.value, explained
        native, field = (re.sub(r"\[\d*\]", "[]", path) for path in (explained.native, explained.field))
        rules = by_pattern[native, field]
        assert explained.rule in {text for rule in rules for text in (rule.how, rule.otherwise)}
        read = [rule for rule in rules if rule.reads is None or to_json(rule.reads(explained.native_value)) == explained.value]
        assert read or any(rule.otherwise == explained.rule for rule in rules), (
            f"{explained}: the rule disagrees, and gives no reason"
        )


async def test_status_is_explained_by_its_native_word(subject):
    session = await at("made", subject)
    report = explain(session, subject.adapter.rules)
    if session.provider_status is not None:
        words = {rule.native_value for rule in report.rules if rule.field == "status"}
        assert session.provider_status in words
    assert "signingUrl" not in {rule.field for rule in report.rules if rule.value and "signingUrl" in rule.field}


async def test_rule_that_disagrees_with_the_translation_is_detected(subject):
    session = await at("made", subject)
    path, value = next((path, value) for path, value in leaves(msgspec.json.decode(session.native)) if value)
    wrong = Rule(re.sub(r"\[\d+\]", "[]", path), "status", "As it is.", lambda _: SessionStatus.UNKNOWN, "Something else.")
    (explained,) = explain(session, (wrong,)).rules[:1]
    assert (explained.native_value, explained.value, explained.rule) == (value, session.status.value, "Something else.")


async def test_explanation_has_no_signing_link(subject):
    session = await at("made", subject)
    links = {person.signing_url for person in session.participants if person.signing_url}
    report = explain(session, subject.adapter.rules)
    shown = {str(value) for rule in report.rules for value in (rule.native_value, rule.value)}
    assert not any(link in value for link in links for value in shown)
    assert all(person.status in ParticipantStatus for person in session.participants)
