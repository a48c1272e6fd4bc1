"""Screenshots as small as they can be: PNG with a palette."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import BrowserContext

_PIXELS = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data, width, height } = canvas.getImageData(0, 0, image.width, image.height);
  const url = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(new Blob([data]));
  });
  return { width, height, pixels: url.split(",")[1] };
}"""
# Of the palette: those that it has most of, and as many of the rest as differ most from what is in it.
_COMMON, _RARE = 192, 64


def small_png(context: BrowserContext, screenshot: bytes) -> bytes:
    """Return a screenshot with a palette.

    Args:
        context: Of the browser, which decodes the screenshot in a page of its own.
        screenshot: As the browser took it.
    """
    page = context.new_page()
    shown = page.evaluate(_PIXELS, base64.b64encode(screenshot).decode())
    page.close()
    pixels = np.frombuffer(base64.b64decode(shown["pixels"]), np.uint8).reshape(-1, 4)[:, :3]
    colours, indexes, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts)[:_COMMON]]
    for _ in range(_RARE):
        palette = np.vstack([palette, colours[_distances(colours, palette).min(axis=1).argmax()]])
    nearest = _distances(colours, palette).argmin(axis=1).astype(np.uint8)
    rows = nearest[indexes.reshape(-1)].reshape(shown["height"], shown["width"])
    unfiltered = np.hstack([np.zeros((len(rows), 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", shown["width"], shown["height"], 8, 3, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", palette.tobytes()),
        _chunk(b"IDAT", zlib.compress(unfiltered, 9)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _distances(colours: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return how far each colour is from each of the palette, squared."""
    difference = colours[:, None].astype(np.int32) - palette[None].astype(np.int32)
    squared: NDArray[np.int32] = (difference**2).sum(axis=2, dtype=np.int32)
    return squared


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
