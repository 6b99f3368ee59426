"""Requests of the simulator: decodes and validates request bodies, and refuses them as EasyInk does."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.easyink.sandbox.records import Json

_DELIVERIES = frozenset({"Email", "Sms"})
_LANGUAGES = frozenset({"English", "Spanish"})
_PHONE = re.compile(r"\d{10}", re.ASCII)
_CODES = {400: "ValidationError", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}


class Refusal(Exception):
    """A refused request; ``inner`` are the single reasons, by code and message."""

    def __init__(self, message: str, status: int = 400, inner: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.inner = inner

    def response(self) -> Response:
        """The error answer."""
        code = _CODES.get(self.status, "InternalServerError")
        error: Json = {"code": code, "message": self.message}
        if self.inner:
            error["innerErrors"] = [{"code": code, "message": message} for code, message in self.inner]
        return JSONResponse({"error": error}, self.status)


def missing(kind: str, key: str) -> Refusal:
    """The refusal of a child that does not exist: EasyInk answers 400, not 404."""
    return Refusal(f"{kind} '{key}' not found")


def required(name: str) -> Refusal:
    """The refusal of a body without a required member."""
    return Refusal("One or more validation errors occurred.", inner=[("RequiredField", f"{name} is required")])


async def decode_body(request: Request) -> Json:
    """Decodes the body of a request. Raises ``Refusal`` where it is no JSON object."""
    try:
        body = msgspec.json.decode(await request.body() or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refusal("The request body must be an object.")
    return body


def text(body: Json, name: str, longest: int, shortest: int = 0) -> str | None:
    """A string of a body, or None. Raises ``Refusal`` for another type or an invalid length."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise Refusal(f"{name} must be a string of {shortest} to {longest} characters")
    return value


def participant_input(body: Json) -> Json:
    """Validates a participant. Raises ``Refusal``."""
    names = {name: text(body, name, 100, shortest) for name, shortest in (("firstName", 1), ("lastName", 1), ("middleName", 0))}
    language = body.get("language")
    if language is not None and language not in _LANGUAGES:
        raise Refusal("language must be one of English, Spanish")
    return {**names, **delivery_input(body), "language": language}


def delivery_input(body: Json) -> Json:
    """Validates addresses and delivery methods, which may be null but not empty. Raises ``Refusal``."""
    methods, email, phone = body.get("deliveryMethods"), text(body, "email", 256), text(body, "phone", 100)
    if phone is not None and not _PHONE.fullmatch(phone):
        raise Refusal("Phone must match the regular expression '^\\d{10}$'")
    if methods is not None:
        if not isinstance(methods, list) or not methods:
            raise Refusal("Delivery methods must not be empty")
        if not _DELIVERIES.issuperset(methods):
            raise Refusal("deliveryMethods must be a subset of Email, Sms")
        if "Email" in methods and not email:
            raise required("Email")
        if "Sms" in methods and not phone:
            raise required("Phone")
    return {"email": email, "phone": phone, "deliveryMethods": methods}
