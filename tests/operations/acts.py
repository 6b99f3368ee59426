"""Actions of a client, each in one call."""

from __future__ import annotations

from typing import Any

from scene import PROBLEMS, SESSION, Scene, pdf

WHOLE = f"session {{ {SESSION} actions }}"
BOX = {"page": 1, "x": 40.0, "y": 40.0, "width": 120.0, "height": 30.0}
MUTATIONS = {
    "createSession": ("CreateSessionInput", WHOLE),
    "updateSession": ("UpdateSessionInput", WHOLE),
    "startSession": ("SessionActionInput", WHOLE),
    "cancelSession": ("CancelSessionInput", WHOLE),
    "deleteSession": ("SessionActionInput", "deletedIds"),
    "duplicateSession": ("DuplicateSessionInput", WHOLE),
    "recreateSession": ("RecreateSessionInput", WHOLE),
    "setSigningOrder": ("SetSigningOrderInput", WHOLE),
    "addDocument": ("AddDocumentInput", f"document {{ id key title }} {WHOLE}"),
    "updateDocument": ("UpdateDocumentInput", f"document {{ id key title description }} {WHOLE}"),
    "removeDocument": ("RemoveDocumentInput", "deletedIds"),
    "addParticipant": ("AddParticipantInput", f"participant {{ id key email }} {WHOLE}"),
    "addSelfAsParticipant": ("SessionActionInput", f"participant {{ id key role }} {WHOLE}"),
    "updateParticipant": ("UpdateParticipantInput", f"participant {{ id key email }} {WHOLE}"),
    "removeParticipant": ("RemoveParticipantInput", "deletedIds"),
    "addField": ("AddFieldInput", f"field {{ id key page x }} {WHOLE}"),
    "updateField": ("UpdateFieldInput", f"field {{ id key page x required }} {WHOLE}"),
    "removeField": ("RemoveFieldInput", "deletedIds"),
    "saveSignature": ("SaveSignatureInput", "signature { id key version session { id key } }"),
    "deleteSignature": ("DeleteSignatureInput", "deletedIds"),
}
READ = f'query Q($id: ID!) {{ session(id: $id, maxAge: "PT0S") {{ {SESSION} actions }} }}'


async def attempt(scene: Scene, name: str, **given: Any) -> dict[str, Any]:
    """The payload of a mutation, whatever came of it."""
    kind, selection = MUTATIONS[name]
    query = f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {selection} {PROBLEMS} }} }}"
    payload: dict[str, Any] = (await scene.data(query, input=given))[name]
    return payload


async def done(scene: Scene, name: str, **given: Any) -> dict[str, Any]:
    """The payload of a mutation that has no problems."""
    payload = await attempt(scene, name, **given)
    assert payload["problems"] == [], (name, payload["problems"])
    return payload


async def read(scene: Scene, session: dict[str, Any]) -> dict[str, Any]:
    """A session as it is now at its provider."""
    found: dict[str, Any] = (await scene.data(READ, id=session["id"]))["session"]
    return found


async def paper(scene: Scene, title: str, **more: Any) -> dict[str, Any]:
    """A document to be sent, freshly uploaded."""
    return {"upload": await scene.upload(pdf(title), f"{title}.pdf"), "title": title} | more


def role(session: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The documents of a session that have this role."""
    return [each for each in session["documents"] if each["role"] == name]
