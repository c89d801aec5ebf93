"""An NVIDIA GPU's memory and one queue of work, through the driver's own library: no package is needed for it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from firmware_host.errors import HardwareError

_NOT_READY = 600
_NAME_BYTES = 128
_POLL_S = 0.0001

_number, _pointer = ctypes.c_int, ctypes.c_void_p
_out, _address, _size = ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint64, ctypes.c_size_t
# From cuda.h; the names with _v2 are those that its macros stand for.
_CALLS: dict[str, tuple[Any, ...]] = {
    "cuInit": (ctypes.c_uint,),
    "cuDeviceGet": (ctypes.POINTER(_number), _number),
    "cuDeviceGetName": (ctypes.c_char_p, _number, _number),
    "cuDevicePrimaryCtxRetain": (_out, _number),
    "cuCtxSetCurrent": (_pointer,),
    "cuStreamCreate": (_out, ctypes.c_uint),
    "cuStreamQuery": (_pointer,),
    "cuMemAlloc_v2": (ctypes.POINTER(_address), _size),
    "cuMemcpyHtoDAsync_v2": (_address, _pointer, _size, _pointer),
    "cuMemcpyDtoHAsync_v2": (_pointer, _address, _size, _pointer),
}


class Gpu:
    """The first GPU of this machine. Work is queued in order; `wait` is the only call that waits for it.

    :param load: how libraries are loaded.
    :raises HardwareError: there is no driver or no GPU.
    """

    def __init__(self, load: Callable[[str], Any] = ctypes.CDLL) -> None:
        try:
            self._library = load("libcuda.so.1")
        except OSError as error:
            raise HardwareError(f"GPU: no NVIDIA driver: {error}") from error
        for name, arguments in _CALLS.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = arguments, _number
        device, context, stream = _number(), _pointer(), _pointer()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        called = ctypes.create_string_buffer(_NAME_BYTES)
        self._call("cuDeviceGetName", called, _NAME_BYTES, device)
        self.name = called.value.decode(errors="replace")
        # The primary context is the one that TensorRT uses too.
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._context = context
        self.enter()
        self._call("cuStreamCreate", ctypes.byref(stream), 1)
        self._stream = stream

    @property
    def stream(self) -> int:
        """The queue, as TensorRT takes it."""
        return int(self._stream.value or 0)

    def enter(self) -> None:
        """Work on this GPU from the calling thread."""
        self._call("cuCtxSetCurrent", self._context)

    def allocate(self, nbytes: int) -> int:
        """The address of so much of its memory, kept as long as the process lives."""
        address = _address()
        self._call("cuMemAlloc_v2", ctypes.byref(address), nbytes)
        return int(address.value)

    def upload(self, address: int, data: NDArray[Any]) -> None:
        """Queue a copy to the GPU; `data` is contiguous, and left as it is until `wait` returns."""
        self._call("cuMemcpyHtoDAsync_v2", address, data.ctypes.data, data.nbytes, self._stream)

    def download(self, data: NDArray[Any], address: int) -> None:
        """Queue a copy from the GPU; `data` is contiguous, and filled when `wait` returns."""
        self._call("cuMemcpyDtoHAsync_v2", data.ctypes.data, address, data.nbytes, self._stream)

    def wait(self, timeout_s: float) -> None:
        """Until all that was queued is done.

        :raises HardwareError: it failed, or took longer than the timeout.
        """
        until = time.monotonic() + timeout_s
        while (code := int(self._library.cuStreamQuery(self._stream))) == _NOT_READY:
            if time.monotonic() > until:
                raise HardwareError(f"GPU: no answer within {timeout_s:g} s; restart the scanner's computer")
            time.sleep(_POLL_S)
        _check(code, "cuStreamQuery")

    def _call(self, name: str, *arguments: Any) -> None:
        _check(int(getattr(self._library, name)(*arguments)), name)


def _check(code: int, name: str) -> None:
    if code:
        raise HardwareError(f"GPU: {name} failed with error {code} of the NVIDIA driver")
