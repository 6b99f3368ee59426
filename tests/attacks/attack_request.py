"""Attacks by the shape of a request: JSON, forms and encodings that lead a parser into trouble, or around a check."""

from __future__ import annotations

import gzip
import json

from attack import EVIL, Reply, Target, attack, unless

_UPLOAD = "mutation($file: Upload!) { uploadFile(file: $file) { upload { id } } }"


def _broke(reply: Reply) -> bool:
    """Whether the server failed, or said how it is made."""
    return reply.status >= 500 or reply.status == 0 or b"Traceback" in reply.body or b"recursion" in reply.body.lower()


def _form(operations: object, places: object, *, boundary: str = "x", content: bytes = b"text") -> bytes:
    parts = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{json.dumps(value)}\r\n'
        for name, value in (("operations", operations), ("map", places))
    )
    file = f'--{boundary}\r\ncontent-disposition: form-data; name="0"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\n'
    return "".join(parts).encode() + file.encode() + content + f"\r\n--{boundary}--\r\n".encode()


async def _post_form(target: Target, operations: object, places: object, **headers: str) -> Reply:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await target.ask("POST", "/graphql", _form(operations, places), kind | given)


@attack()
async def json_that_is_deep(target: Target) -> None:
    unless(not _broke(await target.graphql(b"[" * 100_000)), "deep JSON breaks it")


@attack()
async def variables_that_are_deep(target: Target) -> None:
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    body = b'{"query": "{ __typename }", "variables": %s}' % deep
    unless(not _broke(await target.graphql(body)), "deep variables break it")


@attack()
async def bytes_that_are_no_text(target: Target) -> None:
    unless(not _broke(await target.graphql(b'{"query": "\xff\xfe"}')), "bytes that are no UTF-8 break it")


@attack()
async def a_number_of_five_thousand_digits(target: Target) -> None:
    body = b'{"query": "{ __typename }", "variables": {"a": %s}}' % (b"9" * 5_000)
    unless(not _broke(await target.graphql(body)), "a long number breaks it")


@attack()
async def a_body_that_is_a_number(target: Target) -> None:
    unless(not _broke(await target.graphql(b"7")), "a number in place of an object breaks it")


@attack()
async def a_body_that_is_compressed(target: Target) -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    unless(not _broke(await target.graphql(bomb, content_encoding="gzip")), "a compressed body breaks it")


@attack()
async def a_batch_of_operations(target: Target) -> None:
    reply = await target.graphql(json.dumps([{"query": "{ __typename }"}] * 200).encode())
    unless(reply.status >= 400 or not isinstance(reply.json, list), "two hundred operations go as one")


@attack()
async def a_form_of_another_site(target: Target) -> None:
    operations = {"query": _UPLOAD, "variables": {"file": None}}
    reply = await _post_form(target, operations, {"0": ["variables.file"]}, origin=EVIL)
    unless(reply.status >= 400, "a form of another site is carried out without its browser having asked")


@attack()
async def a_form_whose_map_leads_nowhere(target: Target) -> None:
    operations = {"query": _UPLOAD, "variables": {"file": None}}
    for places in (
        {"0": ["variables.file.x.y"]},
        {"0": ["nothing.at.all"]},
        {"0": "variables.file"},
        {"9": ["variables.file"]},
    ):
        reply = await _post_form(target, operations, places, graphql_require_preflight="1")
        unless(not _broke(reply), f"the map {places} breaks it")


@attack()
async def a_form_whose_operations_are_deep(target: Target) -> None:
    body = _form(None, {"0": ["variables.file"]}).replace(b"null", b'{"a":' * 50_000, 1)
    kind = {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}
    unless(not _broke(await target.ask("POST", "/graphql", body, kind)), "a deep form breaks it")
