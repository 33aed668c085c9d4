"""Pictures of text lines as a camera would see them, with the system's fonts.

What varies from line to line: family, weight and size of the letters, ink and ground (also light
on dark), a gradient or paper grain behind, a slight tilt, blur, noise, and JPEG's losses.
"""
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont


class Painter:
    def __init__(self, seed, fonts):
        self.rng = np.random.default_rng(seed)
        self.fonts = fonts
        self.loaded = {}

    def font(self, size):
        path = self.fonts[int(self.rng.integers(len(self.fonts)))]
        if (path, size) not in self.loaded:
            # The basic layout: the other one needs a library that a machine may or may not have.
            self.loaded[path, size] = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
        return self.loaded[path, size]

    def colours(self):
        """Ground and ink, far enough apart to be read."""
        rng = self.rng
        light, dark = rng.integers(170, 256, 3), rng.integers(0, 100, 3)
        return (dark, light) if rng.random() < 0.2 else (light, dark)

    def ground(self, width, height, colour):
        """A plane, a gradient, or grain: float [height, width, 3]."""
        rng = self.rng
        out = np.empty((height, width, 3), np.float32)
        out[:] = colour
        kind = rng.random()
        if kind < 0.4:
            slope = rng.uniform(-30, 30)
            out += np.linspace(-slope, slope, width, dtype=np.float32)[None, :, None]
        elif kind < 0.6:
            cells = rng.normal(0, 12, (max(2, height // 6), max(2, width // 6))).astype(np.float32)
            grain = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
            out += np.asarray(grain)[:, :, None]
        return out

    def line(self, text, widest):
        """uint8 [height, width, 3]: the text, tightly cropped, no wider than `widest` times its height; or None."""
        rng = self.rng
        size = int(rng.integers(20, 44))
        font = self.font(size)
        left, top, right, bottom = font.getbbox(text)
        side, edge = int(size * rng.uniform(0.05, 0.2)), int(size * rng.uniform(0.08, 0.25))
        width, height = right - left + 2 * side, bottom - top + 2 * edge
        height = max(height, int(size * 1.1))
        if width > widest * height or width < height:
            return None
        paper, ink = self.colours()
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).text((side - left, (height - bottom + top) // 2 - top), text, font=font, fill=255)
        if rng.random() < 0.5:
            mask = mask.rotate(rng.uniform(-1.5, 1.5), Image.Resampling.BICUBIC)
        cover = np.asarray(mask, np.float32)[:, :, None] / 255
        picture = self.ground(width, height, paper)
        picture = picture * (1 - cover) + np.asarray(ink, np.float32) * cover
        return self.worn(picture)

    def worn(self, picture):
        """What lens, sensor and compression do to it."""
        rng = self.rng
        image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        if rng.random() < 0.5:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
        noisy = np.asarray(image, np.float32) + rng.normal(0, rng.uniform(0, 9), (image.height, image.width, 3))
        image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        if rng.random() < 0.6:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=int(rng.integers(45, 90)))
            image = Image.open(buffer).convert("RGB")
        return np.asarray(image)
