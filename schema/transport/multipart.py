"""Multipart requests: the parts of a form, what they are called, and their places among the variables.

https://github.com/jaydenseric/graphql-multipart-request-spec, over RFC 7578.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, TypeVar, cast

import anyio
import msgspec
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from schema.transport.part_names import part_names

T = TypeVar("T")

_CHUNK: Final = 64 * 1024
_IN_MEMORY: Final = 64 * 1024
"""Bytes of a file that stay in memory; more are written to the disk."""
_MOST_FIELDS: Final = 10
_DIGITS: Final = frozenset("0123456789")
_LONGEST_INDEX: Final = 6
_VARIABLES: Final = "variables"
_OPERATIONS: Final = "operations"
_MOST_BRACKETS: Final = 50_000


class Unfitting(ValueError):
    """A form whose parts do not fit together; the text says which."""


class FilePart(UploadFile):
    """A file of a form. It can be read any number of times, also at once: a form may name one file at several places."""

    def __init__(self, file: BinaryIO, *, filename: str, headers: Headers) -> None:
        super().__init__(file, size=0, filename=filename, headers=headers)
        self.arrived = 0
        """Bytes that have been taken so far, written or about to be."""
        self._turn = anyio.CapacityLimiter(1)
        """One reader at a time: to seek and to read are two calls."""

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file from its beginning, in pieces."""
        place = 0
        while piece := await self._read(place):
            place += len(piece)
            yield piece

    async def _read(self, place: int) -> bytes:
        if self._in_memory:
            return self._read_now(place)
        return await anyio.to_thread.run_sync(self._read_now, place, limiter=self._turn)

    def _read_now(self, place: int) -> bytes:
        self.file.seek(place)
        return self.file.read(_CHUNK)


@dataclass(frozen=True, slots=True)
class FormBounds:
    """How large a form may be: the bytes of all its fields, its files, the bytes of each, and those of the whole form."""

    fields: int
    files: int
    file: int
    form: int


class FormTooLarge(MultiPartException):
    """A form that is beyond a bound; the message says which."""


class FormDeclined(MultiPartException):
    """A form whose operation is refused whatever files come with it: none of them is read."""

    def __init__(self, operations: dict[str, Any]) -> None:
        super().__init__("The operation is refused.")
        self.operations = operations


def many_brackets(text: str | bytes) -> bool:
    """Whether JSON opens more lists and objects than any operation has: a megabyte of ``{}`` takes a second to read."""
    if isinstance(text, str):
        return text.count("{") + text.count("[") > _MOST_BRACKETS
    return text.count(b"{") + text.count(b"[") > _MOST_BRACKETS


class FormParser(MultiPartParser):
    """Starlette's parser, with the names of parts as clients of every kind write them, and bounds that hold while they arrive.

    Of a file that is too large, one byte too many is kept: enough for whoever stages it to refuse it at its place. Files
    come behind ``operations``, so that ``declines`` is asked before the first of them is taken.
    """

    spool_max_size = _IN_MEMORY

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        bounds: FormBounds,
        declines: Callable[[dict[str, Any]], bool],
    ) -> None:
        super().__init__(
            headers, self._bounded(stream), max_files=bounds.files, max_fields=_MOST_FIELDS, max_part_size=bounds.fields
        )
        self._bounds = bounds
        self._declines = declines
        self._fields = 0
        self.operations: dict[str, Any] | None = None
        """The operation, once it has arrived; its files are not in their places yet."""

    async def _bounded(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        arrived = 0
        async for chunk in stream:
            arrived += len(chunk)
            if arrived > self._bounds.form:
                raise FormTooLarge(f"A form has at most {self._bounds.form:,} bytes in all here.")
            yield chunk

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Takes a piece of a part. Raises ``FormTooLarge``."""
        part = self._current_part
        if part.file is None:
            self._fields += end - start
            if self._fields > self._bounds.fields:
                raise FormTooLarge(f"What is no file in a form has at most {self._bounds.fields:,} bytes here.")
        else:
            file = cast(FilePart, part.file)
            end = min(end, start + self._bounds.file + 1 - file.arrived)
            file.arrived += end - start
        if start < end:
            super().on_part_data(data, start, end)

    def on_headers_finished(self) -> None:
        """Begins a part. Raises ``MultiPartException`` for one without a name."""
        part = self._current_part
        names = part_names(part.content_disposition or b"")
        if names.name is None:
            raise MultiPartException("A part of the form has no name.")
        part.field_name = names.name
        if names.filename is None:
            self._current_fields += 1
            if self._current_fields > self.max_fields:
                raise FormTooLarge(f"A form has at most {self.max_fields} parts that are no file here.")
            part.file = None
            return
        if self.operations is None:
            raise Unfitting("Its part named operations comes before any file.")
        self._current_files += 1
        if self._current_files > self.max_files:
            raise FormTooLarge(f"A form has at most {self.max_files} files here.")
        content: Any = SpooledTemporaryFile(max_size=self.spool_max_size)  # noqa: SIM115 - closed with the form
        self._files_to_close_on_error.append(content)
        part.file = FilePart(content, filename=names.filename, headers=Headers(raw=part.item_headers))

    def on_part_end(self) -> None:
        """Ends a part. Raises ``FormDeclined`` where nothing would come of the files, and ``Unfitting``."""
        super().on_part_end()
        if self._current_part.file is None and self._current_part.field_name == _OPERATIONS and self.operations is None:
            self.operations = _json(self.items[-1][1], _OPERATIONS, dict[str, Any])
            if self._declines(self.operations):
                raise FormDeclined(self.operations)


def placed(form: FormData, operations: dict[str, Any] | None) -> dict[str, Any]:
    """The operation of a form, its files in their places. Raises ``Unfitting`` for a form that can be read in two ways."""
    if operations is None:
        raise Unfitting("The form has no part named operations.")
    parts: dict[str, str | UploadFile] = {}
    for name, value in form.multi_items():
        if name in parts:
            raise Unfitting("Two parts of the form have one name.")
        parts[name] = value
    parts.pop(_OPERATIONS)
    places = _json(parts.pop("map", None), "map", dict[str, list[str]])
    files = {name: value for name, value in parts.items() if isinstance(value, UploadFile)}
    for name, paths in places.items():
        file = files.pop(name, None)
        if file is None:
            raise Unfitting("The map names a file that is not in the form, or is no file.")
        for path in paths:
            _place(operations, path, file)
    if files:
        raise Unfitting("The form has a file that its map does not name.")
    return operations


def _place(operations: dict[str, Any], path: str, file: UploadFile) -> None:
    """Puts a file where a path leads, which holds null until then. Raises ``Unfitting`` for any other place."""
    steps = path.split(".")
    if len(steps) < 2 or steps[0] != _VARIABLES:
        raise Unfitting("A path in the map leads into the variables, as variables.file does.")
    target: Any = operations
    for step in steps[:-1]:
        target = _member(target, step)
    last = steps[-1]
    if isinstance(target, dict) and last not in target:
        target[last] = None
    if _member(target, last) is not None:
        raise Unfitting("A path in the map leads to a value: write null where the file belongs, and name each place once.")
    target[int(last) if isinstance(target, list) else last] = file


def _member(target: object, step: str) -> Any:
    if isinstance(target, dict) and step in target:
        return target[step]
    # An index has one spelling: no sign, no leading zero, ASCII alone. Python would read "-1" as the last one.
    if isinstance(target, list) and 0 < len(step) <= _LONGEST_INDEX and _DIGITS.issuperset(step):
        index = int(step)
        if str(index) == step and index < len(target):
            return target[index]
    raise Unfitting("A path in the map leads nowhere.")


def _json(value: object, name: str, type_: type[T]) -> T:
    """A part of the form as JSON. Raises ``Unfitting`` for any other, and for a map that has a member twice."""
    if not isinstance(value, str):
        raise Unfitting(f"The form has no part named {name}.")
    if many_brackets(value):
        raise FormTooLarge(f"The part named {name} opens more than {_MOST_BRACKETS:,} lists and objects.")
    try:
        found = msgspec.json.decode(value, type=type_)
        if name == "map":
            json.loads(value, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Unfitting(f"The part named {name} is not of its shape.") from error
    return found


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member is there twice")
