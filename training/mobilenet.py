"""MobileNetV2 and MobileNetV3-Small, each a short table of stages.

Parameters are named and shaped as torchvision's, so that weights saved from there load here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# expansion, channels, repeats, stride: table 2 of Sandler et al., CVPR 2018.
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
# kernel, hidden channels, channels, squeeze and excite, hard swish, stride: table 2 of Howard et al., ICCV 2019.
_V3_SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)


def channels(base: float, width: float = 1.0) -> int:
    """`base` channels times `width`, rounded to a multiple of 8, never more than 10 % down."""
    wanted = base * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class MobileNetV2(nn.Module):
    """(N, in_channels, H, W) -> (N, outputs).

    :param width: multiplier of all channel counts; :param in_channels: of the input; :param outputs: of the head.
    :param stem_stride: pixels that the first convolution steps on by; it spans half as many again. 2 is the paper's;
        4 does with a quarter of the places, of which each still sees all of its pixels.
    """

    def __init__(self, width: float = 1.0, in_channels: int = 3, outputs: int = 1, stem_stride: int = 2) -> None:
        super().__init__()
        inputs = channels(32, width)
        layers: list[nn.Module] = [_v2_convolution(in_channels, inputs, 3 * stem_stride // 2, stem_stride, 1)]
        for expansion, base, repeats, first_stride in _V2:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                layers.append(_V2Block(inputs, channels(base, width), stride, expansion))
                inputs = channels(base, width)
        last = channels(1280, max(1.0, width))
        layers.append(_v2_convolution(inputs, last, 1, 1, 1))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, outputs))
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return result


class MobileNetV3Small(nn.Module):
    """(N, in_channels, H, W) -> (N, outputs). Parameters as those of `MobileNetV2`."""

    def __init__(self, width: float = 1.0, in_channels: int = 3, outputs: int = 1, stem_stride: int = 2) -> None:
        super().__init__()
        inputs = channels(16, width)
        stem = _v3_convolution(in_channels, inputs, 3 * stem_stride // 2, stem_stride, 1, nn.Hardswish)
        layers: list[nn.Module] = [stem]
        for kernel, hidden, out, squeeze, swish, stride in _V3_SMALL:
            layers.append(
                _V3Block(inputs, channels(hidden, width), channels(out, width), kernel, stride, squeeze, swish)
            )
            inputs = channels(out, width)
        layers.append(_v3_convolution(inputs, 6 * inputs, 1, 1, 1, nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = channels(1024, width)
        self.classifier = nn.Sequential(
            nn.Linear(6 * inputs, last), nn.Hardswish(inplace=True), nn.Dropout(0.2), nn.Linear(last, outputs)
        )
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return result


class _V2Block(nn.Module):
    """Widen, filter each channel, narrow; the input is added where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        layers: list[nn.Module] = [_v2_convolution(inputs, hidden, 1, 1, 1)] if expansion != 1 else []
        layers += [
            _v2_convolution(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class _V3Block(nn.Module):
    """As `_V2Block`, with squeeze and excite between filtering and narrowing."""

    def __init__(
        self, inputs: int, hidden: int, outputs: int, kernel: int, stride: int, squeeze: bool, swish: bool
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if swish else nn.ReLU
        self.adds = stride == 1 and inputs == outputs
        layers: list[nn.Module] = []
        if hidden != inputs:
            layers.append(_v3_convolution(inputs, hidden, 1, 1, 1, activation))
        layers.append(_v3_convolution(hidden, hidden, kernel, stride, hidden, activation))
        if squeeze:
            layers.append(_SqueezeExcite(hidden, channels(hidden // 4)))
        layers.append(_v3_convolution(hidden, outputs, 1, 1, 1, None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.adds else self.block(x)


class _SqueezeExcite(nn.Module):
    """Each channel times a share that the channels' means decide."""

    def __init__(self, inputs: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(inputs, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        share = torch.relu(self.fc1(self.avgpool(x)))
        return x * nn.functional.hardsigmoid(self.fc2(share))


def _v2_convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - stride + 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


def _v3_convolution(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: type[nn.Module] | None
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - stride + 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=0.001, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation is not None else []))


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
