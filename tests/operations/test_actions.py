"""``Session.actions``: each operation that it lists succeeds, and every other one is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from acts import BOX, attempt, done, paper, read
from scene import Scene, node_id

from providers.capability import Operation
from providers.model import SessionStatus
from providers.registry import NAMES, load

Session = dict[str, Any]
Make = Callable[[Scene], Awaitable[Session]]
Recipe = Callable[[Scene, Session], Awaitable[list[str]]]
REFUSALS = {"UNSUPPORTED", "WRONG_STATE"}
WITHOUT_A_SESSION = {
    Operation.CREATE_SESSION,
    Operation.LIST_SESSIONS,
    Operation.LIST_SIGNATURES,
    Operation.ARCHIVE,
    Operation.WEBHOOKS,
    Operation.STATISTICS,
}
NEVER_SEEN = {SessionStatus.UNKNOWN}
"""Statuses that a capability names, and that no session of a sandbox comes to."""
threads = count()


# How a session comes to a status.


async def persist_completed(scene: Scene) -> Session:
    return await scene.save(f"lease {next(threads)}")


async def persist_deleted(scene: Scene) -> Session:
    return await deleted(scene, await persist_completed(scene))


async def easyink_draft(scene: Scene) -> Session:
    given = [await paper(scene, "Lease"), await paper(scene, "Map")]
    fields = [{"documentIndex": 0, "participantRef": name, **BOX} for name in ("Ada", "Grace")]
    return await scene.create("easyink", given=given, fields=fields, start=False)


async def easyink_ready(scene: Scene) -> Session:
    """Converted, but not started: that call failed."""
    draft = await easyink_draft(scene)
    await scene.fault("easyink", path="*/started", kind="status", status=400, count=1)
    assert (await attempt(scene, "startSession", session=draft["id"]))["problems"]
    return draft


async def easyink_pending(scene: Scene) -> Session:
    session: Session = (await done(scene, "startSession", session=(await easyink_draft(scene))["id"]))["session"]
    return session


async def easyink_in_progress(scene: Scene) -> Session:
    session = await easyink_pending(scene)
    await scene.sandboxes["easyink"].sign(session["key"], 0)
    return session


async def easyink_completed(scene: Scene) -> Session:
    session = await easyink_pending(scene)
    await scene.sign(session)
    return session


async def easyink_declined(scene: Scene) -> Session:
    session = await easyink_pending(scene)
    await scene.sandboxes["easyink"].decline(session["key"])
    return session


async def easyink_expired(scene: Scene) -> Session:
    session = await easyink_pending(scene)
    await scene.sandboxes["easyink"].expire(session["key"])
    return session


async def easyink_canceled(scene: Scene) -> Session:
    return await canceled(scene, await easyink_pending(scene))


async def easyink_deleted(scene: Scene) -> Session:
    return await deleted(scene, await easyink_draft(scene))


async def signicat_pending(scene: Scene) -> Session:
    return await scene.create("signicat")


async def signicat_in_progress(scene: Scene) -> Session:
    session = await signicat_pending(scene)
    await scene.sandboxes["signicat"].sign(session["participants"][0]["key"])
    return session


async def signicat_processing(scene: Scene) -> Session:
    """Everyone has signed; the package takes a month."""
    session = await signicat_pending(scene)
    sandbox: Any = scene.sandboxes["signicat"]
    usual = sandbox.packaging_delay
    sandbox.packaging_delay = 30 * 86_400
    for person in session["participants"]:
        await sandbox.sign(person["key"])
    sandbox.packaging_delay = usual
    return session


async def signicat_completed(scene: Scene) -> Session:
    session = await signicat_pending(scene)
    await scene.sign(session)
    return session


async def signicat_declined(scene: Scene) -> Session:
    session = await signicat_pending(scene)
    await scene.sandboxes["signicat"].decline(session["participants"][0]["key"])
    return session


async def signicat_expired(scene: Scene) -> Session:
    session = await signicat_pending(scene)
    for person in session["participants"]:
        await scene.sandboxes["signicat"].expire(person["key"])
    return session


async def signicat_canceled(scene: Scene) -> Session:
    return await canceled(scene, await signicat_pending(scene))


async def signicat_deleted(scene: Scene) -> Session:
    return await deleted(scene, await signicat_pending(scene))


async def seal_draft(scene: Scene) -> Session:
    return await scene.create("seal", start=False)


async def seal_timed_draft(scene: Scene) -> Session:
    return await scene.create("seal", start=False, options={"timestampProcessId": 2})


async def seal_pending(scene: Scene) -> Session:
    return await scene.create("seal")


def seal_until(status: SessionStatus, *filenames: str) -> Make:
    """A batch of these files that the machine brings to this status."""

    async def make(scene: Scene) -> Session:
        given = [await paper(scene, filename) for filename in filenames or ("lease",)]
        session = await scene.create("seal", given=given)
        sandbox: Any = scene.sandboxes["seal"]
        while (session := await read(scene, session))["status"] != status:
            await sandbox.advance(session["key"])
        return session

    return make


async def seal_deleted(scene: Scene) -> Session:
    return await deleted(scene, await seal_draft(scene))


async def canceled(scene: Scene, session: Session) -> Session:
    await done(scene, "cancelSession", session=session["id"], reason="Somebody else rents it.")
    return session


async def deleted(scene: Scene, session: Session) -> Session:
    await done(scene, "deleteSession", session=session["id"])
    return session


S = SessionStatus
MAKES: dict[str, dict[SessionStatus, tuple[Make, ...]]] = {
    "signicat": {
        S.PENDING: (signicat_pending,),
        S.IN_PROGRESS: (signicat_in_progress,),
        S.PROCESSING: (signicat_processing,),
        S.COMPLETED: (signicat_completed,),
        S.DECLINED: (signicat_declined,),
        S.EXPIRED: (signicat_expired,),
        S.CANCELED: (signicat_canceled,),
        S.DELETED: (signicat_deleted,),
    },
    "easyink": {
        S.DRAFT: (easyink_draft,),
        S.READY: (easyink_ready,),
        S.PENDING: (easyink_pending,),
        S.IN_PROGRESS: (easyink_in_progress,),
        S.COMPLETED: (easyink_completed,),
        S.DECLINED: (easyink_declined,),
        S.EXPIRED: (easyink_expired,),
        S.CANCELED: (easyink_canceled,),
        S.DELETED: (easyink_deleted,),
    },
    "seal": {
        S.DRAFT: (seal_draft, seal_timed_draft),
        S.PENDING: (seal_pending,),
        S.IN_PROGRESS: (seal_until(S.IN_PROGRESS),),
        S.PROCESSING: (seal_until(S.PROCESSING),),
        S.COMPLETED: (seal_until(S.COMPLETED),),
        S.PARTIALLY_COMPLETED: (seal_until(S.PARTIALLY_COMPLETED, "lease", "fail"),),
        S.FAILED: (seal_until(S.FAILED, "fail"),),
        S.DELETED: (seal_deleted,),
    },
    "persist": {S.COMPLETED: (persist_completed,), S.DELETED: (persist_deleted,)},
}


# What is done with it. Each gives the codes of the problems that it met.


def child(session: Session, kind: str, part: str) -> str:
    """The first of a session's parts, or one that it never had."""
    for each in session[part]:
        key: str = each["id"]
        return key
    return node_id(kind, session["provider"]["name"], session["key"], "none")


def document(session: Session) -> str:
    return child(session, "Document", "documents")


def participant(session: Session) -> str:
    return child(session, "Participant", "participants")


def field(session: Session) -> str:
    return child(session, "SignatureField", "fields")


async def tried(scene: Scene, name: str, **given: Any) -> list[str]:
    return [each["code"] for each in (await attempt(scene, name, **given))["problems"]]


def by(name: str, **more: Any) -> Recipe:
    """A mutation of the session as a whole."""

    async def recipe(scene: Scene, session: Session) -> list[str]:
        return await tried(scene, name, session=session["id"], **more)

    return recipe


def of(name: str, what: str, which: Callable[[Session], str], **more: Any) -> Recipe:
    """A mutation of one part of it."""

    async def recipe(scene: Scene, session: Session) -> list[str]:
        return await tried(scene, name, **{what: which(session)}, **more)

    return recipe


async def add_document(scene: Scene, session: Session) -> list[str]:
    return await tried(scene, "addDocument", session=session["id"], document=await paper(scene, "Another"))


async def download_document(scene: Scene, session: Session) -> list[str]:
    """Any of its documents will do."""
    codes = ["WRONG_STATE"]
    for each in session["documents"]:
        if each["download"]:
            reply = await scene.client.get(each["download"]["url"])
            if reply.status_code == 200:
                return []
            codes = [reply.json()["problem"]["code"]]
    return codes


async def save_signature(scene: Scene, session: Session) -> list[str]:
    """The next version of what is there, or the first."""
    name, versions = session["provider"]["name"], [each["version"] for each in session["signatures"]]
    given = {"provider": name, "document": session["title"] or "lease", "thread": "tenant", "content": await scene.cms()}
    return await tried(scene, "saveSignature", **given, version=versions[0] if name == "persist" and versions else None)


RECIPES: dict[Operation, Recipe] = {
    Operation.UPDATE_SESSION: by("updateSession", title="The south field"),
    Operation.START_SESSION: by("startSession"),
    Operation.CANCEL_SESSION: by("cancelSession", reason="Somebody else rents it."),
    Operation.DELETE_SESSION: by("deleteSession"),
    Operation.DUPLICATE_SESSION: by("duplicateSession"),
    Operation.RECREATE_SESSION: by("recreateSession", reason="A typing error."),
    Operation.SET_SIGNING_ORDER: by("setSigningOrder", order="SEQUENTIAL"),
    Operation.ADD_DOCUMENT: add_document,
    Operation.UPDATE_DOCUMENT: of("updateDocument", "document", document, title="The south field"),
    Operation.REMOVE_DOCUMENT: of("removeDocument", "document", document),
    Operation.DOWNLOAD_DOCUMENT: download_document,
    Operation.ADD_PARTICIPANT: by(
        "addParticipant", participant={"firstName": "Radia", "lastName": "Perlman", "email": "radia@people.example"}
    ),
    Operation.ADD_SELF: by("addSelfAsParticipant"),
    # The one participant who has not used the link yet is the last.
    Operation.UPDATE_PARTICIPANT: of(
        "updateParticipant",
        "participant",
        lambda session: participant({**session, "participants": session["participants"][::-1]}),
        email="new@people.example",
    ),
    Operation.REMOVE_PARTICIPANT: of("removeParticipant", "participant", participant),
    Operation.ADD_FIELD: of("addField", "document", document, **BOX),
    Operation.UPDATE_FIELD: of("updateField", "field", field, x=77.0),
    Operation.REMOVE_FIELD: of("removeField", "field", field),
    Operation.SAVE_SIGNATURE: save_signature,
    Operation.DELETE_SIGNATURE: of("deleteSignature", "signature", lambda session: child(session, "Signature", "signatures")),
}


async def test_every_operation_and_status_has_a_recipe() -> None:
    assert set(RECIPES) | WITHOUT_A_SESSION == set(Operation)
    assert not set(RECIPES) & WITHOUT_A_SESSION
    assert set(MAKES) == set(NAMES)
    for kind in NAMES:
        table = load(kind).capabilities.operations.values()
        named = {status for each in table if each.when and len(each.when) < len(SessionStatus) - 1 for status in each.when}
        assert named - NEVER_SEEN <= set(MAKES[kind]), kind


@pytest.mark.parametrize("kind", NAMES)
async def test_listed_actions_succeed_and_others_are_refused(
    scene: Scene, kind: str, record_property: Callable[[str, object], None]
) -> None:
    wrong: list[str] = []
    tries = {True: 0, False: 0}
    for status, makes in MAKES[kind].items():
        for make in makes:
            session = await read(scene, await make(scene))
            assert session["status"] == status, (make.__name__, session["status"])
            listed = set(session["actions"])
            for operation, recipe in RECIPES.items():
                if operation in listed:
                    continue
                tries[False] += 1
                codes = await recipe(scene, session)
                if not codes or set(codes) - REFUSALS:
                    wrong.append(f"{make.__name__}, {status}: {operation} is not listed, and came to {codes}")
            now = await read(scene, session)
            assert (now["status"], set(now["actions"])) == (status, listed), "a refusal changed something"
            for operation in sorted(listed):
                tries[True] += 1
                codes = await RECIPES[Operation(operation)](scene, await read(scene, await make(scene)))
                if codes:
                    wrong.append(f"{make.__name__}, {status}: {operation} is listed, and came to {codes}")
    record_property("figure", f"actions: {kind}, {tries[True]} listed and done, {tries[False]} not listed and refused")
    assert wrong == []
