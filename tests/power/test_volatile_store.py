"""A disk with a volatile cache keeps what was flushed, and may lose, tear and reorder what was not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.power.store import TORN_BYTES, VolatileStore

SECTORS = 8
WRITE = st.tuples(st.integers(0, SECTORS - 1), st.integers(1, SECTORS)).filter(lambda it: sum(it) <= SECTORS)


def sector(content: bytes, number: int) -> bytes:
    return content[number * TORN_BYTES : (number + 1) * TORN_BYTES]


def left_by_a_cut(store: VolatileStore) -> bytes:
    store.power_up()
    return store.read(0, len(store))


@given(st.lists(st.one_of(WRITE, st.none()), max_size=20), st.integers(0, 100))
def test_each_sector_is_as_flushed_or_as_written_since(orders: list[tuple[int, int] | None], seed: int) -> None:
    """None is a flush."""
    store = VolatileStore(bytes(SECTORS * TORN_BYTES), seed)
    possible = [{bytes(TORN_BYTES)} for _ in range(SECTORS)]
    for number, order in enumerate(orders, start=1):
        if order is None:
            store.flush()
            possible = [{sector(store.read(0, len(store)), each)} for each in range(SECTORS)]
            continue
        start, count = order
        store.write(start * TORN_BYTES, bytes([number]) * count * TORN_BYTES)
        for each in range(start, start + count):
            possible[each].add(bytes([number]) * TORN_BYTES)
    left = left_by_a_cut(store)
    assert all(sector(left, each) in possible[each] for each in range(SECTORS))


def test_what_was_not_flushed_may_be_kept_lost_torn_and_out_of_order() -> None:
    """A cut that is never seen to do one of these would let a careless writer pass."""
    found = set()
    for seed in range(60):
        store = VolatileStore(bytes(SECTORS * TORN_BYTES), seed)
        store.write(0, b"a" * 4 * TORN_BYTES)
        store.write(4 * TORN_BYTES, b"b" * 4 * TORN_BYTES)
        left = left_by_a_cut(store)
        first, second = ([left[start * TORN_BYTES + each * TORN_BYTES] for each in range(4)] for start in (0, 4))
        if len(set(first)) == 2:
            found.add("torn")
        if all(first) and all(second):
            found.add("kept")
        if not any(first) and not any(second):
            found.add("lost")
        if not any(first) and all(second):
            found.add("out of order")
    assert found == {"kept", "lost", "torn", "out of order"}


def test_after_the_cut_nothing_is_kept_though_it_can_be_read() -> None:
    store = VolatileStore(bytes(4096), 1)
    store.cut()
    store.write(0, b"late")
    store.flush()
    assert store.read(0, 4) == b"late"
    assert left_by_a_cut(store)[:4] == bytes(4)
    store.flush()
    assert left_by_a_cut(store)[:4] == bytes(4)


def test_the_power_goes_in_the_middle_of_the_write_that_was_named() -> None:
    """Of that very write something may be left, of the next one nothing."""
    left = set()
    for seed in range(40):
        store = VolatileStore(bytes(4096), seed)
        store.write(0, b"1")
        store.flush()
        store.cut_after(2)
        for place in range(1, 4):
            store.write(place * TORN_BYTES, b"1")
            assert store.is_off is (place >= 2)
        content = left_by_a_cut(store)
        left.add(tuple(content[place * TORN_BYTES] for place in range(4)))
    assert {each[0] for each in left} == {ord("1")}
    assert {each[2] for each in left} == {0, ord("1")}
    assert {each[3] for each in left} == {0}


def test_the_disk_works_on_after_it_was_switched_on_again() -> None:
    store = VolatileStore(bytes(4096), 1)
    store.cut()
    store.power_up()
    store.write(0, b"new")
    store.flush()
    assert left_by_a_cut(store)[:3] == b"new"
