"""A gpiod whose chip is in memory, with the calls of the package's version 2 and no others, and the kernel's two calls
on the lines that it has handed out; as strict as the kernel."""

from __future__ import annotations

import enum
import errno
import os
import struct
from dataclasses import dataclass, field

LINES = 28
LABEL = "pinctrl-bcm2711"
_GET_VALUES, _SET_VALUES = 0xC010B40E, 0xC010B40F  # linux/gpio.h


class Value(enum.Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(enum.Enum):
    AS_IS = 1
    INPUT = 2
    OUTPUT = 3


class Bias(enum.Enum):
    AS_IS = 1
    DISABLED = 3
    PULL_UP = 4
    PULL_DOWN = 5


class Edge(enum.Enum):
    NONE = 1
    RISING = 2
    FALLING = 3
    BOTH = 4


@dataclass
class LineSettings:
    direction: Direction = Direction.AS_IS
    edge_detection: Edge = Edge.NONE
    bias: Bias = Bias.AS_IS
    output_value: Value = Value.INACTIVE


@dataclass
class EdgeEvent:
    line_offset: int
    timestamp_ns: int


@dataclass
class ChipInfo:
    label: str
    num_lines: int


@dataclass
class LineInfo:
    consumer: str


@dataclass
class _Line:
    """What a line is set to, who holds it, and what a circuit outside drives it to."""

    settings: LineSettings = field(default_factory=LineSettings)
    consumer: str = ""
    driven: bool | None = None
    output: bool = False
    events: list[EdgeEvent] = field(default_factory=list)
    pipe: tuple[int, int] | None = None

    @property
    def level(self) -> bool:
        if self.settings.direction is Direction.OUTPUT:
            return self.output
        return self.settings.bias is Bias.PULL_UP if self.driven is None else self.driven


class LineRequest:
    def __init__(self, line: _Line) -> None:
        self._line = line
        line.pipe = os.pipe()
        self.fd = line.pipe[0]

    def reconfigure_lines(self, config: dict[int, LineSettings]) -> None:
        (settings,) = config.values()
        self._line.settings = settings
        self._line.output = settings.output_value is Value.ACTIVE

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        os.read(self.fd, 4096)
        events, self._line.events = self._line.events, []
        return events

    def release(self) -> None:
        """The line goes back to an input, as on a kernel that does not keep outputs; its pull resistor stays."""
        self._line.consumer = ""
        self._line.settings = LineSettings(Direction.INPUT, bias=self._line.settings.bias)
        assert self._line.pipe is not None
        for end in self._line.pipe:
            os.close(end)
        self._line.pipe = None


class Chip:
    def __init__(self, fake: FakeGpiod, path: str) -> None:
        if path in fake.refused:
            raise fake.refused[path]
        self._fake = fake
        self._path = path

    def get_info(self) -> ChipInfo:
        return ChipInfo(self._fake.labels.get(self._path, LABEL), LINES)

    def get_line_info(self, line: int) -> LineInfo:
        return LineInfo(self._fake.lines[line].consumer)

    def close(self) -> None: ...


class FakeGpiod:
    """The module, and the circuit on the other side of its one chip.

    :param fault: raised when a line is requested. :param labels: of chips, by path.
    :param refused: what opening a chip raises, by path.
    """

    LineSettings = LineSettings

    class line:  # noqa: N801 - the package's own name
        Value, Direction, Bias, Edge = Value, Direction, Bias, Edge

    def __init__(
        self,
        fault: OSError | None = None,
        labels: dict[str, str] | None = None,
        refused: dict[str, OSError] | None = None,
    ) -> None:
        self.lines = [_Line() for _ in range(LINES)]
        self.fault = fault
        self.labels = labels or {}
        self.refused = refused or {}
        self.now_ns = 0

    def Chip(self, path: str) -> Chip:  # noqa: N802 - the package's own name
        return Chip(self, path)

    def ioctl(self, fd: int, call: int, values: bytes) -> bytes:
        """The kernel's calls on a request's file descriptor, with a struct gpio_v2_line_values of bits and mask."""
        line = next(each for each in self.lines if each.pipe is not None and each.pipe[0] == fd)
        bits, mask = struct.unpack("=QQ", values)
        assert mask == 1, "a request has one line"
        if call == _GET_VALUES:
            return struct.pack("=QQ", int(line.level), mask)
        assert call == _SET_VALUES
        if line.settings.direction is not Direction.OUTPUT:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        line.output = bool(bits)
        return values

    def request_lines(self, path: str, config: dict[int, LineSettings], consumer: str | None = None) -> LineRequest:
        if self.fault is not None:
            raise self.fault
        ((offset, settings),) = config.items()
        if offset >= LINES:
            raise ValueError(f"invalid line offset {offset}")
        line = self.lines[offset]
        if line.consumer:
            raise OSError(errno.EBUSY, "Device or resource busy")
        line.consumer = consumer or "?"
        request = LineRequest(line)
        request.reconfigure_lines({offset: settings})
        return request

    def wait_ms(self, ms: float) -> None:
        """Time passes on the clock of its events."""
        self.now_ns += round(ms * 1e6)

    def drive(self, offset: int, level: bool) -> None:
        """A circuit outside sets the line; who watches it is told."""
        line = self.lines[offset]
        before = line.level
        line.driven = level
        wanted = {Edge.BOTH, Edge.RISING if level else Edge.FALLING}
        if line.level is not before and line.settings.edge_detection in wanted:
            line.events.append(EdgeEvent(offset, self.now_ns))
            assert line.pipe is not None
            os.write(line.pipe[1], b"!")
