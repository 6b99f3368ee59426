"""Attacks by files: that are not what they are called, that are too much, and whose names lead elsewhere."""

from __future__ import annotations

from urllib.parse import quote

from attack import Reply, Target, attack, unless

_END = b"\nstartxref\n9\n%%EOF\n"


def _refused(reply: Reply, what: str) -> None:
    unless(400 <= reply.status < 500, f"{what} is taken: {reply.status}")
    unless(bool(reply.json["problem"]["message"]), "it is not said why")


async def _named(target: Target, filename: str) -> str:
    """What a file is called that was sent by this name."""
    reply = await target.upload(b"%PDF-1.7" + _END, quote(filename, safe=""))
    unless(reply.status == 201, f"the name breaks it: {reply.status}")
    return str(reply.json["filename"])


@attack()
async def a_file_that_is_larger_than_the_bound(target: Target) -> None:
    reply = await target.ask("PUT", "/uploads", b"%PDF-" + b"x" * 12_000_000, {"content-type": "application/pdf"})
    unless(reply.refused, "twelve megabytes are kept")


@attack()
async def a_file_in_chunks_that_is_larger_than_the_bound(target: Target) -> None:
    body = b"".join(b"100000\r\n" + b"x" * 0x100000 + b"\r\n" for _ in range(12)) + b"0\r\n\r\n"
    reply = await target.ask("PUT", "/uploads", body, {"transfer-encoding": "chunked", "content-length": ""})
    unless(reply.refused, "twelve megabytes are kept")


@attack()
async def a_page_that_is_called_a_pdf(target: Target) -> None:
    _refused(await target.upload(b"<html><script>alert(1)</script>"), "a page")


@attack()
async def a_page_that_is_called_a_text(target: Target) -> None:
    _refused(await target.upload(b"<!doctype html><script>alert(1)</script>", "a.txt", "text/plain"), "a page")


@attack()
async def a_program_that_is_called_a_text(target: Target) -> None:
    _refused(await target.upload(b"\x7fELF\x02\x01\x01" + bytes(100), "a.txt", "text/plain"), "a program")


@attack()
async def a_program_that_is_called_a_picture(target: Target) -> None:
    _refused(await target.upload(b"MZ\x90" + bytes(100), "a.png", "image/png"), "a program")


@attack()
async def an_archive_that_is_called_a_pdf(target: Target) -> None:
    _refused(await target.upload(b"PK\x03\x04" + bytes(100)), "an archive")


@attack()
async def a_pdf_that_is_called_a_text(target: Target) -> None:
    _refused(await target.upload(b"%PDF-1.7" + _END, "a.txt", "text/plain"), "a PDF")


@attack()
async def a_pdf_that_is_cut_off(target: Target) -> None:
    _refused(await target.upload(b"%PDF-1.7\n1 0 obj"), "half a PDF")


@attack()
async def a_pdf_that_nobody_can_open(target: Target) -> None:
    _refused(await target.upload(b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>" + _END), "an encrypted PDF")


@attack()
async def a_media_type_that_writes_a_header(target: Target) -> None:
    reply = await target.upload(b"text", "a.bin", "text/<script>")
    unless("<" not in str(reply.json.get("mediaType")), "a media type is kept that is none")


@attack()
async def a_name_that_leads_out_of_its_folder(target: Target) -> None:
    for name in ("../../etc/passwd.pdf", "..\\..\\boot.pdf", "/etc/cron.pdf", "C:\\evil.pdf"):
        found = await _named(target, name)
        unless(not set(found) & set("/\\:"), f"{name} is kept as {found}")


@attack()
async def a_name_that_reads_backwards(target: Target) -> None:
    found = await _named(target, "invoice\u202efdp.exe.pdf")
    unless("\u202e" not in found, "a name turns the direction of what is shown")


@attack()
async def a_name_that_writes_a_header(target: Target) -> None:
    found = await _named(target, "a\r\nx-evil: 1\0.pdf")
    unless(not set(found) & set("\r\n\0"), "a name holds the end of a line")


@attack()
async def a_name_that_writes_a_page(target: Target) -> None:
    found = await _named(target, '"><script>alert(1)</script>.pdf')
    unless(not set(found) & set('<>"'), "a name holds markup")


@attack()
async def a_name_of_thousands_of_letters(target: Target) -> None:
    unless(len((await _named(target, "a" * 5_000 + ".pdf")).encode()) <= 255, "a name fits no file system")
