"""The network: MobileNetV2, and around it the only place where raw patches become numbers.

`FocusNetwork` is what is trained and what is exported, whole: from two raw uint8 patches to a move in depths of
field. The device does no arithmetic on pixels of its own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from firmware_host.patches import LUMINANCE

Inputs = Literal["difference", "difference+second"]

# expansion, channels, repeats, stride: table 2 of Sandler et al., CVPR 2018.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_OUTPUT_DOF = 4.0  # the head's unit: keeps its outputs near 1
_LOWEST_CONTRAST = 0.01  # of full scale; below it a patch is empty glass and noise


def channels(base: int, width: float) -> int:
    """`base` channels times `width`, rounded to a multiple of 8, never more than 10 % down."""
    wanted = base * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; the input is added where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        layers: list[nn.Module] = [_convolution(inputs, hidden, 1, 1, 1)] if expansion != 1 else []
        layers += [
            _convolution(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 with the parameter names and shapes of torchvision's, so that its weights load.

    :param width: multiplier of all channel counts; :param in_channels: of the input; :param outputs: of the head.
    """

    def __init__(self, width: float = 1.0, in_channels: int = 3, outputs: int = 1) -> None:
        super().__init__()
        inputs = channels(32, width)
        layers: list[nn.Module] = [_convolution(in_channels, inputs, 3, 2, 1)]
        for expansion, base, repeats, first_stride in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                layers.append(InvertedResidual(inputs, channels(base, width), stride, expansion))
                inputs = channels(base, width)
        last = channels(1280, max(1.0, width))
        layers.append(_convolution(inputs, last, 1, 1, 1))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, outputs))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, outputs)."""
        result: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return result


class FocusNetwork(nn.Module):
    """Two raw patches to the move that brings the second one into focus.

    forward: `first`, `second` (N, H, W, 3) uint8 RGB of the same place, `second` higher by the rule's delta ->
    `move_dof` (N,) in depths of field, positive = up; `weight` (N,) texture, the standard deviation of luminance
    over both patches, 0 (flat) to 0.5.

    :param inputs: what the convolutions see. "difference" is the paper's: the signed difference by its own
        deviation. "difference+second" scales the difference by the patches' contrast instead, which keeps how much
        changed, and adds the second patch itself, which tells how sharp things are now.
    :param fold: each fold x fold square of pixels becomes one place with fold² channels, before the first
        convolution: every pixel is seen, at a fraction of the work. 1 leaves the patch as it is.
    """

    def __init__(self, width: float, inputs: Inputs, fold: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.fold = nn.PixelUnshuffle(fold)
        self.backbone = MobileNetV2(width, in_channels=(1 if inputs == "difference" else 2) * fold**2)
        self.register_buffer("luminance", torch.tensor(LUMINANCE) / 255, persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        images, weight = self.prepare(first, second)
        return self.output(self.backbone(images)), weight

    def output(self, raw: Tensor) -> Tensor:
        """(N, 1) of the backbone to (N,) moves in DoF."""
        return raw.float().squeeze(1) * _OUTPUT_DOF

    def prepare(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The arithmetic before the first convolution: (N, channels, H, W) float32 images, (N,) weight."""
        before = (first.float() * self.luminance).sum(-1).unsqueeze(1)
        after = (second.float() * self.luminance).sum(-1).unsqueeze(1)
        before = before - before.mean((2, 3), keepdim=True)
        after = after - after.mean((2, 3), keepdim=True)
        variance = ((before * before).mean((2, 3), keepdim=True) + (after * after).mean((2, 3), keepdim=True)) / 2
        contrast = torch.sqrt(variance)
        difference = after - before
        if self.inputs == "difference":
            own = torch.sqrt((difference * difference).mean((2, 3), keepdim=True))
            images = difference / torch.clamp(own, min=_LOWEST_CONTRAST / 2)
        else:
            scale = torch.clamp(contrast, min=_LOWEST_CONTRAST)
            images = torch.cat([difference / scale, after / scale], 1)
        return self.fold(images), contrast.flatten()
