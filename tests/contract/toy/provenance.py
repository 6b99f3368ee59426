"""Provenance: rules that tell which field of a Toy session each field of a session comes from."""

from __future__ import annotations

from providers.model import ParticipantStatus, SessionStatus
from providers.provenance import Rule, lookup, non_empty
from providers.toy.wire import PARTICIPANT_STATUS, STATUS

RULES = (
    Rule("id", "key", "As it is.", non_empty),
    Rule("title", "title", "As it is.", non_empty),
    Rule("reference", "reference", "As it is.", non_empty),
    Rule("state", "status", "By Toy's table.", lookup(STATUS, SessionStatus.UNKNOWN)),
    Rule("state", "providerStatus", "As it is.", non_empty),
    Rule("in_turn", "signingOrder", "SEQUENTIAL where people sign in turn."),
    Rule("made", "createdAt", "As it is."),
    Rule("people[].id", "participants[].key", "As it is.", non_empty, key=lambda item, value: value),
    Rule(
        "people[].state",
        "participants[].status",
        "By Toy's table.",
        lookup(PARTICIPANT_STATUS, ParticipantStatus.UNKNOWN),
        key=lambda item, value: item["id"],
    ),
)
