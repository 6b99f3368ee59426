"""What GraphiQL opens with can be run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from race import Race

import gateway
from gateway.auth.api_key import digest

PAGE = Path(gateway.__file__).parent / "graphiql" / "page.js"
EXAMPLES = re.findall(r"const \w+ = `(# .*?)`;", PAGE.read_text("utf-8"), re.S)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_saved_queries_are_answered(race: Race) -> None:
    one = await race.start("one")
    session = await one.create("easyink")
    asked = [each for each in EXAMPLES if "subscription" not in each]
    assert len(asked) == 6
    for each in asked:
        answer = await one.data(each, **({"id": session["id"]} if "$id" in each else {}))
        assert all(answer.values())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_session_is_explained_to_those_alone_who_may_see_its_payload(race: Race) -> None:
    keys = {
        "payload": ["native:read"],
        "sessions": ["sessions:read"],
        "both": ["native:read", "sessions:write", "documents:read", "sessions:sign"],
    }
    digests = [{"name": name, "sha256": digest(f"csk_{name}"), "scopes": scopes} for name, scopes in keys.items()]
    one = await race.start("one", authentication={"keys": digests})
    one.client.headers["authorization"] = "Bearer csk_both"
    session = (await one.done("createSession", **await one.order("seal")))["session"]
    text = "query Q($id: ID!) { explainSession(id: $id) { session { id } unmapped rules { native value } } }"
    assert (await one.data(text, id=session["id"]))["explainSession"]["session"]["id"] == session["id"]
    for who in ("payload", "sessions"):
        one.client.headers["authorization"] = f"Bearer csk_{who}"
        answer = await one.ask(text, id=session["id"])
        assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == (None, "FORBIDDEN")
