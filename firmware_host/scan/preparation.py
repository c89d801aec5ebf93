"""Before the first field: home, light, survey, network, calibration. Or all of it from what a journal says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_host.errors import HardwareError, warn
from firmware_host.focus.calibration import Calibration
from firmware_host.focus.correction import Correction
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TwoShotFocus
from firmware_host.focus.result import FocusMethod
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner
from firmware_host.heartbeat import Tell
from firmware_host.incidents import Incident, Note
from firmware_host.inference.choice import Choice, choose
from firmware_host.inference.ort import OrtCalibrator
from firmware_host.profile_tables import Arithmetic
from firmware_host.scan.calibration import calibrate_on_slide
from firmware_host.scan.entries import Calibrated, Prepared
from firmware_host.scan.light import FlatField
from firmware_host.scan.plan import Region, Site
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.scan import SAME_LIGHT
from firmware_host.scan.survey import BrightestView, Survey, light_now, survey

HOMING, NETWORK, SURVEY = "homing", "choosing the network", "looking for tissue"
"""What is told of these steps. The first two take long in one piece."""

_LIGHT_TRIES = 3


@dataclass(frozen=True)
class Setup:
    """What a scan starts with.

    :param sites: fields to scan, in order; :param start_z_um: z of focus at the first of them.
    :param entry: the same for the journal.
    """

    sites: list[Site]
    start_z_um: float
    flat_field: FlatField
    brightest: BrightestView
    method: FocusMethod
    sweep: ContrastSweep
    eye: Eye
    entry: Prepared


class Preparation:
    """Makes a scanner ready for one slide."""

    def __init__(self, scanner: Scanner, request: ScanRequest, tell: Tell, note: Note) -> None:
        self._scanner = scanner
        self._request = request
        self._tell = tell
        self._note = note
        self._eye, self._sweep = sweep_of(scanner, with_witness=True)

    def of_a_new_slide(self, region: Region) -> Setup:
        """Home, light, survey; and the way of focusing that was asked for, set up for this slide.

        Made again where the light has changed meanwhile.

        :raises HardwareError: it changes each time, so that tissue is not told from glass.
        """
        self.home()
        network = self._network(self._scanner.profile.focus.arithmetic)
        for _ in range(_LIGHT_TRIES):
            found = survey(self._scanner, self._eye, self._sweep, region, lambda share: self._tell(SURVEY, share, None))
            setup = self._method_for(found, network)
            change = light_now(self._scanner, self._eye, found.brightest)
            if abs(change - 1) <= SAME_LIGHT:
                return setup
            text = f"survey: the light is {change:.2f} times as bright as it was at its beginning; it is made again"
            self._note(Incident("light changed", text))
        raise HardwareError(
            f"light: it changed in each of {_LIGHT_TRIES} surveys, so tissue is not told from glass; check the lamp "
            "and its supply"
        )

    def _method_for(self, found: Survey, network: Choice | None) -> Setup:
        """The way of focusing, calibrated where that was asked for."""
        if network is None:
            return self._setup(found, self._sweep, None, None)
        estimator = self._estimator(network)
        if not self._request.calibration:
            return self._setup(found, self._two_shots(estimator), network, None)
        graph = self._request.bundle.graphs.calibration
        calibration = calibrate_on_slide(
            self._scanner,
            self._eye,
            self._sweep,
            estimator,
            OrtCalibrator(graph) if graph else None,
            found,
            lambda share: self._tell("calibrating", share, None),
            self._note,
        )
        estimator = estimator.calibrated(calibration.code, calibration.correction)
        return self._setup(found, self._two_shots(estimator), network, _entry_of(calibration))

    def as_before(self, known: Prepared) -> Setup:
        """Home and light; all else as the journal says."""
        profile = self._scanner.profile
        self.home()
        shape = (profile.camera.height_px, profile.camera.width_px)
        sites = [Site(*site) for site in known.sites]
        flat_field, brightest = FlatField(shape, known.flat_field), BrightestView(*known.brightest)
        network = None if known.arithmetic is None else self._network(known.arithmetic)
        if network is None:
            return Setup(sites, known.start_z_um, flat_field, brightest, self._sweep, self._sweep, self._eye, known)
        estimator = self._estimator(network)
        if known.calibration is not None:
            said = known.calibration
            code = None if said.code is None else np.array(said.code, np.float32)
            estimator = estimator.calibrated(code, Correction(said.offset_dof, said.up, said.down))
        method = self._two_shots(estimator)
        return Setup(sites, known.start_z_um, flat_field, brightest, method, self._sweep, self._eye, known)

    def home(self) -> None:
        self._tell(HOMING, 0.0, None)
        self._scanner.stage.home()
        self._scanner.lamp.on()

    def _network(self, arithmetic: Arithmetic) -> Choice | None:
        if self._request.method != "two-shot":
            return None
        self._tell(NETWORK, 0.0, None)
        return choose(self._request.bundle, arithmetic, self._scanner.profile.focus.patches, warn)

    def _estimator(self, network: Choice) -> TwoShotEstimator:
        profile = self._scanner.profile
        shape = (profile.camera.height_px, profile.camera.width_px)
        return TwoShotEstimator(
            self._scanner.network(network.model),
            self._request.bundle.patch_rule,
            profile.optics,
            profile.camera.pixel_um,
            shape,
            profile.focus,
        )

    def _two_shots(self, estimator: TwoShotEstimator) -> TwoShotFocus:
        scanner, profile = self._scanner, self._scanner.profile
        return TwoShotFocus(
            scanner.stage,
            self._eye,
            scanner.clock,
            estimator,
            self._sweep,
            profile.optics,
            profile.focus,
            self._note,
        )

    def _setup(
        self, found: Survey, method: FocusMethod, network: Choice | None, calibration: Calibrated | None
    ) -> Setup:
        terms = found.flat_field.terms
        entry = Prepared.model_validate(
            {
                "sites": [(site.row, site.col, site.x_um, site.y_um) for site in found.sites],
                "start_z_um": found.start_z_um,
                "flat_field": None if terms is None else [list(each) for each in terms],
                "empty_views": found.empty_views,
                "brightest": (found.brightest.x_um, found.brightest.y_um, found.brightest.level),
                "arithmetic": None if network is None else network.name,
                "network": None if network is None else network.line(),
                "calibration": calibration,
            }
        )
        return Setup(
            found.sites, found.start_z_um, found.flat_field, found.brightest, method, self._sweep, self._eye, entry
        )


def sweep_of(scanner: Scanner, with_witness: bool = False) -> tuple[Eye, ContrastSweep]:
    """What looks, and the contrast sweep with it."""
    profile = scanner.profile
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, profile.camera.timeout_s)
    return eye, ContrastSweep(scanner.stage, eye, profile.optics, profile.focus, with_witness)


def _entry_of(calibration: Calibration | None) -> Calibrated | None:
    if calibration is None:
        return None
    code, correction = calibration.code, calibration.correction
    return Calibrated(
        line=calibration.line(),
        code=None if code is None else [float(each) for each in code],
        offset_dof=correction.offset_dof,
        up=correction.up,
        down=correction.down,
    )
