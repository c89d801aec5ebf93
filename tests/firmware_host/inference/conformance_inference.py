"""What every inference backend must do. To test your own: inherit, and give a `bench` fixture.

`bench.model` runs a shipped bundle's graph, `bench.yardstick` the same bundle's FP32 graph in ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_host.inference.port import NOTHING_KNOWN, PatchModel
from firmware_host.inference.selftest import made_up_patches

Images = NDArray[np.uint8]


@dataclass
class Bench:
    """One backend.

    :param patches: of a field, as the profile has them.
    :param agrees_dof: by how much moves may differ from the FP32 graph's, in the mean and at most.
    :param batch_dof: by how much a patch's move may depend on the others of its batch.
    """

    model: PatchModel
    yardstick: PatchModel
    size_px: int
    patches: int
    agrees_dof: tuple[float, float]
    batch_dof: float

    def frames(self, count: int) -> tuple[Images, Images]:
        return made_up_patches(count, self.size_px)


CODES = [NOTHING_KNOWN, np.array([0.75, 0.1], np.float32), np.linspace(-0.8, 0.8, 10, dtype=np.float32)]
codes = pytest.mark.parametrize("code", CODES, ids=["nothing known", "optics", "optics and slide"])


class InferenceConformance:
    @codes
    @pytest.mark.parametrize("count", [1, "a field's", "and one more"])
    def test_any_number_of_patches_is_answered_patch_by_patch(
        self, bench: Bench, count: int | str, code: NDArray[np.float32]
    ) -> None:
        numbers = {"a field's": bench.patches, "and one more": bench.patches + 1}
        number = numbers[count] if isinstance(count, str) else count
        moves, weights = bench.model.predict(*bench.frames(number), code)
        for answer in (moves, weights):
            assert answer.shape == (number,)
            assert answer.dtype == np.float32
            assert np.isfinite(answer).all()
        assert (weights > 0).all()
        assert np.abs(moves).max() < 50, "depths of field"

    @pytest.mark.parametrize("levels", [(0, 0), (255, 255), (128, 128), (0, 255), (255, 0), (127, 128)])
    def test_flat_patches_weigh_nothing_and_are_numbers(self, bench: Bench, levels: tuple[int, int]) -> None:
        shape = (3, bench.size_px, bench.size_px, 3)
        moves, weights = bench.model.predict(*(np.full(shape, level, np.uint8) for level in levels), NOTHING_KNOWN)
        assert np.isfinite(moves).all()
        np.testing.assert_allclose(weights, 0, atol=1e-3)

    def test_patches_with_texture_weigh_more_than_those_with_little(self, bench: Bench) -> None:
        first, second = bench.frames(6)
        faint = [(128 + (frames.astype(float) - 128) / 8).astype(np.uint8) for frames in (first, second)]
        clear_weights = bench.model.predict(first, second, NOTHING_KNOWN)[1]
        faint_weights = bench.model.predict(faint[0], faint[1], NOTHING_KNOWN)[1]
        assert (clear_weights > 4 * faint_weights).all()

    @codes
    def test_a_patch_is_judged_alike_alone_and_among_others(self, bench: Bench, code: NDArray[np.float32]) -> None:
        first, second = bench.frames(bench.patches)
        together = bench.model.predict(first, second, code)
        alone = [bench.model.predict(first[n : n + 1], second[n : n + 1], code) for n in range(bench.patches)]
        np.testing.assert_allclose(together[0], [move[0] for move, _ in alone], atol=bench.batch_dof)
        np.testing.assert_allclose(together[1], [weight[0] for _, weight in alone], atol=1e-4)

    def test_an_order_is_kept(self, bench: Bench) -> None:
        first, second = bench.frames(bench.patches)
        there = bench.model.predict(first, second, NOTHING_KNOWN)
        back = bench.model.predict(first[::-1], second[::-1], NOTHING_KNOWN)
        for one, other in zip(there, back, strict=True):
            np.testing.assert_allclose(one, other[::-1], atol=bench.batch_dof)

    def test_the_same_patches_get_the_same_answer(self, bench: Bench) -> None:
        first, second = bench.frames(bench.patches)
        answers = [bench.model.predict(first, second, NOTHING_KNOWN) for _ in range(3)]
        for other in answers[1:]:
            for one, again in zip(answers[0], other, strict=True):
                np.testing.assert_array_equal(one, again)

    def test_answers_and_frames_are_not_touched_by_the_next_call(self, bench: Bench) -> None:
        first, second = bench.frames(3)
        kept = first.copy(), second.copy()
        moves, weights = bench.model.predict(first, second, NOTHING_KNOWN)
        noted = moves.copy(), weights.copy()
        bench.model.predict(second, first, NOTHING_KNOWN)
        np.testing.assert_array_equal((moves, weights), noted)
        np.testing.assert_array_equal((first, second), kept)

    def test_the_frames_are_not_interchangeable(self, bench: Bench) -> None:
        first, second = bench.frames(bench.patches)
        there = bench.model.predict(first, second, NOTHING_KNOWN)[0]
        assert np.abs(there - bench.model.predict(second, first, NOTHING_KNOWN)[0]).mean() > 0.1

    @codes
    def test_it_agrees_with_the_fp32_graph(self, bench: Bench, code: NDArray[np.float32]) -> None:
        first, second = bench.frames(2 * bench.patches)
        ours, theirs = (model.predict(first, second, code) for model in (bench.model, bench.yardstick))
        difference = np.abs(ours[0] - theirs[0])
        mean_dof, most_dof = bench.agrees_dof
        assert difference.mean() <= mean_dof
        assert difference.max() <= most_dof
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-3)

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (lambda one, other: (one[:2], other), "2 first and 3 second"),
            (lambda one, other: (one[:0], other[:0]), "no patches"),
            (lambda one, other: (one[0], other[0]), "shape"),
            (lambda one, other: (one[:, :-1], other[:, :-1]), "shape"),
            (lambda one, other: (one[..., :1], other[..., :1]), "shape"),
            (lambda one, other: (one[:, ::2, ::2], other[:, ::2, ::2]), "shape"),
            (lambda one, other: (one.astype(np.float32), other.astype(np.float32)), "float32"),
            (lambda one, other: (one, other.astype(np.int16)), "int16"),
        ],
        ids=["counts", "none", "one", "height", "colours", "size", "floats", "second"],
    )
    def test_what_are_no_patches_is_refused_by_what_they_are(self, bench: Bench, wrong: object, words: str) -> None:
        frames = wrong(*bench.frames(3))  # type: ignore[operator]
        with pytest.raises(ValueError, match=words) as told:
            bench.model.predict(*frames, NOTHING_KNOWN)
        assert "\n" not in str(told.value)

    @pytest.mark.parametrize("code", [np.zeros(11, np.float32), np.zeros((1, 2), np.float32)], ids=["long", "table"])
    def test_a_code_that_is_none_is_refused(self, bench: Bench, code: NDArray[np.float32]) -> None:
        with pytest.raises(ValueError, match=r"code"):
            bench.model.predict(*bench.frames(1), code)
