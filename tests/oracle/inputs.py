"""Realistic inputs for the models the oracle is asked about: text as pictures, sound, bytes of files.

Everything is drawn from a seed, with Pillow's own embedded font, so that no machine's fonts matter.
Pixel rules are those of the packages that carry the models (BGR, x/255, (x-0.5)/0.5, ...).
"""
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WORDS = ("The quick brown fox jumps over 13 lazy dogs", "Invoice 2024-0817: total 1,249.50",
         "Edge devices need small models", "Platform 9, departure 14:35", "serial no. KX-7741B")


def text_line(text, height=48, seed=0, noise=6):
    """One line of dark text on a light, noisy ground: uint8 [height, width, 3], RGB."""
    rng = np.random.default_rng(seed)
    font = ImageFont.load_default(size=height * 0.62)
    width = int(font.getlength(text)) + height // 2
    ground = tuple(int(v) for v in rng.integers(200, 256, 3))
    ink = tuple(int(v) for v in rng.integers(0, 90, 3))
    picture = Image.new("RGB", (width, height), ground)
    ImageDraw.Draw(picture).text((height // 4, height * 0.12), text, font=font, fill=ink)
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.5)), np.float32)
    return np.clip(pixels + rng.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)


def page(width, height, seed=0):
    """A page of text lines of several sizes and colours: uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(215, 256, 3)))
    draw = ImageDraw.Draw(canvas)
    y = 12
    while y < height - 24:
        size = int(rng.integers(14, 34))
        text = WORDS[int(rng.integers(len(WORDS)))]
        draw.text((int(rng.integers(4, 40)), y), text, font=ImageFont.load_default(size=size),
                  fill=tuple(int(v) for v in rng.integers(0, 110, 3)))
        y += size + int(rng.integers(8, 40))
    pixels = np.asarray(canvas, np.float32) + rng.normal(0, 4, (height, width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def resize(pixels, width, height):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def normalized(pixels):
    """RGB bytes [h, w, 3] to what PP-OCR takes: float [3, h, w], BGR, -1..1."""
    return np.ascontiguousarray((pixels[:, :, ::-1].astype(np.float32) / 255 - 0.5).transpose(2, 0, 1) / 0.5)


def ocr_lines(batch, width, seed=0, upside_down=False):
    """A batch of text lines, 48 high, cut or padded with 0 at the right: float [batch, 3, 48, width]."""
    out = np.zeros((batch, 3, 48, width), np.float32)
    for i in range(batch):
        line = text_line(WORDS[(seed + i) % len(WORDS)], seed=seed + i)
        line = line[::-1, ::-1] if upside_down and i % 2 else line
        line = normalized(line)[:, :, :width]
        out[i, :, :, :line.shape[2]] = line
    return out


def ocr_page(width, height, seed=0):
    return normalized(page(width, height, seed))[None]


def captcha(width, seed=0):
    """A small grey picture of letters, 64 high: float [1, 1, 64, width], 0..1."""
    letters = "".join(np.random.default_rng(seed).choice(list("abdefghkmnpqrstwxyz2345678"), 5))
    grey = np.asarray(Image.fromarray(resize(text_line(letters, 64, seed, 12), width, 64)).convert("L"))
    return (grey.astype(np.float32) / 255)[None, None]


def letterbox(seed=0):
    """A picture with text boxes in the detector's 416x416 frame, grey below: float [1, 3, 416, 416], 0..255."""
    frame = np.full((416, 416, 3), 114, np.uint8)
    frame[:260] = page(416, 260, seed)
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None].astype(np.float32))


def picture(shape, seed=0):
    """Coloured noise, smooth as photographs are: float, standard deviation 1."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape[1:]
    out = np.zeros(shape[1:], np.float32)
    for cells in (4, 8, 16, 32, 56, 112, 224):
        tile = rng.standard_normal((channels, cells, cells)).astype(np.float32)
        out += tile[:, np.arange(height) * cells // height][:, :, np.arange(width) * cells // width]
    return (out / out.std())[None]


def chord(samples, rate=22050, seed=0):
    """Plucked notes with harmonics and decay over faint noise: float [samples]."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    out = rng.normal(0, 0.002, samples)
    for start in np.arange(0, samples / rate, 0.25):
        note = 220 * 2 ** (int(rng.integers(-12, 24)) / 12)
        gate = np.where(t >= start, np.exp(-3 * (t - start)), 0)
        for harmonic in range(1, 6):
            out += 0.2 / harmonic * gate * np.sin(2 * np.pi * note * harmonic * (t - start))
    return (0.9 * out / np.abs(out).max()).astype(np.float32)


def speech(samples, rate, seed=0):
    """Voice-like: glottal pulses through three gliding formants, in syllables, over faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    pitch = 120 * (1 + 0.1 * np.sin(2 * np.pi * 1.5 * t))
    phase = np.cumsum(pitch) / rate
    source = (phase % 1 < 0.1).astype(np.float64) - 0.1 + rng.normal(0, 0.02, samples)
    out = np.zeros(samples)
    for centre, width, gain in ((620, 90, 1.0), (1250, 110, 0.6), (2500, 160, 0.3)):
        radius = np.exp(-np.pi * width / rate)
        y1 = y2 = 0.0
        for i in range(samples):
            angle = 2 * np.pi * centre * (1 + 0.15 * np.sin(2 * np.pi * 3 * t[i])) / rate
            y1, y2 = source[i] + 2 * radius * np.cos(angle) * y1 - radius * radius * y2, y1
            out[i] += gain * y1
    out *= 0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)
    return (0.5 * out / np.abs(out).max() + rng.normal(0, 0.001, samples)).astype(np.float32)


def file_bytes(content):
    """The first and last bytes of a file as Magika reads them: int32 [2048]."""
    first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    return np.array([*first, *[256] * (1024 - len(first)), *[256] * (1024 - len(last)), *last], np.int32)


def some_files():
    """Contents of several types, made here. Each fills both windows of the model: of a text of a few bytes the first
    normalization divides by the square root of almost nothing, and ONNX Runtime's own answer moves by half a per cent
    with the size of the batch, so it is no truth to measure by."""
    python = "import sys\n\n\ndef main():\n    for line in sys.stdin:\n        print(line.strip())\n" * 8
    c = '#include <stdio.h>\n\nint main(void)\n{\n    printf("hello\\n");\n    return 0;\n}\n' * 9
    html = "<!DOCTYPE html>\n<html><head><title>t</title></head><body><p>text</p></body></html>\n"
    json = '{"name": "edge", "list": [1, 2, 3.5], "nested": {"a": null, "b": true}}\n' * 20
    png = bytes([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13]) + b"IHDR" + bytes(range(256)) * 9
    noise = np.random.default_rng(3).integers(0, 256, 5000).astype(np.uint8).tobytes()
    return [python.encode(), c.encode(), html.encode(), json.encode(), png, noise, b"Plain text of several lines, as people write it.\n" * 60,
            b"   \n\n" + b"key = value\n[section]\nother = 3\n" * 200]
