"""Patch pairs for training: a decoded, memory-mapped cache of the stacks, and batches drawn from it.

A batch is a pure function of (seed, number of the batch), so that a run can be repeated and resumed. Pairs are cut
at the design's sampling; a camera that samples otherwise is scaled, as on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.patches import LUMINANCE, PatchRule, cut_patches
from training.augment import placed
from training.recipe import DELTA_TOLERANCE
from training.stacks import Stack, match_pairs

Images = NDArray[np.uint8]

_TOLERANCE = 0.06  # of delta: how far a pair's distance may be from the rule's
_DELTAS = (1 - DELTA_TOLERANCE, 1 + DELTA_TOLERANCE)  # of delta: stages do not keep the distance; learnt from too
_DELTAS_SHARE = 0.35
_MARGIN_PX = 3  # room for the shift between the two frames
_TRIES = 8


@dataclass(frozen=True)
class Batch:
    """N patch pairs.

    :param first, second: (N, P, P, 3) uint8; :param move_dof: (N,) float32, the answer, DoF, positive = up.
    """

    first: Images
    second: Images
    move_dof: NDArray[np.float32]


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
class _Pair:
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
        self._planes = _decode(stacks, cache, progress)
        self._starts = np.cumsum([0, *(len(stack.planes) for stack in stacks)])
        self._pairs = [pair for index, stack in enumerate(stacks) for pair in _pairs(index, stack, rule, max_move_dof)]
        self._other_deltas = [
            pair
            for index, stack in enumerate(stacks)
            for share in _DELTAS
            for pair in _pairs(index, stack, replace(rule, delta_dof=rule.delta_dof * share), max_move_dof)
        ]
        if not self._pairs:
            wanted = rule.delta_dof * stacks[0].optics.depth_of_field_um
            raise UsageError(f"stacks: no two planes are {wanted:.3f} um apart; check the spacing of the planes")
        smallest = min(self._planes.shape[1:3])
        if smallest < max(self._sides) + 2 * _MARGIN_PX:
            raise UsageError(f"stacks: images of {smallest} px are too small for patches of {max(self._sides)} px")

    def __len__(self) -> int:
        return len(self._pairs)

    def batch(self, number: int, size: int, seed: int) -> Batch:
        """Random, augmented pairs: the same for the same number and seed."""
        rng = np.random.default_rng([seed, number])
        patch = self._rule.size_px
        first, second = (np.empty((size, patch, patch, 3), np.uint8) for _ in range(2))
        moves = np.empty(size, np.float32)
        for index in range(size):
            pair = self._choose(rng)
            first[index], second[index] = placed(self._draw(pair, rng), rng)
            moves[index] = pair.move_dof
        return Batch(first, second, moves)

    def fields(self, count: int, patches: int, seed: int) -> Fields:
        """`count` pairs spread evenly over the set, each cut into its `patches` most textured places, unaugmented."""
        rng = np.random.default_rng([seed, 0])
        chosen = [self._pairs[at] for at in rng.permutation(len(self._pairs))[:count]]
        firsts, seconds, moves, fields = [], [], [], []
        for number, pair in enumerate(chosen):
            first, second = cut_patches(*self._frames(pair), self._rule, self._sides[pair.stack], patches)
            firsts.append(first)
            seconds.append(second)
            moves.append(np.full(len(first), pair.move_dof, np.float32))
            fields.append(np.full(len(first), number))
        batch = Batch(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(moves))
        return Fields(batch, np.concatenate(fields), [self._described(pair) for pair in chosen])

    def whole_stacks(self) -> Iterator[tuple[Stack, Images]]:
        """Every stack with all of its planes, (planes, H, W, 3), in order of height."""
        for index, stack in enumerate(self._stacks):
            yield stack, self._planes[int(self._starts[index]) : int(self._starts[index + 1])]

    def _described(self, pair: _Pair) -> Field:
        stack = self._stacks[pair.stack]
        heights_um = [stack.planes[at].z_nm / 1000 for at in (pair.first, pair.second)]
        return Field(stack.name, stack.optics, heights_um[0], heights_um[1])

    def _frames(self, pair: _Pair) -> tuple[Images, Images]:
        start = int(self._starts[pair.stack])
        return self._planes[start + pair.first], self._planes[start + pair.second]

    def _choose(self, rng: np.random.Generator) -> _Pair:
        others = self._other_deltas and rng.random() < _DELTAS_SHARE
        pairs = self._other_deltas if others else self._pairs
        return pairs[int(rng.integers(len(pairs)))]

    def _draw(self, pair: _Pair, rng: np.random.Generator) -> Images:
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


def _pairs(index: int, stack: Stack, rule: PatchRule, max_move_dof: float) -> list[_Pair]:
    dof_nm = stack.optics.depth_of_field_um * 1000
    delta_nm = rule.delta_dof * dof_nm
    heights = [plane.z_nm for plane in stack.planes]
    pairs = []
    for first, second in match_pairs(heights, round(delta_nm), round(delta_nm * _TOLERANCE)):
        move_dof = -heights[second] / dof_nm
        if abs(move_dof) <= max_move_dof:
            pairs.append(_Pair(index, first, second, move_dof))
    return pairs


def _decode(stacks: list[Stack], cache: Path, progress: Callable[[int, int], None]) -> Images:
    """All planes of all stacks as (planes, H, W, 3), cut to the smallest common size from their middles."""
    paths = [plane.path for stack in stacks for plane in stack.planes]
    sizes = []
    for stack in stacks:
        with Image.open(stack.planes[0].path) as image:
            sizes.append((image.height, image.width))
    height, width = min(size[0] for size in sizes), min(size[1] for size in sizes)
    shape = (len(paths), height, width, 3)
    cache.mkdir(parents=True, exist_ok=True)
    file, index = cache / "planes.npy", cache / "planes.txt"
    listing = "\n".join(str(path) for path in paths)
    if not (file.exists() and index.exists() and index.read_text() == listing):
        index.unlink(missing_ok=True)
        planes = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        for number, path in enumerate(paths):
            planes[number] = _middle(path, height, width)
            progress(number + 1, len(paths))
        planes.flush()
        index.write_text(listing)
    mapped: Images = np.lib.format.open_memmap(file, mode="r")
    return mapped


def _middle(path: Path, height: int, width: int) -> Images:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise UsageError(f"plane {path}: cannot be decoded: {error}; remove it") from error
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    if top < 0 or left < 0:
        raise UsageError(f"plane {path}: smaller than the first plane of its stack")
    return pixels[top : top + height, left : left + width]


def _deviation(patch: Images) -> float:
    light = patch[::4, ::4].astype(np.float32) @ (np.array(LUMINANCE, np.float32) / 255)
    return float(light.std())


def _resized(patch: Images, size: int) -> Images:
    if patch.shape[0] == size:
        return patch
    return np.asarray(Image.fromarray(patch).resize((size, size), Image.Resampling.BICUBIC))
