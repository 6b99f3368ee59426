"""Response memo: a value is computed once while the same request gets the same response."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.http.response_memo import ResponseMemo


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([b"", b"a", b"b"])), max_size=20))
def test_memo_equals_what_would_be_computed_anew(asked: list[tuple[int, bytes]]) -> None:
    repeated: ResponseMemo[tuple[int, bytes]] = ResponseMemo()
    made, last, changes = [], None, 0
    for question, answer in asked:

        def make(question: int = question, answer: bytes = answer) -> tuple[int, bytes]:
            made.append(question)
            return question, answer

        assert repeated.get_or_make(question, answer, make) == (question, answer)
        changes += (question, answer) != last
        last = question, answer
    assert len(made) == changes


def test_failed_computation_is_not_remembered() -> None:
    repeated: ResponseMemo[int] = ResponseMemo()
    for _ in range(2):
        try:
            repeated.get_or_make(0, b"x", lambda: int("x"))
        except ValueError:
            continue
        raise AssertionError("it was made")
    assert repeated.get_or_make(0, b"x", lambda: 1) == 1
