"""The focus network: a MobileNet, and around it the only place where raw patches become numbers.

`FocusNetwork` is what is trained and what is exported, whole: from two raw uint8 patches to a move in depths of
field. The device does no arithmetic on pixels of its own.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from firmware_host.errors import UsageError
from firmware_host.patches import LUMINANCE, OPTICS_CODE
from training.calibrator import Calibrator
from training.judge import Judge
from training.mobilenet import MobileNetV2, MobileNetV3Small
from training.recipe import RULE
from training.settings import Backbone, FitSettings, Inputs
from training.spectrum import RadialSpectra

_BACKBONES: dict[Backbone, type[MobileNetV2] | type[MobileNetV3Small]] = {
    "mobilenet-v2": MobileNetV2,
    "mobilenet-v3-small": MobileNetV3Small,
}
_LOOKED_AT = 5  # one pair in so many, of a new lesson: near ones and far ones of a place in turn
_AT_ONCE = 8  # pixels whose luminance is taken together
_OUTPUT_DOF = 4.0  # the head's unit: keeps its outputs near 1
_LOWEST_CONTRAST = 0.01  # of full scale; below it a patch is empty glass and noise
_LOWEST_DIFFERENCE = 0.05  # of the contrast; keeps a pair without any difference finite


class FocusNetwork(nn.Module):
    """Two raw patches to the move that brings the second one into focus.

    forward: `first`, `second` (N, H, W, 3) uint8 RGB of the same place, `second` higher by the rule's delta, and the
    `code` of scanner and slide, (code_size,) or (N, code_size) -> `move_dof` (N,) in depths of field, positive = up;
    `weight` (N,) texture, the standard deviation of luminance over both patches, 0 (flat) to 0.5.

    :param inputs: what the convolutions see. "difference" is the paper's: the signed difference by its own
        deviation. "difference+second" scales the difference by the patches' contrast instead, which keeps how much
        changed, and adds the second patch itself, which tells how sharp things are now.
    :param stem_stride: pixels that the first convolution steps on by, see `MobileNetV2`.
    :param spectra: width of the layers between pooling and answer (`Judge`), which see the patches' spectra
        (`RadialSpectra`) beside what the backbone makes of the images; 0: none, the backbone answers.
    :param size_px: side of a patch; only the spectra need to know.
    :param code: numbers that a calibration gives (`calibrate`), all 0 for a slide that nothing is known of. In the
        whole code they follow those that `PatchRule.optics_code` gives. 0: the network is told nothing of scanner and
        slide, which it is not without spectra either.
    """

    def __init__(
        self,
        width: float,
        inputs: Inputs,
        stem_stride: int,
        spectra: int = 0,
        size_px: int = RULE.size_px,
        backbone: Backbone = "mobilenet-v2",
        code: int = 0,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        seen = max(spectra // 4, 1)
        self.backbone = _BACKBONES[backbone](width, 1 if inputs == "difference" else 2, seen, stem_stride)
        self.spectra = RadialSpectra(size_px) if spectra else None
        self.calibrator: Calibrator | None = None
        if self.spectra is not None:
            self.norm = nn.BatchNorm1d(self.spectra.features, affine=False)
            if code:
                self.calibrator = Calibrator(self.spectra.features, spectra, code)
            self.judge = Judge(self.spectra.features + seen, spectra, layers, code)
        light = torch.kron(torch.eye(_AT_ONCE), torch.tensor(LUMINANCE)[:, None] / 255)
        self.register_buffer("luminance", light, persistent=False)  # (3·A, A), colours of A pixels to their light

    @property
    def code_size(self) -> int:
        """Numbers of the whole code, that of the optics and that of the slide; 0: the network takes none."""
        return 0 if self.calibrator is None else OPTICS_CODE + self.calibrator.code

    @classmethod
    def of(cls, settings: FitSettings) -> FocusNetwork:
        """The network that the settings describe, with random weights."""
        return cls(
            settings.width,
            settings.inputs,
            settings.stem_stride,
            settings.spectra,
            settings.patch,
            settings.backbone,
            settings.code_size,
            settings.layers,
        )

    def forward(self, first: Tensor, second: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        before, after, weight = self.prepare(self._light(first), self._light(second))
        answer = self.backbone(self.images(before, after))
        if self.spectra is not None:
            answer = self.judge(torch.cat([answer, self._seen(before, after)], 1), code)
        return self._answered(answer), weight

    def calibrate(self, first: Tensor, second: Tensor, move_dof: Tensor) -> Tensor:
        """The code of a slide, (code,), from E pairs of raw patches taken on it and the right answers, (E,) DoF."""
        assert self.calibrator is not None
        before, after, weight = self.prepare(self._light(first), self._light(second))
        seen = self._seen(before, after)
        code: Tensor = self.calibrator(seen[None], move_dof[None], weight[None]).squeeze(0)
        return code

    def see(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What a lesson is learnt from, a matter of its frames alone and of no weight.

        :param before, after: luminance, (N, 1, P, P), 0 to 1.
        :returns: the images of every fifth pair (of all, where there are no spectra to judge the others by); the
            spectra of all, (N, features); their texture, (N,).
        """
        first, second, texture = self.prepare(before, after)
        if self.spectra is None:
            return self.images(first, second), texture.new_empty(len(texture), 0), texture
        return self.images(first[::_LOOKED_AT], second[::_LOOKED_AT]), self.spectra(first, second), texture

    def learn(
        self, images: Tensor, spectra: Tensor, texture: Tensor, optics: Tensor, shown_dof: Tensor, teacher: Tensor
    ) -> Tensor:
        """The moves, (N,) DoF, of lessons seen: each place is calibrated by what another shows, then all is answered.

        Pairs come place by place, equally many of each.

        :param images: of every fifth pair from the first on, as far as they go; the rest is judged by spectra, which
            costs little. :param spectra, texture: of all pairs, see `see`.
        :param optics: (places, OPTICS_CODE) what is known of their scanners.
        :param shown_dof: (places, E) moves of the first E pairs of each place, as a scanner measures them.
        :param teacher: (places,) the place whose shown pairs calibrate for this one; below 0: none.
        """
        answers = self.backbone(images)
        if self.spectra is None:
            return self._answered(answers)
        seen = self.norm(spectra)
        looked_at = torch.arange(len(answers), device=seen.device) * _LOOKED_AT
        looks = answers.new_zeros(len(seen), answers.shape[1]).index_copy(0, looked_at, answers)
        code = None
        if self.calibrator is not None:
            places, shown = shown_dof.shape
            examples, textures = (part.unflatten(0, (places, -1))[:, :shown] for part in (seen, texture))
            codes = self.calibrator(examples, shown_dof, textures)
            codes = codes[teacher.clamp(min=0)] * (teacher >= 0)[:, None]
            code = torch.cat([optics, codes], 1).repeat_interleave(len(seen) // places, 0)
        return self._answered(self.judge(torch.cat([looks, seen], 1), code))

    def _seen(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, features): the spectra of prepared pairs, each number in units of its usual range."""
        assert self.spectra is not None
        seen: Tensor = self.norm(self.spectra(first, second))
        return seen

    @staticmethod
    def _answered(answer: Tensor) -> Tensor:
        """(N,) DoF."""
        return answer.float().squeeze(1) * _OUTPUT_DOF

    def prepare(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Luminance of both frames, (N, 1, H, W), to mean 0 in units of their common contrast; and that, (N,)."""
        before = before - before.mean((2, 3), keepdim=True)
        after = after - after.mean((2, 3), keepdim=True)
        variance = ((before * before).mean((2, 3), keepdim=True) + (after * after).mean((2, 3), keepdim=True)) / 2
        contrast = torch.sqrt(variance)
        scale = torch.clamp(contrast, min=_LOWEST_CONTRAST)
        return before / scale, after / scale, contrast.flatten()

    def images(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, channels, H, W), what the first convolution sees."""
        difference = second - first
        if self.inputs == "difference":
            own = torch.sqrt((difference * difference).mean((2, 3), keepdim=True))
            images = difference / torch.clamp(own, min=_LOWEST_DIFFERENCE)
        else:
            images = torch.cat([difference, second], 1)
        if torch.onnx.is_in_onnx_export():
            return images
        return images.contiguous(memory_format=torch.channels_last)

    def load_pretrained(self, path: Path) -> None:
        """Start from weights that torchvision saved, for images of three colours: the backbone's, but for its head.

        The first convolution takes the mean over the colours for each of its channels, spread to its own size.

        :raises UsageError: the file is missing or damaged, or its shapes are not this backbone's.
        """
        try:
            theirs = torch.load(path, map_location="cpu", weights_only=True)
            first = theirs["features.0.0.weight"]
            own = self.backbone.state_dict()
            shape = own["features.0.0.weight"].shape
            spread = nn.functional.interpolate(first.mean(1, keepdim=True), size=shape[2:], mode="nearest")
            scale = first[0].numel() / shape[1:].numel()
            theirs["features.0.0.weight"] = spread.expand(-1, shape[1], -1, -1) * scale
            own.update({name: value for name, value in theirs.items() if not name.startswith("classifier")})
            self.backbone.load_state_dict(own)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(
                f"pretrained {path}: not weights of this backbone at this width, as torchvision saves them: {reason}"
            ) from error

    def _light(self, images: Tensor) -> Tensor:
        """(N, 1, H, W), 0 to 1: some pixels at a time by a product of matrices, which runtimes are far quicker at."""
        colours = images.float()  # before all else: TensorRT takes bytes for nothing but this
        shape = colours.shape[:3]
        at_once = math.gcd(int(shape[1] * shape[2]), _AT_ONCE)
        pixels = colours.reshape(shape[0], -1, 3 * at_once)
        return torch.matmul(pixels, self.luminance[: 3 * at_once, :at_once]).reshape(shape).unsqueeze(1)
