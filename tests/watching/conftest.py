"""Has the folders of what is shared with other tests on the path."""

from __future__ import annotations

import lookout  # noqa: F401
