"""The conformance suite over the real RPi.GPIO, whose registers are a file; `test_real_rpi_gpio.py` runs it there.

Around the file stands what the chip would do: levels follow the set and clear registers, circuits, and pull resistors.
Edges come through the kernel, which here has no GPIO: the library says so as it does on a kernel from 6.6 on.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import IN, Bench, GpioConformance, sleep_ms

from firmware_host.errors import HardwareError
from firmware_host.gpio.port import Pull
from firmware_host.gpio.rpi_gpio import RpiGpio, open_rpi_gpio

SELECT, SET, CLEAR, LEVEL, PULL = 0x00, 0x1C, 0x28, 0x34, 0xE4
UP, OUTPUT = 0b01, 0b001


class Registers:
    """BCM2711 ARM Peripherals, chapter 5: what stands around the first 28 pins."""

    def __init__(self, page: mmap.mmap) -> None:
        self._page = page
        self._driven: dict[int, bool] = {}

    def drive(self, pin: int, level: bool) -> None:
        self._driven[pin] = level
        self.settle()

    def level(self, pin: int) -> bool:
        self.settle()
        return bool(self._word(LEVEL) >> pin & 1)

    def settle(self) -> None:
        levels = (self._word(LEVEL) | self._word(SET)) & ~self._word(CLEAR)
        for register in (SET, CLEAR):
            self._write(register, 0)
        for pin in range(28):
            if self._word(SELECT + 4 * (pin // 10)) >> 3 * (pin % 10) & 0b111 != OUTPUT:
                pulled = self._word(PULL + 4 * (pin // 16)) >> 2 * (pin % 16) & 0b11 == UP
                levels = levels & ~(1 << pin) | self._driven.get(pin, pulled) << pin
        self._write(LEVEL, levels)

    def _word(self, offset: int) -> int:
        return int(struct.unpack_from("<I", self._page, offset)[0])

    def _write(self, offset: int, value: int) -> None:
        struct.pack_into("<I", self._page, offset, value)


class Settled:
    """The port, with the registers settled after each call, as silicon does at once."""

    def __init__(self, port: RpiGpio, registers: Registers) -> None:
        self._port, self._registers = port, registers
        self.read, self.watch, self.close = port.read, port.watch, port.close

    def setup_output(self, pin: int, initial: bool) -> None:
        self._port.setup_output(pin, initial)
        self._registers.settle()

    def setup_input(self, pin: int, pull: Pull) -> None:
        self._port.setup_input(pin, pull)
        self._registers.settle()

    def write(self, pin: int, level: bool) -> None:
        self._port.write(pin, level)
        self._registers.settle()

    def pwm(self, pin: int, frequency_hz: float, duty: float) -> None:
        self._port.pwm(pin, frequency_hz, duty)
        self._registers.settle()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Path("/dev/gpiomem").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as page:
        page[:] = bytes(4096)
        registers = Registers(page)
        port = open_rpi_gpio()
        assert isinstance(port, RpiGpio)
        yield Bench(Settled(port, registers), registers.drive, registers.level, sleep_ms)
        port.close()


class TestRealRpiGpio(GpioConformance):
    has_edges = False


def test_watching_is_refused_with_the_remedy_for_new_kernels(bench: Bench) -> None:
    bench.port.setup_input(IN, "up")
    with pytest.raises(HardwareError, match=r"GPIO pin 5: cannot watch: Failed to add edge detection; .*from 6\.6 on"):
        bench.port.watch(IN, "falling", print)
