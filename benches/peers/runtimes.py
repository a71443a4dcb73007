"""The peers: the artefact's own weights, in each runtime.

A runtime is a function from (ids, mask, types), int64 arrays of [batch, length], to the logits [batch, 3]. What takes long to
prepare is kept in a folder, under the digest of the weights.
"""

import hashlib
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
Run = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Peer:
    """A runtime: its name, and how a model is made ready that computes on so many threads."""

    name: str
    load: Callable[[int], Run]


class Classifier(torch.nn.Module):
    """The encoder as Hugging Face has it, and the artefact's head on its first token."""

    def __init__(self, folder: Path, attention: str):
        super().__init__()
        shape = json.loads((folder / "manifest.json").read_text())["encoder"]
        weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
        head = {name: weights.pop(f"classifier.{name}") for name in ("weight", "bias")}
        for name in ("weight", "bias"):
            weights.pop(f"token_classifier.{name}", None)
        self.config = BertConfig(**shape, hidden_act="gelu", attn_implementation=attention)
        self.encoder = BertModel(self.config, add_pooling_layer=False)
        missing, unexpected = self.encoder.load_state_dict(weights, strict=False)
        assert not unexpected and all(name.endswith("_ids") for name in missing), (missing, unexpected)
        self.classifier = torch.nn.Linear(*reversed(head["weight"].shape))
        self.classifier.load_state_dict(head)
        self.eval()

    def forward(self, input_ids, attention_mask, token_type_ids):
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return self.classifier(states[:, 0])


def has(*flags: str) -> bool:
    """Whether this CPU has one of some instruction sets."""
    return bool(set(flags) & set(Path("/proc/cpuinfo").read_text().split()))


def prepare(folder: Path, cache: Path, sample: list[list[int]]) -> list[Peer]:
    """Every peer; `sample` are token ids for quantisers that calibrate."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
    cache = cache / digest
    cache.mkdir(parents=True, exist_ok=True)
    f32, fused, int8 = cache / "f32.onnx", cache / "fused.onnx", cache / "int8.onnx"
    if not f32.exists():
        export(folder, f32)
    if not fused.exists():
        fuse(folder, f32, fused)
    if not int8.exists():
        quantize(fused, int8)
    openvino_int8 = cache / "openvino-int8.xml"
    if not openvino_int8.exists():
        quantize_openvino(f32, openvino_int8, sample)
    has_bf16 = has("avx512_bf16", "amx_bf16", "bf16")
    peers = [
        Peer("onnxruntime int8", lambda threads: onnx_session(int8, threads)),
        Peer("onnxruntime f32", lambda threads: onnx_session(fused, threads)),
        Peer("openvino int8", lambda threads: openvino_model(openvino_int8, threads)),
        # OpenVINO computes in bf16 by itself where the CPU does.
        Peer("openvino bf16" if has_bf16 else "openvino f32", lambda threads: openvino_model(f32, threads)),
        Peer("pytorch f32", lambda threads: torch_model(folder, threads, torch.float32)),
    ]
    # Without instructions for it PyTorch emulates bf16, which nobody would use.
    return peers + [Peer("pytorch bf16", lambda threads: torch_model(folder, threads, torch.bfloat16))] * has_bf16


def export(folder: Path, path: Path) -> None:
    """To ONNX, f32, with free batch and length."""
    ids = torch.full((2, 9), 2023)
    ids[:, 0], ids[:, -1] = 101, 102
    mask, types = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1, 5:] = 0
    axes = {name: {0: "batch", 1: "length"} for name in INPUTS}
    torch.onnx.export(
        Classifier(folder, "eager"),
        (ids, mask, types),
        str(path),
        input_names=INPUTS,
        output_names=["logits"],
        dynamic_axes=axes | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def fuse(folder: Path, source: Path, path: Path) -> None:
    """ONNX Runtime's own optimiser for transformers: fused attention, GELU and layer norm."""
    from onnxruntime.transformers.optimizer import optimize_model

    shape = json.loads((folder / "manifest.json").read_text())["encoder"]
    fused = optimize_model(
        str(source), model_type="bert", num_heads=shape["num_attention_heads"], hidden_size=shape["hidden_size"]
    )
    print("fused by onnxruntime:", fused.get_fused_operator_statistics())
    fused.save_model_to_file(str(path))


def quantize(source: Path, path: Path) -> None:
    """ONNX Runtime's dynamic int8: weights by output channel, activations by tensor. Without VNNI sums of two products may
    overflow 16 bits, for which its documentation asks for 7-bit weights."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source),
        str(path),
        per_channel=True,
        weight_type=QuantType.QInt8,
        reduce_range=not has("avx512_vnni", "avx_vnni"),
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def quantize_openvino(source: Path, path: Path, sample: list[list[int]]) -> None:
    """NNCF's post-training quantisation for transformers."""
    import nncf

    def inputs(ids: list[int]) -> dict[str, np.ndarray]:
        row = np.array([ids], dtype=np.int64)
        return dict(zip(INPUTS, (row, np.ones_like(row), np.zeros_like(row))))

    model = openvino.Core().read_model(source)
    dataset = nncf.Dataset(sample, inputs)
    quantized = nncf.quantize(
        model, dataset, model_type=nncf.ModelType.TRANSFORMER, preset=nncf.QuantizationPreset.MIXED, subset_size=len(sample)
    )
    openvino.save_model(quantized, path, compress_to_fp16=False)


def onnx_session(path: Path, threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda *arrays: session.run(None, dict(zip(INPUTS, arrays)))[0]


def openvino_model(path: Path, threads: int) -> Run:
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda *arrays: request.infer(dict(zip(INPUTS, arrays)))["logits"]


def torch_model(folder: Path, threads: int, dtype: torch.dtype) -> Run:
    model = Classifier(folder, "sdpa").to(dtype)

    def run(*arrays: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return model(*map(torch.from_numpy, arrays)).float().numpy()

    return run
