"""Attacks on connections: to hold them, to fill them, and to be read in another way than was written."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from attack import ELSEWHERE, LONG, Line, Target, attack, unless

_GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
_POST = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@attack(waits=True)
async def headers_that_come_one_by_one_for_ever(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        unless(not await line.open_after(LONG, b"x-a: b\r\n"), "slow headers hold a connection")


@attack(waits=True)
async def a_request_line_that_comes_letter_by_letter(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"GET /")
        unless(not await line.open_after(LONG, b"a"), "a slow request line holds a connection")


@attack(waits=True)
async def a_body_that_comes_byte_by_byte(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"content-length: 100000\r\n\r\n{")
        unless(not await line.open_after(LONG, b" "), "a slow body holds a connection")


@attack(waits=True)
async def an_upload_that_comes_in_chunks_of_a_byte(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"PUT /uploads HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n%PDF-\r\n")
        unless(not await line.open_after(LONG, b"1\r\nx\r\n"), "a slow upload holds a connection and a file")


@attack(waits=True)
async def a_webhook_that_comes_byte_by_byte(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"POST /webhooks/signicat HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n{")
        unless(not await line.open_after(LONG, b" "), "a slow webhook holds a connection")


@attack(waits=True)
async def a_connection_that_says_nothing(target: Target) -> None:
    async with target.line() as line:
        unless(not await line.open_after(LONG), "silence holds a connection")


@attack(waits=True)
async def a_request_that_stops_half_way(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"content-length: 100\r\n\r\n{")
        unless(not await line.open_after(LONG), "half a request holds a connection")


@attack(waits=True)
async def blank_lines_between_requests(target: Target) -> None:
    async with target.line() as line:
        await line.say(_GET)
        await line.hear()
        unless(not await line.open_after(LONG, b"\r\n"), "blank lines hold a connection")


@attack(waits=True)
async def a_connection_kept_for_nothing(target: Target) -> None:
    async with target.line() as line:
        await line.say(_GET)
        await line.hear()
        unless(not await line.open_after(LONG), "an idle connection is kept")


@attack(waits=True)
async def one_header_without_end(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ")
        for _ in range(64):
            if not await line.say(b"x" * 65_536):
                return
        unless(await line.hear(0.5) is not None, "four megabytes of a header are kept")


@attack()
async def ten_thousand_headers(target: Target) -> None:
    many = {f"x-{number}": "y" for number in range(10_000)}
    unless((await target.ask("GET", "/healthz", headers=many)).refused, "ten thousand headers are taken")


@attack()
async def headers_of_a_megabyte(target: Target) -> None:
    large = {f"x-{number}": "y" * 20_000 for number in range(50)}
    unless((await target.ask("GET", "/healthz", headers=large)).refused, "a megabyte of headers is taken")


@attack()
async def an_address_of_forty_thousand_letters(target: Target) -> None:
    reply = await target.ask("GET", "/healthz?" + "x" * 40_000)
    unless(reply.refused, "an address of forty thousand letters is taken")


@attack()
async def more_connections_than_there_are_places(target: Target) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(80):
            await stack.enter_async_context(target.line())
        await asyncio.sleep(0.05)
        unless((await target.ask("GET", "/healthz")).refused, "there is always one more place")


@attack()
async def all_places_taken_from_one_address(target: Target) -> None:
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(target.line(source=ELSEWHERE)) for _ in range(20)]
        last = lines[-1]
        await last.say(_GET)
        said = await last.hear(1)
        unless(not (said or b"").startswith(b"HTTP/1.1 200"), "one address has twenty connections")
        unless((await target.ask("GET", "/healthz")).status == 200, "nobody else has a place")


@attack(waits=True)
async def a_document_that_is_not_read(target: Target) -> None:
    async with target.line(buffer=4096) as line:
        await line.say(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % target.link.encode())
        await asyncio.sleep(1.6)
        unless(len(await line.everything(most=7 * 2**20)) < 7 * 2**20, "a download waits for as long as its reader likes")


@attack(waits=True)
async def answers_that_are_not_read(target: Target) -> None:
    async with target.line(buffer=4096) as line:
        speaking = asyncio.create_task(_speak(line, b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n" * 1_000))
        await asyncio.sleep(1.5)
        stopped = speaking.done()
        speaking.cancel()
        unless(stopped, "answers wait for as long as their reader likes")


async def _speak(line: Line, text: bytes) -> None:
    while await line.say(text):
        continue


@attack()
async def a_body_that_is_announced_as_a_terabyte(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"connection: close\r\ncontent-length: 1099511627776\r\n\r\n{")
        unless(await line.hear(0.25) is not None, "a terabyte is waited for")


@attack()
async def a_body_of_three_megabytes(target: Target) -> None:
    body = b'{"query": "{ __typename }", "variables": {"a": "%s"}}' % (b"x" * 3_000_000)
    unless((await target.graphql(body)).refused, "three megabytes are parsed")


@attack("bare")
async def a_request_within_a_request_by_two_lengths(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"content-length: 6\r\ncontent-length: 5\r\n\r\n0\r\n\r\nX")
        unless((await line.reply()).refused, "two lengths are taken, of which a proxy may believe the other")


@attack("bare")
async def a_request_within_a_request_by_chunks_and_a_length(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nX")
        unless((await line.reply()).refused, "a length beside chunks is taken, and a proxy may believe it")


@attack("bare")
async def a_request_within_a_request_by_an_unknown_encoding(target: Target) -> None:
    async with target.line() as line:
        await line.say(_POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n")
        unless((await line.reply()).refused, "an unknown transfer encoding is taken")


@attack("bare")
async def a_header_whose_name_ends_in_a_space(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\nconnection: close\r\n\r\n")
        unless((await line.reply()).refused, "a name with a space is taken, which a proxy passes by")


@attack("bare")
async def a_header_with_a_zero_in_it(target: Target) -> None:
    async with target.line() as line:
        await line.say(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: b\0c\r\nconnection: close\r\n\r\n")
        unless((await line.reply()).refused, "a zero is taken")


@attack("bare")
async def an_address_that_ends_the_line(target: Target) -> None:
    reply = await target.ask("GET", "/nothing%0d%0ax-evil:%201")
    unless("x-evil" not in reply.headers, "an address writes a header")


@attack()
async def a_name_of_the_software(target: Target) -> None:
    told = str(dict((await target.ask("GET", "/healthz")).headers)).lower()
    unless(
        not any(name in told for name in ("uvicorn", "starlette", "fastapi", "python")), "the server says what it is made of"
    )
