"""The driver's library by its C calls: in which order, with what, and what its errors become."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from firmware_host.errors import HardwareError
from firmware_host.inference.cuda import _CALLS, Gpu


class Function:
    """A C function as ctypes shows one; fails with the code that it is given."""

    def __init__(self, name: str, log: list[tuple[Any, ...]]) -> None:
        self._name, self._log = name, log
        self.codes = [0]
        self.argtypes: tuple[Any, ...] = ()
        self.restype: Any = None

    def __call__(self, *arguments: Any) -> int:
        assert len(arguments) == len(self.argtypes), self._name
        self._log.append((self._name, *arguments))
        if self._name in {"cuStreamCreate", "cuDevicePrimaryCtxRetain", "cuMemAlloc_v2"}:
            arguments[0]._obj.value = 1000 + len(self._log)
        if self._name == "cuDeviceGetName":
            arguments[0].value = b"Orin"
        return self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]


class Library:
    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        for name in _CALLS:
            setattr(self, name, Function(name, self.log))

    def names(self) -> list[str]:
        return [name for name, *_ in self.log]


def gpu(library: Library) -> Gpu:
    return Gpu(lambda name: library if name == "libcuda.so.1" else pytest.fail(name))


def test_it_is_set_up_in_the_driver_s_order() -> None:
    library = Library()
    made = gpu(library)
    assert library.names() == [
        "cuInit",
        "cuDeviceGet",
        "cuDeviceGetName",
        "cuDevicePrimaryCtxRetain",
        "cuCtxSetCurrent",
        "cuStreamCreate",
    ]
    assert made.name == "Orin"
    assert made.stream > 0


def test_copies_go_into_its_queue_with_their_sizes() -> None:
    library = Library()
    made = gpu(library)
    address = made.allocate(12)
    data = np.arange(3, dtype=np.float32)
    made.upload(address, data)
    made.download(data, address)
    up, down = library.log[-2:]
    stream = ctypes.c_void_p(made.stream).value
    assert (up[0], *up[1:4], up[4].value) == ("cuMemcpyHtoDAsync_v2", address, data.ctypes.data, 12, stream)
    assert (down[0], *down[1:4], down[4].value) == ("cuMemcpyDtoHAsync_v2", data.ctypes.data, address, 12, stream)


@pytest.mark.parametrize("name", [name for name in _CALLS if "Mem" not in name and "Query" not in name])
def test_an_error_of_the_driver_is_told(name: str) -> None:
    library = Library()
    getattr(library, name).codes = [100]
    with pytest.raises(HardwareError, match=f"GPU: {name} failed with error 100"):
        gpu(library)


def test_it_waits_until_the_queue_is_empty() -> None:
    library = Library()
    made = gpu(library)
    library.cuStreamQuery.codes = [600, 600, 0]  # type: ignore[attr-defined]
    made.wait(5)
    assert library.names().count("cuStreamQuery") == 3


@pytest.mark.parametrize(("code", "words"), [(600, "no answer within 0 s"), (719, "error 719")])
def test_a_queue_that_hangs_or_fails_is_told(code: int, words: str) -> None:
    library = Library()
    made = gpu(library)
    library.cuStreamQuery.codes = [code]  # type: ignore[attr-defined]
    with pytest.raises(HardwareError, match=words):
        made.wait(0)


def test_no_driver_is_told() -> None:
    def load(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    with pytest.raises(HardwareError, match=r"no NVIDIA driver: libcuda\.so\.1"):
        Gpu(load)
