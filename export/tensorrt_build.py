"""NVIDIA's own parser and builder on a graph, where a TensorRT is installed. TensorRT for RTX needs no GPU for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from firmware_host.errors import HardwareError
from firmware_host.inference.tensorrt import configured, load, parsed


@dataclass(frozen=True)
class Built:
    """An engine that was built, and thrown away.

    :param version: of TensorRT, with the name of its module.
    :param convolutions: of the graph; :param on_integers: those of them whose image and whose weights come from
        INT8 numbers, as TensorRT's parser understood the graph.
    :param megabytes: of the engine; :param seconds: that it took.
    """

    version: str
    convolutions: int
    on_integers: int
    megabytes: float
    seconds: float

    def line(self) -> str:
        """What was built, in words."""
        return (
            f"{self.version}: {self.on_integers} of {self.convolutions} convolutions take INT8; engine of "
            f"{self.megabytes:.1f} MB in {self.seconds:.1f} s"
        )


def build(graph: bytes, size_px: int, patches: int) -> Built:
    """Build an engine for 1 to `patches` patches of a focus graph.

    :raises HardwareError: no TensorRT is installed, or it does not take the graph or cannot build it, and why.
    """
    trt = load()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network, _parser = parsed(trt, logger, builder, graph)
    makers = {}
    for at in range(network.num_layers):
        layer = network.get_layer(at)
        makers.update({layer.get_output(each).name: layer for each in range(layer.num_outputs)})
    convolutions = [layer for layer in makers.values() if layer.type == trt.LayerType.CONVOLUTION]
    quantised = [
        all(
            layer.get_input(each).name in makers and makers[layer.get_input(each).name].type == trt.LayerType.DEQUANTIZE
            for each in range(2)
        )
        for layer in convolutions
    ]
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        config = configured(trt, builder, size_px, patches, Path(folder) / "timing.cache")
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise HardwareError("TensorRT could not build an engine; its log is above")
    taken = time.monotonic() - began
    return Built(f"{trt.__name__} {trt.__version__}", len(convolutions), sum(quantised), plan.nbytes / 1e6, taken)
