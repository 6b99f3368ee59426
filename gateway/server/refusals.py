"""Answers of the server itself, to what never reaches an application."""

from __future__ import annotations

from typing import Final


def _refusal(status: str, code: str, message: str) -> bytes:
    body = f'{{"problem":{{"code":"{code}","message":"{message}","retryable":{str(code == "TOO_MANY").lower()}}}}}'
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}"
    ).encode()


REFUSALS: Final = {
    400: _refusal("400 Bad Request", "INVALID", "This is no HTTP request."),
    408: _refusal("408 Request Timeout", "INVALID", "The request comes in too slowly."),
    414: _refusal("414 URI Too Long", "TOO_LARGE", "The address is too long. Ask by POST."),
    431: _refusal("431 Request Header Fields Too Large", "TOO_LARGE", "The headers are too large, or too many."),
    503: _refusal("503 Service Unavailable", "TOO_MANY", "Too many connections are open. Close one, or come again later."),
}
