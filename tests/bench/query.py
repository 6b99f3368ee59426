"""The three queries that gateways are compared by, and what their answers have to agree on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.recording import Recording

_ONE = "key kind title reference status final providerStatus dueAt signingOrder progress { required signed pending }"
_MANY = (
    "key kind title reference status final providerStatus dueAt signingOrder documents { key role status }"
    " participants { key role status providerStatus language signingUrlExpiresAt }"
)
_BOTH = "key kind title status final providerStatus documents { key role status } participants { key role status }"
_NOW = ', maxAge: "PT0S"'
_WORDS = {
    "q1": f"query Q1($id: ID!) {{ session(id: $id%s) {{ {_ONE} }} }}",
    "q2": f'query Q2 {{ sessions(first: 50, filter: {{providers: ["signicat"]}}%s) {{ nodes {{ {_MANY} }} }} }}',
    "q3": f"query Q3($a: ID!, $b: ID!) {{ a: session(id: $a%s) {{ {_BOTH} }} b: session(id: $b%s) {{ {_BOTH} }} }}",
}
_NATIVE = "id title externalReference dueDate lifecycle { state stateIsFinal }"
_NATIVE_USES = "documents { documentId action }"
_NATIVE_VIEW = "signingSessionId subject status documents { documentId } participants { participantId role status }"
_NATIVE_WORDS = {
    "q1": f"query Q1($id: String!) {{ signingSession(id: $id) {{ {_NATIVE} }} }}",
    "q2": 'query Q2 { signingSessions(offset: 0, limit: 50, sort: "-createdAt") { data {'
    f" {_NATIVE} signatureUrlExpiresAt ui {{ language }} {_NATIVE_USES} }} }} }}",
    "q3": f"query Q3($a: String!, $b: String!) {{ a: signingSession(id: $a) {{ {_NATIVE} {_NATIVE_USES} }}"
    f" b: easyInkSession(id: $b) {{ {_NATIVE_VIEW} }} }}",
}
NAMES = {
    "q1": "one session, 12 fields",
    "q2": "50 sessions with documents and participants",
    "q3": "two providers in one query",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a gateway is asked: the words of each query, and how a session is named in them.

    One that speaks the providers' own words has its answers translated before they are compared.
    """

    words: Mapping[str, str]
    native: bool = False

    def bodies(self, query: str, recording: Recording) -> Sequence[str]:
        """A request for each session that there is; they are asked for in turn, so that few ask for the same at once."""
        name = (lambda provider, key: key) if self.native else node_id
        pairs = zip(recording.signicat, recording.easyink, strict=True)
        match query:
            case "q1":
                asked = [{"id": name("signicat", key)} for key in recording.signicat]
            case "q3":
                asked = [{"a": name("signicat", one), "b": name("easyink", other)} for one, other in pairs]
            case _:
                asked = [{}]
        return [json.dumps({"query": self.words[query], "variables": variables}) for variables in asked]

    def read(self, data: dict[str, Any]) -> dict[str, Any]:
        """The data of an answer, in our words."""
        if not self.native:
            return data
        if "signingSession" in data:
            return {"session": _from_signicat(data["signingSession"])}
        if "signingSessions" in data:
            return {"sessions": {"nodes": [_from_signicat(each) for each in data["signingSessions"]["data"]]}}
        return {"a": _from_signicat(data["a"]), "b": _from_easyink(data["b"])}


LIVE = Dialect({name: words.replace("%s", _NOW) for name, words in _WORDS.items()})
SERVED = Dialect({name: words.replace("%s", "") for name, words in _WORDS.items()})
NATIVE = Dialect(_NATIVE_WORDS, native=True)


def node_id(provider: str, key: str) -> str:
    """The id that this gateway gives a session."""
    return (
        base64.urlsafe_b64encode(json.dumps(["Session", provider, key], separators=(",", ":")).encode()).rstrip(b"=").decode()
    )


def difference(ours: Any, theirs: Any, path: str = "data") -> str | None:
    """Where two answers do not agree on a field of ours, if they do not."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        pairs = [(key, value, theirs.get(key)) for key, value in ours.items()]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(str(place), one, other) for place, (one, other) in enumerate(zip(ours, theirs, strict=True))]
    else:
        return None if ours == theirs else f"{path}: {ours!r} is {theirs!r} there"
    return next((found for key, one, other in pairs if (found := difference(one, other, f"{path}.{key}"))), None)


def _from_signicat(wire: dict[str, Any]) -> dict[str, Any]:
    """What the recorded sessions are: all of them wait for their one signer."""
    word = wire["lifecycle"]["state"]
    assert word == "READY", word
    person = {
        "key": wire["id"],
        "role": "SIGNER",
        "status": "INVITED",
        "providerStatus": word,
        "language": (wire.get("ui") or {}).get("language"),
        "signingUrlExpiresAt": wire.get("signatureUrlExpiresAt"),
    }
    roles = {"SIGN": "TO_SIGN", "VIEW": "ATTACHMENT"}
    return {
        "key": wire["id"],
        "kind": "SIGNING",
        "title": wire["title"],
        "reference": wire["externalReference"],
        "status": "PENDING",
        "final": wire["lifecycle"]["stateIsFinal"],
        "providerStatus": word,
        "dueAt": wire["dueDate"],
        "signingOrder": "PARALLEL",
        "progress": {"required": 1, "signed": 0, "pending": 1},
        "documents": [
            {"key": use["documentId"], "role": roles[use["action"]], "status": "READY"} for use in wire.get("documents", ())
        ],
        "participants": [person],
    }


def _from_easyink(view: dict[str, Any]) -> dict[str, Any]:
    assert view["status"] == "Pending", view["status"]
    return {
        "key": view["signingSessionId"],
        "kind": "SIGNING",
        "title": view["subject"],
        "status": "PENDING",
        "final": False,
        "providerStatus": view["status"],
        "documents": [{"key": each["documentId"], "role": "TO_SIGN", "status": "READY"} for each in view["documents"]],
        "participants": [
            {"key": each["participantId"], "role": each["role"].upper(), "status": "INVITED"} for each in view["participants"]
        ],
    }
