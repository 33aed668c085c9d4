"""Which models the oracle is asked about, and with which inputs.

A case is (model file, name, list of steps); a step is {input: array} or a function of the outputs
of the step before (carried state). Each model comes at the shape its package uses and, where its
dimensions are free, at others.
"""
import numpy as np

import inputs

LIGHT = ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet",
         "squeezenet", "vgg19", "zfnet512")
FILLED = ("resnet50", "densenet121", "inception_v1", "inception_v2", "shufflenet", "squeezenet")
OCR = {
    "det": {"640x640": (640, 640), "320x480": (320, 480), "736x416": (736, 416), "64x64": (64, 64)},
    "rec": {"w320": (1, 320), "w160": (1, 160), "w483": (1, 483), "b3-w256": (3, 256)},
    "cls": {"b1": (1, 192), "b4": (4, 192), "b1-w200": (1, 200)},
}


def ocr():
    for version, parts in (("rapidocr-v4", ("det", "rec", "cls")), ("rapidocr-v6", ("det", "rec")),
                           ("rapidocr", ("cls",))):
        for part in parts:
            for seed, (name, size) in enumerate(OCR[part].items()):
                if part == "det":
                    x = inputs.ocr_page(*size, seed)
                else:
                    x = inputs.ocr_lines(*size, seed, upside_down=part == "cls")
                yield f"{version}-{part}.onnx", name, [{"x": x}]


def ddddocr():
    for model in ("ddddocr-common", "ddddocr-common-old"):
        for width in (160, 96, 333):
            yield f"{model}.onnx", f"w{width}", [{"input1": inputs.captcha(width, width)}]
    yield "ddddocr-det.onnx", "416", [{"images": inputs.letterbox(1)}]


def magika():
    files = np.stack([inputs.file_bytes(content) for content in inputs.some_files()])
    yield "magika.onnx", "b1", [{"bytes": files[:1]}]
    yield "magika.onnx", "b8", [{"bytes": files}]


def basic_pitch():
    name = "serving_default_input_2:0"
    for batch in (1, 2):
        sound = np.stack([inputs.chord(43844, seed=i) for i in range(batch)])
        yield "basic-pitch.onnx", f"b{batch}", [{name: sound[:, :, None]}]


def vad_steps(rate, batch, with_rate, count=6):
    """Frames of sound after the tail of the frame before, the state carried from step to step."""
    frame, context = (512, 64) if rate == 16000 else (256, 32)
    sound = np.stack([inputs.speech(count * frame + context, rate, seed=b) for b in range(batch)])
    sound[:, :context] = 0

    def step(i):
        def feed(before):
            state = before[1] if before else np.zeros((2, batch, 128), np.float32)
            fed = {"input": np.ascontiguousarray(sound[:, i * frame:(i + 1) * frame + context]), "state": state}
            return fed | ({"sr": np.array(rate, np.int64)} if with_rate else {})
        return feed
    return [step(i) for i in range(count)]


def silero():
    for model, rates, with_rate in (("silero-vad", (16000, 8000), True), ("silero-vad-16k-op15", (16000,), True),
                                    ("silero-vad-half", (16000,), False),
                                    ("silero-vad-ifless", (16000, 8000), True)):
        for rate in rates:
            for batch in (1, 3):
                yield f"{model}.onnx", f"{rate // 1000}k-b{batch}", vad_steps(rate, batch, with_rate)


def sklearn(models):
    digits = np.load(models / "sklearn-digits.npz")["X"]
    for family in ("logreg", "forest"):
        for labels in ("int", "str"):
            for suffix in ("", "-zipmap"):
                model = f"sklearn-digits-{family}-{labels}{suffix}.onnx"
                yield model, "b1", [{"X": digits[:1]}]
                yield model, "b50", [{"X": digits[50:100]}]


def filled():
    for name in FILLED:
        yield f"onnx-filled/{name}.onnx", "photo", [{None: inputs.picture((1, 3, 224, 224), 5)}]


def everything(models):
    yield from ocr()
    yield from ddddocr()
    yield from magika()
    yield from basic_pitch()
    yield from silero()
    yield from sklearn(models)
    yield from filled()
