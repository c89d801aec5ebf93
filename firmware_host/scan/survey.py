"""The coarse pass: find the tissue, a first focus, and empty glass for the flat field. Looks only, saves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import UsageError
from firmware_host.focus.eye import Eye
from firmware_host.focus.sweep import WIDE_HALF_DOF, WIDE_STEP_DOF, ContrastSweep, search_wide
from firmware_host.hardware import Scanner
from firmware_host.profile import Profile
from firmware_host.scan.light import FlatField, absorbances, empty_level, view_means
from firmware_host.scan.plan import Region, Site, grid_sites, serpentine, sites_near

_EMPTY_FRAMES = 5
_FOCUS_TRIES = 6


@dataclass(frozen=True)
class BrightestView:
    """Where the slide is brightest, and the mean level of that view, 0 to 255."""

    x_um: float
    y_um: float
    level: float


@dataclass(frozen=True)
class Survey:
    """What the coarse pass found.

    :param sites: fields to scan, in order; :param start_z_um: z of focus at the first of them.
    :param empty_views: how many views of empty glass the flat field comes from; 0: there were none, it is neutral.
    :param brightest: the light is told by it later.
    """

    sites: list[Site]
    start_z_um: float
    flat_field: FlatField
    empty_views: int
    brightest: BrightestView


def region_to_survey(profile: Profile, wanted: Region | None) -> Region:
    """The region asked for, or all that the soft limits allow.

    :raises UsageError: the region asked for is not within the soft limits.
    """
    x, y = profile.axes.x, profile.axes.y
    if wanted is None:
        return Region(x.soft_min_um, y.soft_min_um, x.soft_max_um, y.soft_max_um)
    for name, axis, low, high in (("x", x, wanted.x0_um, wanted.x1_um), ("y", y, wanted.y0_um, wanted.y1_um)):
        if low < axis.soft_min_um or high > axis.soft_max_um:
            raise UsageError(
                f"region: {name} from {low / 1e3:g} to {high / 1e3:g} mm is outside the profile's soft limits, "
                f"{axis.soft_min_um / 1e3:g} to {axis.soft_max_um / 1e3:g} mm; choose another region or widen "
                f"axes.{name}.soft_min_um and soft_max_um"
            )
    return wanted


def survey(
    scanner: Scanner,
    eye: Eye,
    sweep: ContrastSweep,
    region: Region,
    progress: Callable[[float], None],
) -> Survey:
    """Look at the region on a coarse grid, at one height: how much a view absorbs can be told at any defocus.

    :param progress: the share of the grid; called at each view, and at each step of what comes after the grid.
    :raises UsageError: no view of the region holds tissue, or nothing in it can be focused on.
    """
    profile = scanner.profile
    field_um = profile.field_um
    stride = profile.scan.coarse_stride_fields
    pitch_um = (field_um[0] * stride, field_um[1] * stride)
    coarse = grid_sites(region, pitch_um, pitch_um)
    z = profile.axes.z
    scanner.stage.move_to(z_um=(z.soft_min_um + z.soft_max_um) / 2)
    # The corners of what the stage can reach are glass on almost every slide: they tell how bright glass is even
    # when the region is tissue all over.
    seen = serpentine(coarse)
    visits = [*seen, *_corners(scanner)]
    views, frames = _views(scanner, eye, visits, progress)
    glass = empty_level(np.array(views))
    depth = absorbances(np.array(views), glass)
    threshold = profile.scan.tissue_absorbance
    mask = np.zeros((len(coarse), len(coarse[0])), np.bool_)
    for site, value in zip(seen, depth, strict=False):
        mask[site.row, site.col] = value > threshold
    empty = [frame for number, frame in frames.items() if depth[number] < threshold / 4]
    if not mask.any():
        raise UsageError(
            f"region {region.x0_um / 1e3:g},{region.y0_um / 1e3:g},{region.x1_um / 1e3:g},{region.y1_um / 1e3:g} mm: "
            f"no tissue found in {len(seen)} views; check slide and lamp; give --region for a small piece"
        )
    shape = (profile.camera.height_px, profile.camera.width_px)
    flat_field = FlatField.from_empty(empty) if empty else FlatField.neutral(shape)
    overlap = 1 - profile.scan.overlap
    fine = grid_sites(region, (field_um[0] * overlap, field_um[1] * overlap), field_um)
    # A tissue cell's own fields are scanned; those up to where the next cell was seen to be empty are looked at first.
    own = serpentine(sites_near(fine, coarse, mask, ((field_um[0] + pitch_um[0]) / 2, (field_um[1] + pitch_um[1]) / 2)))
    around = serpentine(sites_near(fine, coarse, mask, pitch_um))
    kept = set(own)
    for site in [site for site in around if site not in kept]:
        if _absorbance(scanner, eye, site, glass) > threshold / 2:
            kept.add(site)
        progress(1.0)
    sites = [site for site in around if site in kept]
    darkest = [seen[int(index)] for index in np.argsort(-depth[: len(seen)], kind="stable")[:_FOCUS_TRIES]]
    start_z_um = _first_focus(scanner, eye, sweep, darkest, progress)
    levels = [float(view.mean()) for view in views]
    at = int(np.argmax(levels))
    brightest = BrightestView(visits[at].x_um, visits[at].y_um, levels[at])
    return Survey(sites, start_z_um, flat_field, len(empty), brightest)


def light_now(scanner: Scanner, eye: Eye, view: BrightestView) -> float:
    """How bright the survey's brightest view is, compared with then."""
    again = view_means(eye.look(scanner.stage.move_to(x_um=view.x_um, y_um=view.y_um)).image)
    return float(again.mean()) / view.level


_Views = tuple[list[NDArray[np.float64]], dict[int, NDArray[np.uint8]]]


def _views(scanner: Scanner, eye: Eye, visits: list[Site], progress: Callable[[float], None]) -> _Views:
    """Mean levels of each view, and the frames of the brightest ones by their number."""
    views: list[NDArray[np.float64]] = []
    frames: dict[int, NDArray[np.uint8]] = {}
    for number, site in enumerate(visits):
        frame = eye.look(scanner.stage.move_to(x_um=site.x_um, y_um=site.y_um))
        views.append(view_means(frame.image))
        frames[number] = frame.image
        _keep_brightest(frames, views)
        progress((number + 1) / len(visits))
    return views, frames


def _absorbance(scanner: Scanner, eye: Eye, site: Site, glass: NDArray[np.float64]) -> float:
    frame = eye.look(scanner.stage.move_to(x_um=site.x_um, y_um=site.y_um))
    return float(absorbances(view_means(frame.image)[None], glass)[0])


def _corners(scanner: Scanner) -> list[Site]:
    axes = scanner.profile.axes
    return [
        Site(-1, -1, x_um, y_um)
        for x_um in (axes.x.soft_min_um, axes.x.soft_max_um)
        for y_um in (axes.y.soft_min_um, axes.y.soft_max_um)
    ]


def _keep_brightest(frames: dict[int, NDArray[np.uint8]], views: list[NDArray[np.float64]]) -> None:
    """Keep the frames of the few brightest views seen so far: candidates for empty glass."""
    if len(frames) > _EMPTY_FRAMES:
        del frames[min(frames, key=lambda number: float(views[number].mean()))]


def _first_focus(
    scanner: Scanner, eye: Eye, sweep: ContrastSweep, places: list[Site], progress: Callable[[float], None]
) -> float:
    """Focus without any knowledge, at the first place that allows it: a wide search, then a sweep."""
    dof_um = scanner.profile.optics.depth_of_field_um
    z = scanner.profile.axes.z
    middle_um = (z.soft_min_um + z.soft_max_um) / 2
    for place in places:
        progress(1.0)
        scanner.stage.move_to(x_um=place.x_um, y_um=place.y_um)
        rough_um = search_wide(scanner.stage, eye, middle_um, WIDE_HALF_DOF * dof_um, WIDE_STEP_DOF * dof_um)
        if rough_um is not None:
            found = sweep.search(rough_um)
            if found.z_um is not None:
                return found.z_um
    raise UsageError(
        f"focus: nothing sharp found within {WIDE_HALF_DOF * dof_um:.0f} um of z = {middle_um:.0f} um at "
        f"{len(places)} places; check the slide's seat, the objective and the lamp"
    )
