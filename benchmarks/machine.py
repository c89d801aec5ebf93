"""What is measured: a scanner's profile, and where on its slide it may go."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_host.errors import UsageError
from firmware_host.profile import Profile
from firmware_host.scan.plan import Region


@dataclass(frozen=True)
class Machine:
    """The scanner that a suite runs on.

    :param region: where a real scanner may scan; an emulated one has regions of its own.
    """

    profile: Profile
    region: Region | None = None

    @property
    def is_emulated(self) -> bool:
        """Whether the truth is known, and nothing can be broken."""
        return self.profile.hardware.gpio == "emulated"

    def region_on(self, suite: str) -> Region:
        """:raises UsageError: none was given, and the suite would move a real stage."""
        if self.region is None:
            raise UsageError(
                f"suite {suite}: it moves the stage of {self.profile.name}: lay a slide in, and give --region "
                "X0,Y0,X1,Y1 in mm, with tissue"
            )
        return self.region
