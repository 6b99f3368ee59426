"""That somebody is not let in."""


class Unauthenticated(Exception):
    """No credentials, or none that hold. ``reason`` is fit to be shown: it says nothing of what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
