"""The quicker graph is asked, and it is said which and why."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.errors import HardwareError
from firmware_host.inference.choice import choose, quickest
from firmware_host.inference.port import NOTHING_KNOWN
from firmware_host.trust import trusted_keys


class Clock:
    def __init__(self) -> None:
        self.s = 0.0


class Timed:
    """A model that takes these times in turn, milliseconds, the last one for ever."""

    def __init__(self, clock: Clock, *ms: float) -> None:
        self._clock = clock
        self._ms = list(ms)
        self.asked: list[tuple[int, ...]] = []

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert first.shape == second.shape
        assert len(code) == 0
        self.asked.append(first.shape)
        self._clock.s += (self._ms.pop(0) if len(self._ms) > 1 else self._ms[0]) / 1000
        return np.zeros(len(first), np.float32), np.zeros(len(first), np.float32)


@pytest.mark.parametrize(
    ("int8", "fp32", "name"),
    [
        ((4.0,), (9.0,), "int8"),
        ((20.0,), (9.0,), "fp32"),
        ((900.0, 4.0), (9.0,), "int8"),  # the first inference sets things up
        ((4.0, 4.0, 4.0, 300.0, 200.0, 4.0), (9.0,), "int8"),  # something else ran meanwhile
    ],
)
def test_the_quicker_one_is_chosen(int8: tuple[float, ...], fp32: tuple[float, ...], name: str) -> None:
    clock = Clock()
    models = {"int8": Timed(clock, *int8), "fp32": Timed(clock, *fp32)}
    choice = quickest(models, 64, 5, lambda: clock.s)
    assert choice.name == name
    assert choice.model is models[name]
    assert choice.ms == pytest.approx({"int8": int8[-1], "fp32": fp32[-1]})
    for model in models.values():
        assert set(model.asked) == {(5, 64, 64, 3)}


def test_both_times_are_told() -> None:
    clock = Clock()
    choice = quickest({"int8": Timed(clock, 20), "fp32": Timed(clock, 9)}, 64, 1, lambda: clock.s)
    assert choice.line() == "fp32, the quickest here: 9.0 ms for a field's patches; int8 20.0 ms"


def test_a_graph_that_fails_is_not_passed_over() -> None:
    class Broken(Timed):
        def predict(self, *_: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            raise HardwareError("inference failed: no memory")

    clock = Clock()
    with pytest.raises(HardwareError, match="no memory"):
        quickest({"int8": Broken(clock, 1), "fp32": Timed(clock, 9)}, 64, 1, lambda: clock.s)


def test_the_shipped_bundle_s_graphs_can_be_chosen_between() -> None:
    bundle = read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())
    patches = np.zeros((2, 128, 128, 3), np.uint8)
    for arithmetic, names in (("int8", {"int8"}), ("fp32", {"fp32"}), ("auto", {"int8", "fp32"})):
        choice = choose(bundle, arithmetic, 2)  # type: ignore[arg-type]
        assert choice.name in names
        moves, _ = choice.model.predict(patches, patches, NOTHING_KNOWN)
        assert moves.shape == (2,)
    assert choose(bundle, "fp32", 2).line() == "fp32, as the profile says"
