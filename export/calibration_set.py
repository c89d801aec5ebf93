"""The patches that INT8 is calibrated with: as many of every defocus and of every texture, not as chance has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_host.patches import LUMINANCE
from training.augment import placed
from training.data import Batch, Pair, PairSet

_TEXTURES = 4  # groups of equal size, from the flattest patches to the most textured
_DRAWN = 4  # patches that are drawn for one that is taken


def stratified(pairs: PairSet, count: int, seed: int) -> Batch:
    """`count` patch pairs, spread evenly over whole depths of field of the move, and within each over texture.

    :returns: in random order, so that any part of it is spread alike.
    """
    rng = np.random.default_rng([seed, 3])
    strata = _by_move(pairs)
    share = -(-count // len(strata))
    chosen = [each for stratum in strata for each in _of_all_textures(pairs, stratum, share, rng)]
    order = rng.permutation(len(chosen))[:count]
    images = np.stack([chosen[at][0] for at in order])
    return Batch(images[:, 0], images[:, 1], np.array([chosen[at][1] for at in order], np.float32))


def _by_move(pairs: PairSet) -> list[list[Pair]]:
    strata: dict[int, list[Pair]] = {}
    for stack in pairs.kept:
        for pair in pairs.pairs(stack):
            strata.setdefault(round(pair.move_dof), []).append(pair)
    return [strata[move] for move in sorted(strata)]


def _of_all_textures(
    pairs: PairSet, stratum: list[Pair], count: int, rng: np.random.Generator
) -> list[tuple[NDArray[np.uint8], float]]:
    """(2, P, P, 3) and its move, `count` times."""
    drawn = []
    for _ in range(_DRAWN * count):
        pair = stratum[int(rng.integers(len(stratum)))]
        drawn.append((placed(pairs.draw(pair, rng), rng, None), pair.move_dof))
    ranked = sorted(drawn, key=lambda each: _texture(each[0]))
    groups = np.array_split(np.arange(len(ranked)), min(_TEXTURES, count))
    shares = [len(part) for part in np.array_split(np.arange(count), len(groups))]
    return [ranked[at] for group, share in zip(groups, shares, strict=True) for at in rng.permutation(group)[:share]]


def _texture(pair: NDArray[np.uint8]) -> float:
    return float((pair.astype(np.float32) @ np.array(LUMINANCE, np.float32)).std(axis=(1, 2)).mean())
