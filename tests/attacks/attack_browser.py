"""Attacks that borrow somebody's browser: pages of elsewhere that ask, frame, or are stored here to be shown to others."""

from __future__ import annotations

from attack import EVIL, Reply, Target, attack, unless

_PREFLIGHT = {"origin": EVIL, "access-control-request-headers": "authorization, content-type"}
_DOORS = (("PUT", "/uploads"), ("GET", "/graphiql"), ("OPTIONS", "/uploads"))


def _readable(reply: Reply, origin: str = EVIL) -> bool:
    """Whether a browser lets a page of this origin read an answer."""
    return reply.headers.get("access-control-allow-origin") in {origin, "*"}


@attack()
async def a_page_of_elsewhere_that_reads_an_answer(target: Target) -> None:
    reply = await target.graphql("{viewer{id}}", origin=EVIL)
    unless(not _readable(reply), "a page of elsewhere reads what its visitor may see")


@attack()
async def a_page_without_an_origin_that_reads_an_answer(target: Target) -> None:
    unless(not _readable(await target.graphql("{viewer{id}}", origin="null"), "null"), "a page in a sandbox reads an answer")


@attack()
async def a_page_whose_name_begins_like_a_friend(target: Target) -> None:
    for origin in ("https://app.friend.example.evil.example", "https://evilapp.friend.example", "http://app.friend.example"):
        unless(not _readable(await target.graphql("{viewer{id}}", origin=origin), origin), f"{origin} is taken for a friend")


@attack()
async def a_page_of_elsewhere_whose_name_leads_here(target: Target) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example"):
        found = [await target.graphql("{viewer{id}}", host=host, origin=f"http://{host}")]
        found += [await target.ask(method, path, headers={"host": host}) for method, path in _DOORS]
        unless(all(reply.status == 421 for reply in found), f"{host} is taken for a name of ours")


@attack()
async def a_page_of_elsewhere_that_asks_to_send_credentials(target: Target) -> None:
    reply = await target.ask("OPTIONS", "/graphql", headers=_PREFLIGHT | {"access-control-request-method": "POST"})
    unless("access-control-allow-credentials" not in reply.headers, "cookies of any page are taken")
    unless(not _readable(reply), "any page may send what it likes")


@attack()
async def a_page_of_elsewhere_that_uploads(target: Target) -> None:
    reply = await target.ask("OPTIONS", "/uploads", headers=_PREFLIGHT | {"access-control-request-method": "PUT"})
    unless(not _readable(reply), "any page may upload")


@attack()
async def a_page_of_elsewhere_that_reads_a_document(target: Target) -> None:
    reply = await target.ask("GET", target.link, headers={"origin": EVIL})
    unless(not _readable(reply), "a page of elsewhere reads a document")
    unless(reply.headers.get("cross-origin-resource-policy") == "same-origin", "a page of elsewhere embeds a document")


@attack()
async def a_page_of_elsewhere_that_follows_events(target: Target) -> None:
    async with target.line() as line:
        await line.say(
            b"GET /graphql?query=subscription%7BproviderHealth%7Bname%7D%7D HTTP/1.1\r\nhost: x\r\n"
            b"accept: text/event-stream\r\norigin: https://evil.example\r\n\r\n"
        )
        said = (await line.hear(2) or b"").lower()
    unless(b"access-control-allow-origin" not in said, "a page of elsewhere follows what happens")


@attack()
async def a_page_that_frames_the_console_for_people(target: Target) -> None:
    for path in ("/graphiql", "/healthz"):
        policy = (await target.ask("GET", path)).headers.get("content-security-policy", "")
        unless("frame-ancestors 'none'" in policy, f"{path} may be framed, and its buttons clicked for somebody else")


@attack()
async def a_script_of_elsewhere_in_our_page(target: Target) -> None:
    reply = await target.ask("GET", "/graphiql")
    unless(b"//" not in reply.body.replace(b"http-equiv", b""), "the page loads from elsewhere")
    policy = reply.headers.get("content-security-policy", "")
    unless("script-src 'self';" in policy and "default-src 'none'" in policy, "the page runs any script")


@attack()
async def an_answer_that_is_taken_for_a_page(target: Target) -> None:
    for reply in (
        await target.graphql("{viewer{id}}"),
        await target.graphql(b"<script>"),
        await target.ask("GET", "/healthz"),
        await target.ask("GET", "/<script>"),
        await target.upload(b""),
    ):
        unless(reply.headers.get("x-content-type-options") == "nosniff", "an answer is taken for what it looks like")
        unless("default-src 'none'" in reply.headers.get("content-security-policy", ""), "an answer may load and run things")
        unless(reply.headers.get("referrer-policy") == "no-referrer", "addresses are told to others")


@attack()
async def an_answer_that_is_kept_by_a_cache(target: Target) -> None:
    for reply in (
        await target.graphql("{viewer{id}}"),
        await target.ask("GET", target.link),
        await target.ask("GET", "/healthz"),
    ):
        unless("no-store" in reply.headers.get("cache-control", ""), "what somebody may see is kept for others")


@attack()
async def a_document_that_is_shown_as_a_page(target: Target) -> None:
    headers = (await target.ask("GET", target.link)).headers
    unless(headers.get("content-disposition", "").startswith("attachment"), "a document is opened as a page of ours")
    unless("sandbox" in headers.get("content-security-policy", ""), "a document runs scripts as a page of ours")


@attack()
async def a_link_with_another_letter(target: Target) -> None:
    for changed in (target.link[:-1] + ("2" if target.link[-1] != "2" else "3"), target.link + "x", target.link[:-1]):
        if changed.endswith("/"):
            continue
        async with target.line() as line:
            await line.say(f"GET {changed} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            said = await line.hear()
        unless(not (said or b"").startswith(b"HTTP/1.1 200"), "a link that was made up leads to a document")


@attack()
async def a_file_beside_those_that_are_served(target: Target) -> None:
    for path in (
        "../conftest.py",
        "../app.py",
        "%2e%2e/conftest.py",
        "%2e%2e%2fapp.py",
        "../../pyproject.toml",
        "//etc/passwd",
    ):
        reply = await target.ask("GET", f"/graphiql/{path}")
        unless(reply.status != 200, f"{path} is served")
