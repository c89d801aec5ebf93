"""The pairs of planes of a list of stacks, and the patches that are cut from them.

Pairs are cut at the design's sampling; a camera that samples otherwise is scaled, as on the device.
"""

from __future__ import annotations

import copy
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.patches import LUMINANCE, PatchRule, cut_patches
from training.cache import decoded
from training.recipe import DELTA_TOLERANCE
from training.stacks import Stack, match_pairs

Images = NDArray[np.uint8]

_TOLERANCE = 0.06  # of delta: how far a pair's distance may be from the rule's
DELTAS = (1.0, 1 - DELTA_TOLERANCE, 1 + DELTA_TOLERANCE)  # of delta: stages do not keep the distance; learnt from too
_MARGIN_PX = 3  # room for the shift between the two frames
_TRIES = 8
EXAMPLE_PLACES = 6  # of a calibration, and pairs at each: as the scanner does it
_EXAMPLE_PAIRS = 7
_FARTHEST_EXAMPLE_DOF = 6.0  # of its second frame from focus


@dataclass(frozen=True)
class Batch:
    """N patch pairs.

    :param first, second: (N, P, P, 3) uint8; :param move_dof: (N,) float32, the answer, DoF, positive = up.
    """

    first: Images
    second: Images
    move_dof: NDArray[np.float32]


def joined(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    return Batch(
        np.concatenate([batch.first for batch in batches]),
        np.concatenate([batch.second for batch in batches]),
        np.concatenate([batch.move_dof for batch in batches]),
    )


@dataclass(frozen=True)
class Field:
    """Two planes of a stack, seen as the device sees a field; heights relative to focus, um."""

    stack: str
    optics: Objective
    z1_um: float
    z2_um: float

    @property
    def move_um(self) -> float:
        """The right answer."""
        return -self.z2_um


@dataclass(frozen=True)
class Fields:
    """The patches of many fields.

    :param patches: all of them; :param number: (N,) which of `fields` a patch comes from.
    """

    patches: Batch
    number: NDArray[np.int64]
    fields: list[Field]


@dataclass(frozen=True)
class Pair:
    """Two planes of a stack, by their numbers, and the move that is right from the second, DoF."""

    stack: int
    first: int
    second: int
    move_dof: float


class PairSet:
    """All pairs of a list of stacks, with their pixels in one memory-mapped file.

    :param cache: folder of the decoded file; made when missing, taken as it is when it fits the stacks.
    :param max_move_dof: pairs whose second plane is farther from focus are left out.
    """

    def __init__(
        self,
        stacks: list[Stack],
        rule: PatchRule,
        max_move_dof: float,
        cache: Path,
        progress: Callable[[int, int], None],
    ) -> None:
        self._rule = rule
        self._stacks = stacks
        self._sides = [rule.source_px(stack.optics, stack.pixel_um) for stack in stacks]
        self._planes = decoded(stacks, cache, progress)
        self._number = {stack.name: number for number, stack in enumerate(stacks)}
        self._slides: dict[str, list[int]] = {}
        for number, stack in enumerate(stacks):
            if stack.slide:
                self._slides.setdefault(stack.slide, []).append(number)
        self._starts = np.cumsum([0, *(len(stack.planes) for stack in stacks)])
        self._by_delta = [
            [
                _pairs(index, stack, replace(rule, delta_dof=rule.delta_dof * share), max_move_dof)
                for index, stack in enumerate(stacks)
            ]
            for share in DELTAS
        ]
        # The places of a slide calibrate for each other, one after the other.
        self._shown = functools.lru_cache(EXAMPLE_PLACES + 1)(self._cut_examples)
        self._keep(range(len(stacks)))
        if not self._pairs:
            wanted = rule.delta_dof * stacks[0].optics.depth_of_field_um
            raise UsageError(f"stacks: no two planes are {wanted:.3f} um apart; check the spacing of the planes")
        smallest = min(self._planes.shape[1:3])
        if smallest < max(self._sides) + 2 * _MARGIN_PX:
            raise UsageError(f"stacks: images of {smallest} px are too small for patches of {max(self._sides)} px")

    def _keep(self, stacks: Sequence[int]) -> None:
        self._kept = stacks
        self._pairs = [pair for stack in stacks for pair in self._by_delta[0][stack]]

    def split(self, share: float) -> tuple[PairSet, PairSet]:
        """Two sets over the same planes, the second of about that share of the slides, one at least.

        By slide, so that neither learns of the other; by place, where all is one slide. Stacks without pairs are in
        neither.

        :raises UsageError: there is one place with pairs only.
        """
        useful = [number for number in self._kept if self._by_delta[0][number]]
        slides: dict[str, list[int]] = {}
        for number in useful:
            slides.setdefault(self._stacks[number].slide or self._stacks[number].name, []).append(number)
        groups = list(slides.values()) if len(slides) > 1 else [[number] for number in useful]
        if len(groups) < 2:
            raise UsageError("stacks: one position is too few to learn from and to validate; take more of them")
        count = min(max(1, round(share * len(groups))), len(groups) - 1)
        held = {int(at) for at in np.random.default_rng(17).permutation(len(groups))[:count]}
        halves = []
        for inside in (False, True):
            half = copy.copy(self)
            half._keep(sorted(at for number, group in enumerate(groups) for at in group if (number in held) == inside))
            halves.append(half)
        return halves[0], halves[1]

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def checksum(self) -> str:
        """Of the names and heights of all planes: tells whether two sets are of the same stacks."""
        names = [(stack.name, [plane.z_nm for plane in stack.planes]) for stack in self._stacks]
        return f"{zlib.crc32(repr(names).encode()):08x}"

    @property
    def kept(self) -> Sequence[int]:
        """Numbers of the stacks that are this set's own: all, but after a split."""
        return self._kept

    @property
    def rule(self) -> PatchRule:
        return self._rule

    @property
    def stacks(self) -> Sequence[Stack]:
        return self._stacks

    def pairs(self, stack: int, delta: int = 0) -> list[Pair]:
        """Pairs of a stack, upwards, whose planes are `DELTAS[delta]` times the rule's delta apart."""
        return self._by_delta[delta][stack]

    def optics_code(self, stack: int) -> NDArray[np.float32]:
        """What the network is told of the scanner of a stack."""
        return self._rule.optics_code(self._stacks[stack].optics, self._stacks[stack].pixel_um)

    def neighbours(self, stack: int) -> list[int]:
        """Other stacks of the same slide."""
        slide = self._stacks[stack].slide
        return [at for at in self._slides.get(slide, []) if at != stack]

    def examples(self, stack: str, patches: int) -> list[Batch]:
        """What calibrates for a stack as the scanner does it: pairs of other places of its slide, one batch each.

        :param patches: of each pair, the most textured ones.
        """
        places = self.neighbours(self._number[stack])[:EXAMPLE_PLACES]
        return [batch for place in places for batch in self._shown(place, patches)]

    def _cut_examples(self, place: int, patches: int) -> list[Batch]:
        near = [pair for pair in self.pairs(place) if abs(pair.move_dof) <= _FARTHEST_EXAMPLE_DOF]
        spread = sorted({round(at) for at in np.linspace(0, len(near) - 1, _EXAMPLE_PAIRS)}) if near else []
        return [self._cut(near[at], patches) for at in spread]

    def fields(self, count: int, patches: int, seed: int) -> Fields:
        """`count` pairs spread evenly over the set, each cut into its `patches` most textured places, unaugmented."""
        rng = np.random.default_rng([seed, 0])
        chosen = [self._pairs[at] for at in rng.permutation(len(self._pairs))[:count]]
        cut = [self._cut(pair, patches) for pair in chosen]
        numbers = np.repeat(np.arange(len(cut)), [len(each.first) for each in cut])
        return Fields(joined(cut), numbers, [self._described(pair) for pair in chosen])

    def whole_stacks(self) -> Iterator[tuple[Stack, Images]]:
        """Every stack with all of its planes, (planes, H, W, 3), in order of height."""
        for index, stack in enumerate(self._stacks):
            yield stack, self._planes[int(self._starts[index]) : int(self._starts[index + 1])]

    def _described(self, pair: Pair) -> Field:
        stack = self._stacks[pair.stack]
        heights_um = [stack.planes[at].z_nm / 1000 for at in (pair.first, pair.second)]
        return Field(stack.name, stack.optics, heights_um[0], heights_um[1])

    def _frames(self, pair: Pair) -> tuple[Images, Images]:
        start = int(self._starts[pair.stack])
        return self._planes[start + pair.first], self._planes[start + pair.second]

    def _cut(self, pair: Pair, patches: int) -> Batch:
        first, second = cut_patches(*self._frames(pair), self._rule, self._sides[pair.stack], patches)
        return Batch(first, second, np.full(len(first), pair.move_dof, np.float32))

    def draw(self, pair: Pair, rng: np.random.Generator) -> Images:
        """(2, P, P, 3): one place of the pair that has texture, the first frame sometimes a little beside it."""
        before, after = self._frames(pair)
        side = self._sides[pair.stack]
        for _ in range(_TRIES):
            y = int(rng.integers(_MARGIN_PX, before.shape[0] - side - _MARGIN_PX + 1))
            x = int(rng.integers(_MARGIN_PX, before.shape[1] - side - _MARGIN_PX + 1))
            second = after[y : y + side, x : x + side]
            if _deviation(second) >= self._rule.min_weight:
                break
        dy, dx = rng.integers(-2, 3, 2) if rng.random() < 0.3 else (0, 0)
        first = before[y + dy : y + dy + side, x + dx : x + dx + side]
        return np.stack([_resized(first, self._rule.size_px), _resized(second, self._rule.size_px)])


def _pairs(index: int, stack: Stack, rule: PatchRule, max_move_dof: float) -> list[Pair]:
    dof_nm = stack.optics.depth_of_field_um * 1000
    delta_nm = rule.delta_dof * dof_nm
    heights = [plane.z_nm for plane in stack.planes]
    pairs = []
    for first, second in match_pairs(heights, round(delta_nm), round(delta_nm * _TOLERANCE)):
        move_dof = -heights[second] / dof_nm
        if abs(move_dof) <= max_move_dof:
            pairs.append(Pair(index, first, second, move_dof))
    return pairs


def _deviation(patch: Images) -> float:
    light = patch[::4, ::4].astype(np.float32) @ (np.array(LUMINANCE, np.float32) / 255)
    return float(light.std())


def _resized(patch: Images, size: int) -> Images:
    if patch.shape[0] == size:
        return patch
    return np.asarray(Image.fromarray(patch).resize((size, size), Image.Resampling.BICUBIC))
