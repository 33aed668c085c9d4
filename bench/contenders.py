"""The models of `make bench`: their files, the one input that is timed, the samples they are calibrated with.

    contenders.py list                            every model as JSON: name, file, samples, quantize, shapes
    contenders.py write NAME COUNT FOLDER         writes FOLDER/one.npz and, with a COUNT, FOLDER/calibration.npz

Sample counts are 100 where ONNX Runtime's entropy calibration fits into a common machine's memory
with that many (it keeps every activation of every sample), fewer for the large ones.
"""
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "oracle"))
import inputs  # noqa: E402


class Model:
    """name; file in the cache; draw(seed) gives {input: array}; samples for calibration; quantize: is it worth it."""

    def __init__(self, name, file, draw, samples=100, quantize=True):
        self.name, self.file, self.draw, self.samples, self.quantize = name, file, draw, samples, quantize

    def facts(self):
        shapes = {name: list(value.shape) for name, value in self.draw(0).items()}
        return {"name": self.name, "file": self.file, "samples": self.samples, "quantize": self.quantize,
                "shapes": shapes}

    def calibration(self, count):
        """{input: array [count, ...]}, each sample with the batch axis it is run with folded in."""
        drawn = [self.draw(seed) for seed in range(count)]
        return {name: np.concatenate([sample[name] for sample in drawn]) for name in drawn[0]}


def line(width):
    return lambda seed: {"x": inputs.ocr_lines(1, width, seed)}


def page(size):
    return lambda seed: {"x": inputs.ocr_page(size, size, seed)}


def turned(seed):
    lines = inputs.ocr_lines(1, 192, seed)
    return {"x": np.ascontiguousarray(lines[:, :, ::-1, ::-1]) if seed % 2 else lines}


def photo(name):
    return lambda seed: {name: inputs.picture((1, 3, 224, 224), seed)}


def files(seed):
    contents = inputs.some_files()
    content = contents[seed % len(contents)]
    return {"bytes": inputs.file_bytes(content[seed // len(contents) * 7:])[None]}


def voice(seed):
    return {"input": inputs.speech(576, 16000, seed)[None], "state": np.zeros((2, 1, 128), np.float32),
            "sr": np.array(16000, np.int64)}


def sound(seed):
    return {"serving_default_input_2:0": inputs.chord(43844, seed=seed)[None, :, None]}


def digits(seed):
    return {"X": np.random.default_rng(seed).integers(0, 17, (1, 64)).astype(np.float32)}


MODELS = [
    Model("direction", "rapidocr-cls.onnx", turned),
    Model("rec-v4", "rapidocr-v4-rec.onnx", line(320)),
    Model("rec-v6", "rapidocr-v6-rec.onnx", line(320), samples=50),
    Model("det-v4", "rapidocr-v4-det.onnx", page(640), samples=8),
    Model("det-v6", "rapidocr-v6-det.onnx", page(640), samples=8),
    Model("magika", "magika.onnx", files),
    Model("basic-pitch", "basic-pitch.onnx", sound, samples=20),
    Model("silero-vad", "silero-vad-ifless.onnx", voice, quantize=False),
    Model("captcha", "ddddocr-common.onnx", lambda seed: {"input1": inputs.captcha(160, seed)}),
    Model("boxes", "ddddocr-det.onnx", lambda seed: {"images": inputs.letterbox(seed)}, samples=20),
    Model("resnet50", "onnx-filled/resnet50.onnx", photo("gpu_0/data_0")),
    Model("densenet121", "onnx-filled/densenet121.onnx", photo("data_0"), samples=50),
    Model("inception-v1", "onnx-filled/inception_v1.onnx", photo("data_0")),
    Model("inception-v2", "onnx-filled/inception_v2.onnx", photo("data_0")),
    Model("shufflenet", "onnx-filled/shufflenet.onnx", photo("gpu_0/data_0")),
    Model("squeezenet", "onnx-filled/squeezenet.onnx", photo("data_0")),
    Model("digits", "sklearn-digits-logreg-int.onnx", digits, quantize=False),
]


def main():
    if sys.argv[1:] == ["list"]:
        print(json.dumps([model.facts() for model in MODELS]))
        return
    _, job, name, count, folder = sys.argv
    assert job == "write", job
    model, folder = next(m for m in MODELS if m.name == name), pathlib.Path(folder)
    np.savez(folder / "one.npz", **model.draw(0))
    if int(count):
        np.savez(folder / "calibration.npz", **model.calibration(int(count)))


if __name__ == "__main__":
    main()
