"""What Schemathesis has to know: values of our scalars, and what a failure of ours is.

An expected failure is an error with a code, also where nothing else is left of the answer.
"""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes

LEAKS = re.compile(r"Traceback|/site-packages/|0x[0-9a-f]{8}|\b(Attribute|Key|Type|Value|Runtime|Recursion|Assertion)Error\b")

schemathesis.graphql.scalar("DateTime", st.just("2026-01-02T03:04:05Z").map(nodes.String))
schemathesis.graphql.scalar("Duration", st.sampled_from(["PT0S", "P1D", "P9999Y"]).map(nodes.String))
schemathesis.graphql.scalar("JSON", st.just(nodes.Object([])))
schemathesis.graphql.scalar("Upload", st.just(nodes.Null))


@schemathesis.check
def nothing_is_a_failure_of_ours(ctx: Any, response: Any, case: Any) -> None:
    assert response.status_code < 500
    assert LEAKS.search(response.text) is None
    for error in response.json().get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL"
