"""Text rules: validation of names, titles, addresses and other texts, whichever input or provider they are for.

There is one rule for each kind of text, so that a text refused at creation is refused in an edit too. The rules check content;
lengths are bounded by the limits of a provider or of a request.

Refused everywhere are control characters (a line break in a name became a line of its own in an e-mail), those that turn the
direction of writing (``fdp.exe`` shown as ``exe.pdf``), separators of lines, halves of characters and noncharacters. Every
scan is linear: one search for one character of a class.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Rule: TypeAlias = Callable[[str], str | None]
"""Validates a text: gives the mistake and what to write instead, or None."""

_DIRECTION: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Unicode's property Bidi_Control."""
_NEVER: Final = "\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000)
)
_CONTROL: Final = "\x00-\x1f\x7f-\x9f"
_CONTROL_BUT_LINES: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_CONTROL_BUT_SPACE: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_INVISIBLE: Final = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
_INVISIBLE_FAR: Final = "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
_INVISIBLE_TOO: Final = "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"

_odd_in_line: Final = re.compile(f"[{_CONTROL}{_DIRECTION}{_NEVER}]").search
_odd_in_lines: Final = re.compile(f"[{_CONTROL_BUT_LINES}{_DIRECTION}{_NEVER}]").search
_odd_in_content: Final = re.compile(f"[{_CONTROL_BUT_SPACE}\ud800-\udfff\ufffe\uffff]").search
_visible: Final = re.compile(f"[^\\s{_INVISIBLE}{_INVISIBLE_TOO}{_INVISIBLE_FAR}]").search
_no_local: Final = re.compile(r'[\s()<>\[\]:;@\\,"]').search
_unseen: Final = re.compile(f"[{_INVISIBLE}{_INVISIBLE_TOO}{_INVISIBLE_FAR}]").search
_no_host: Final = re.compile(r"[^\w.-]").search
_no_phone: Final = re.compile(r"[^0-9 ()./-]").search
_no_language: Final = re.compile(r"[^A-Za-z0-9-]").search
_no_file: Final = re.compile("[/\\\\\u2100\u2101\u2105\u2106\ufe68\uff0f\uff3c]")
"""Slashes of both kinds, and what compatibility decomposition makes one of: some who store files spell names so."""

_LONGEST_LOCAL, _LONGEST_ADDRESS, _LONGEST_LABEL, _LONGEST_SUBTAG = 64, 254, 63, 8


def line(text: str) -> str | None:
    """A single line, which may be blank: values of options."""
    if (text.isascii() and text.isprintable()) or (odd := _odd_in_line(text)) is None:
        return None
    return _holds(odd[0])


def name(text: str) -> str | None:
    """A single line with a visible character: names, references, keys."""
    return line(text) if _visible(text) else "This is blank. Write a name that can be seen, or leave it out."


def title(text: str) -> str | None:
    """The title of a session or a document."""
    return line(text) if _visible(text) else "The title is empty. Say what is being signed."


def reason(text: str) -> str | None:
    """The reason for an end, in a single line."""
    return line(text) if _visible(text) else "Say why: the participants are told."


def lines(text: str) -> str | None:
    """Lines separated by line feeds: messages that a person reads before signing."""
    odd = _odd_in_lines(text)
    return None if odd is None else _holds(odd[0])


def content(text: str) -> str | None:
    """A signature in base64 or XML, which may hold whatever XML may."""
    odd = _odd_in_content(text)
    return None if odd is None else _holds(odd[0])


def filename(text: str) -> str | None:
    """A file name without a folder (path traversal)."""
    if wrong := name(text):
        return wrong
    if _no_file.search(text) is not None or not text.strip(" ."):
        return "A file name holds no folders: write the last part of it alone."
    return None


def is_visible(text: str) -> bool:
    """Whether a text has a visible character."""
    return _visible(text) is not None


def last_part(path: str) -> str:
    """The file name at the end of a path, whichever slashes the path has."""
    return _no_file.split(path)[-1]


def email(text: str) -> str | None:
    """An e-mail address (RFC 5321, 6531): a local part, one at-sign, and a syntactically valid host."""
    if wrong := line(text):
        return wrong
    local, at, host = text.rpartition("@")
    labels = host.split(".")
    refused = (
        not at
        or not 0 < len(local) <= _LONGEST_LOCAL
        or len(text) > _LONGEST_ADDRESS
        or _no_local(local) is not None
        or "" in local.split(".")
        or _unseen(text) is not None
        or _no_host(host) is not None
        or not all(0 < len(each) <= _LONGEST_LABEL and each[0] != "-" != each[-1] for each in labels)
    )
    return "This is no e-mail address. Write one like ada@example.com." if refused else None


def phone(text: str) -> str | None:
    """A phone number, with or without a country code."""
    number = text.removeprefix("+")
    if _no_phone(number) is None and any(each.isdigit() for each in number):
        return None
    return "This is no phone number. Write digits, perhaps behind a plus, as in +4791234567."


def language(text: str) -> str | None:
    """A language tag (RFC 5646)."""
    if _no_language(text) is None and all(0 < len(each) <= _LONGEST_SUBTAG for each in text.split("-")):
        return None
    return "This is no language. Write its tag, as in en or nb."


def _holds(odd: str) -> str:
    return f"This holds the character U+{ord(odd):04X}, which cannot be seen and is not taken here. Leave it out."
