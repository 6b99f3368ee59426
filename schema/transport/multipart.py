"""Multipart requests: parses a form within bounds, and puts its files in their places among the variables.

https://github.com/jaydenseric/graphql-multipart-request-spec, over RFC 7578.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, TypeVar, cast

import anyio
import msgspec
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from schema.transport.part_names import part_names

T = TypeVar("T")

_CHUNK_BYTES: Final = 64 * 1024
_MAX_MEMORY: Final = 64 * 1024
"""Bytes of a file that are held in memory; a larger file is spooled to the disk."""
_MAX_FIELDS: Final = 10
_DIGITS: Final = frozenset("0123456789")
_MAX_INDEX_DIGITS: Final = 6
_VARIABLES: Final = "variables"
_OPERATIONS: Final = "operations"
_MAX_BRACKETS: Final = 50_000


class InvalidForm(ValueError):
    """A form that breaks the multipart request specification; the message says where."""


class FilePart(UploadFile):
    """A file of a form. It can be read any number of times, also at once: a form may name one file at several places."""

    def __init__(self, file: BinaryIO, *, filename: str, headers: Headers) -> None:
        super().__init__(file, size=0, filename=filename, headers=headers)
        self.bytes_taken = 0
        """Bytes that were taken from the request, written or about to be."""
        self._reader_limit = anyio.CapacityLimiter(1)
        """One reader at a time, because seeking and reading are two calls."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content from its beginning, in chunks."""
        offset = 0
        while chunk := await self._read(offset):
            offset += len(chunk)
            yield chunk

    async def _read(self, offset: int) -> bytes:
        if self._in_memory:
            return self._read_now(offset)
        return await anyio.to_thread.run_sync(self._read_now, offset, limiter=self._reader_limit)

    def _read_now(self, offset: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(_CHUNK_BYTES)


@dataclass(frozen=True, slots=True)
class FormBounds:
    """Bounds of a form: bytes of all its fields, number of its files, bytes of each file, and bytes of the whole form."""

    fields: int
    files: int
    file: int
    form: int


class FormTooLarge(MultiPartException):
    """A form beyond one of its bounds; the message says which."""


class FormDeclined(MultiPartException):
    """A form whose operation is refused before its files are read."""

    def __init__(self, operations: dict[str, Any]) -> None:
        super().__init__("The operation is refused.")
        self.operations = operations


def many_brackets(text: str | bytes) -> bool:
    """Whether JSON opens more lists and objects than any operation has: a megabyte of ``{}`` takes a second to decode."""
    if isinstance(text, str):
        return text.count("{") + text.count("[") > _MAX_BRACKETS
    return text.count(b"{") + text.count(b"[") > _MAX_BRACKETS


class FormParser(MultiPartParser):
    """Starlette's parser with part names as all clients write them, and with bounds that are checked while bytes arrive.

    Of a file beyond its bound one byte more is kept, by which staging refuses it with its path. Files come behind
    ``operations``, about which ``declines`` is asked before the next chunk is taken.
    """

    spool_max_size = _MAX_MEMORY

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        bounds: FormBounds,
        declines: Callable[[dict[str, Any]], Awaitable[bool]],
    ) -> None:
        super().__init__(
            headers, self._bounded(stream), max_files=bounds.files, max_fields=_MAX_FIELDS, max_part_size=bounds.fields
        )
        self._bounds = bounds
        self._declines = declines
        self._field_bytes = 0
        self.operations: dict[str, Any] | None = None
        """The operation, once its part has arrived; its files are still null."""

    async def _bounded(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        taken = 0
        async for chunk in stream:
            taken += len(chunk)
            if taken > self._bounds.form:
                raise FormTooLarge(f"A form has at most {self._bounds.form:,} bytes in all here.")
            is_asked = self.operations is not None
            yield chunk
            if not is_asked and self.operations is not None and await self._declines(self.operations):
                raise FormDeclined(self.operations)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Takes a chunk of a part. Raises ``FormTooLarge``."""
        part = self._current_part
        if part.file is None:
            self._field_bytes += end - start
            if self._field_bytes > self._bounds.fields:
                raise FormTooLarge(f"What is no file in a form has at most {self._bounds.fields:,} bytes here.")
        else:
            file = cast(FilePart, part.file)
            end = min(end, start + self._bounds.file + 1 - file.bytes_taken)
            file.bytes_taken += end - start
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
            raise InvalidForm("Its part named operations comes before any file.")
        self._current_files += 1
        if self._current_files > self.max_files:
            raise FormTooLarge(f"A form has at most {self.max_files} files here.")
        content: Any = SpooledTemporaryFile(max_size=self.spool_max_size)  # noqa: SIM115 - closed with the form
        self._files_to_close_on_error.append(content)
        part.file = FilePart(content, filename=names.filename, headers=Headers(raw=part.item_headers))

    def on_part_end(self) -> None:
        """Ends a part. Raises ``InvalidForm`` for an operation that is none."""
        super().on_part_end()
        if self._current_part.file is None and self._current_part.field_name == _OPERATIONS and self.operations is None:
            self.operations = _json(self.items[-1][1], _OPERATIONS, dict[str, Any])


def place_files(form: FormData, operations: dict[str, Any] | None) -> dict[str, Any]:
    """Puts the files of a form in their places. Raises ``InvalidForm`` for a form that can be read in two ways."""
    if operations is None:
        raise InvalidForm("The form has no part named operations.")
    parts: dict[str, str | UploadFile] = {}
    for name, value in form.multi_items():
        if name in parts:
            raise InvalidForm("Two parts of the form have one name.")
        parts[name] = value
    parts.pop(_OPERATIONS)
    paths_by_file = _json(parts.pop("map", None), "map", dict[str, list[str]])
    files = {name: value for name, value in parts.items() if isinstance(value, UploadFile)}
    for name, paths in paths_by_file.items():
        file = files.pop(name, None)
        if file is None:
            raise InvalidForm("The map names a file that is not in the form, or is no file.")
        for path in paths:
            _place(operations, path, file)
    if files:
        raise InvalidForm("The form has a file that its map does not name.")
    return operations


def _place(operations: dict[str, Any], path: str, file: UploadFile) -> None:
    """Puts a file at a path, where null stands for it. Raises ``InvalidForm`` for any other path."""
    steps = path.split(".")
    if len(steps) < 2 or steps[0] != _VARIABLES:
        raise InvalidForm("A path in the map leads into the variables, as variables.file does.")
    target: Any = operations
    for step in steps[:-1]:
        target = _member(target, step)
    last = steps[-1]
    if isinstance(target, dict) and last not in target:
        target[last] = None
    if _member(target, last) is not None:
        raise InvalidForm("A path in the map leads to a value: write null where the file belongs, and name each place once.")
    target[int(last) if isinstance(target, list) else last] = file


def _member(target: object, step: str) -> Any:
    if isinstance(target, dict) and step in target:
        return target[step]
    # An index has one spelling: no sign, no leading zero, ASCII alone. Python would read "-1" as the last one.
    if isinstance(target, list) and 0 < len(step) <= _MAX_INDEX_DIGITS and _DIGITS.issuperset(step):
        index = int(step)
        if str(index) == step and index < len(target):
            return target[index]
    raise InvalidForm("A path in the map leads nowhere.")


def _json(value: object, name: str, type_: type[T]) -> T:
    """Decodes a part of the form as JSON. Raises ``InvalidForm`` for anything else, and for a map that has a member twice."""
    if not isinstance(value, str):
        raise InvalidForm(f"The form has no part named {name}.")
    if many_brackets(value):
        raise FormTooLarge(f"The part named {name} opens more than {_MAX_BRACKETS:,} lists and objects.")
    try:
        decoded = msgspec.json.decode(value, type=type_)
        if name == "map":
            json.loads(value, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InvalidForm(f"The part named {name} is not of its shape.") from error
    return decoded


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member is there twice")
