"""A cache that holds so many bytes and no more."""

from featfuse.model.bounded_cache import BoundedCache


def cache(most: int) -> tuple[BoundedCache[int, bytes], list[int]]:
    asked: list[int] = []

    def make(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    return BoundedCache(make, len, most), asked


def test_what_was_asked_for_lately_is_not_made_again() -> None:
    held, asked = cache(100)
    assert [len(held.get(size)) for size in (20, 21, 20, 22, 20, 21)] == [20, 21, 20, 22, 20, 21]
    assert asked == [20, 21, 22]


def test_the_oldest_goes_when_there_is_no_room() -> None:
    held, asked = cache(100)
    for size in (25, 24, 23, 22, 25, 21, 25, 24):
        held.get(size)
    assert asked == [25, 24, 23, 22, 21, 24], "21 takes the place of 24: 25 was asked for since"


def test_what_would_push_out_most_others_is_not_kept() -> None:
    held, asked = cache(100)
    for size in (20, 26, 26, 20):
        held.get(size)
    assert asked == [20, 26, 26]
