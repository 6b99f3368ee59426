"""Content-Disposition: the file name in every form that servers send."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.http.message.content_disposition import suggested_filename

NAMED = {
    'attachment; filename="a b.pdf"': "a b.pdf",
    "attachment; filename=a.pdf": "a.pdf",
    "attachment;filename = a.pdf ;x=y": "a.pdf",
    'ATTACHMENT; FileName="a.pdf"': "a.pdf",
    'filename="a.pdf"': "a.pdf",
    "attachment; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.pdf": "naïve €.pdf",
    "attachment; filename=\"old.pdf\"; filename*=UTF-8''n%C3%A9w.pdf": "néw.pdf",
    "attachment; filename*=utf-8'en'n%C3%A9w.pdf; filename=\"old.pdf\"": "néw.pdf",
    "attachment; filename*=ISO-8859-1''n%E9w.pdf": "néw.pdf",
    "attachment; filename*=\"UTF-8''n%C3%A9w.pdf\"": "néw.pdf",
    "attachment; filename*=n%C3%A9w.pdf": "néw.pdf",
    # One that cannot be read leaves the other.
    "attachment; filename*=UTF-8''%ff%fe; filename=old.pdf": "old.pdf",
    "attachment; filename*=x-klingon''new.pdf; filename=old.pdf": "old.pdf",
    "attachment; filename*=; filename=old.pdf": "old.pdf",
    "attachment; filename*=zlib''new.pdf; filename=old.pdf": "old.pdf",
    'attachment; filename*0="one "; filename*1=two.pdf': "one two.pdf",
    "attachment; filename*0*=UTF-8''n%C3%A9; filename*1*=%C3%A9.pdf": "néé.pdf",
    'attachment; filename="=?utf-8?B?bsOpdy5wZGY=?="': "néw.pdf",
    'attachment; filename="=?utf-8?Q?n=C3=A9w_one.pdf?="': "néw one.pdf",
    'attachment; filename="=?utf-8?B?***?="': "=?utf-8?B?***?=",
    'attachment; filename="say \\"hi\\".pdf"': 'say "hi".pdf',
    'attachment; filename="a;b=c.pdf"; x=y': "a;b=c.pdf",
    'attachment; filename="C:\\docs\\a.pdf"': "a.pdf",
    'attachment; filename="../../etc/passwd"': "passwd",
    "attachment; filename*=UTF-8''..%2F..%5Ca%00%0D%0A%E2%80%AEb.pdf": "ab.pdf",
    'attachment; filename="unfinished.pdf': "unfinished.pdf",
    'attachment; filename="first.pdf"; filename="second.pdf"': "first.pdf",
    "attachment; filename=" + "a" * 5_000: "a" * 255,
}


@pytest.mark.parametrize("header", NAMED, ids=lambda header: header[:60])
def test_filename_is_read_in_every_form(header):
    assert suggested_filename(header) == NAMED[header]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "attachment",
        ";;;",
        "=",
        "attachment; filename=",
        'attachment; filename=""',
        "attachment; filename=..",
        'inline; filename="/"',
        "attachment; filename*=UTF-8''",
        "attachment; filename*",
        "x" * 20_000 + "; filename=a.pdf",
    ],
    ids=lambda header: header[:40],
)
def test_header_without_filename_gives_none(header):
    assert suggested_filename(header) is None


@given(st.text(alphabet=" ;=*\"'\\%?0123abf/.\u00e9\u202e\ud800", max_size=200))
def test_any_header_gives_a_printable_base_name_or_none(header):
    found = suggested_filename("attachment; filename" + header)
    assert found is None or (found.isprintable() and "/" not in found and found not in {".", ".."})


@pytest.mark.parametrize("piece", ['filename="', ";", "=", '\\"', "filename*=", "'", "%", "=?", "filename*0=a;", " "])
def test_parsing_time_is_linear_in_length(piece):
    def cost(characters: int) -> float:
        header = (piece * characters)[:characters]
        begun = time.process_time()
        for _ in range(20):
            suggested_filename(header)
        return time.process_time() - begun

    assert cost(16_000) < 0.5
