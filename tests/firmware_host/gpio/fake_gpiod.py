"""A gpiod whose chip is in memory, with the calls of the package's version 2 and no others; as strict as the kernel."""

from __future__ import annotations

import enum
import errno
import os
from dataclasses import dataclass, field
from datetime import timedelta

LINES = 28


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
    debounce_period: timedelta = timedelta(0)
    output_value: Value = Value.INACTIVE


@dataclass
class EdgeEvent:
    line_offset: int


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
    def __init__(self, line: _Line, offset: int) -> None:
        self._line, self._offset = line, offset
        line.pipe = os.pipe()
        self.fd = line.pipe[0]

    def set_value(self, line: int, value: Value) -> None:
        assert line == self._offset
        if self._line.settings.direction is not Direction.OUTPUT:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self._line.output = value is Value.ACTIVE

    def get_value(self, line: int) -> Value:
        assert line == self._offset
        return Value.ACTIVE if self._line.level else Value.INACTIVE

    def reconfigure_lines(self, config: dict[int, LineSettings]) -> None:
        (settings,) = config.values()
        self._line.settings = settings
        self._line.output = settings.output_value is Value.ACTIVE

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        os.read(self.fd, 4096)
        events, self._line.events = self._line.events, []
        return events

    def release(self) -> None:
        self._line.consumer = ""


class Chip:
    def __init__(self, fake: FakeGpiod, path: str) -> None:
        self._fake = fake

    def get_line_info(self, line: int) -> LineInfo:
        return LineInfo(self._fake.lines[line].consumer)

    def close(self) -> None: ...


class FakeGpiod:
    """The module, and the circuit on the other side of its one chip.

    :param fault: raised when a line is requested.
    """

    LineSettings = LineSettings

    class line:  # noqa: N801 - the package's own name
        Value, Direction, Bias, Edge = Value, Direction, Bias, Edge

    def __init__(self, fault: OSError | None = None) -> None:
        self.lines = [_Line() for _ in range(LINES)]
        self.fault = fault

    def Chip(self, path: str) -> Chip:  # noqa: N802 - the package's own name
        return Chip(self, path)

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
        request = LineRequest(line, offset)
        request.reconfigure_lines({offset: settings})
        return request

    def drive(self, offset: int, level: bool) -> None:
        """A circuit outside sets the line; who watches it is told."""
        line = self.lines[offset]
        before = line.level
        line.driven = level
        wanted = {Edge.BOTH, Edge.RISING if level else Edge.FALLING}
        if line.level is not before and line.settings.edge_detection in wanted:
            line.events.append(EdgeEvent(offset))
            assert line.pipe is not None
            os.write(line.pipe[1], b"!")
