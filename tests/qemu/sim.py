"""A circuit on the far side of a GPIO chip of the kernel's gpio-sim: drives its lines, and meters them.

See Documentation/admin-guide/gpio/gpio-sim.rst of Linux.
"""

from __future__ import annotations

from pathlib import Path

_CONFIG = Path("/config/gpio-sim")


class SimulatedChip:
    """:param name: that of its folder in configfs."""

    def __init__(self, name: str) -> None:
        device = (_CONFIG / name / "dev_name").read_text().strip()
        self.chip = (_CONFIG / name / "header" / "chip_name").read_text().strip()
        self._lines = Path("/sys/devices/platform") / device / self.chip

    def drive(self, line: int, level: bool) -> None:
        """Set a line as a resistor would that is stronger than the chip's own."""
        (self._lines / f"sim_gpio{line}" / "pull").write_text("pull-up" if level else "pull-down")

    def level(self, line: int) -> bool:
        return (self._lines / f"sim_gpio{line}" / "value").read_text().strip() == "1"
