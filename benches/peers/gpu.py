"""Compares the engine with PyTorch and ONNX Runtime on this machine's GPU: the same weights, the same token ids, in rounds in
which each runs once.

    cargo build --release --features cuda
    python3 benches/peers/gpu.py --model models/default --portcullis target/release/portcullis --rounds 5

Needs torch with CUDA, transformers, safetensors and numpy; ONNX Runtime only if it is there with its CUDA provider. PyTorch runs
in bf16 with SDPA: eager, compiled, and as CUDA graphs, one a shape. Peers get batches sorted by length and padded to multiples
of 32, with all shapes warm; the engine gets the same batches. It prints a page of Markdown; --output names a file for it.
"""

import argparse
import datetime
import json
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

CLS, SEP = 101, 102
WORDS = (1999, 29999)
# `portcullis bench engine --workload mix` has the same distribution.
MIX_MEDIAN, MIX_SPREAD, SHORTEST, LONGEST = 60, 0.7, 8, 512
SEED = 2026
BATCHES = (1, 8, 32, 128)
# Lengths are padded to multiples of this, so that there are few shapes to compile and capture.
STEP = 32

Sequences = list[list[int]]
Inputs = tuple[torch.Tensor, torch.Tensor]
Run = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Classifier(torch.nn.Module):
    """The encoder as Hugging Face has it, and the artefact's head on its first token."""

    def __init__(self, folder: Path):
        super().__init__()
        shape = json.loads((folder / "manifest.json").read_text())["encoder"]
        weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
        head = {name: weights.pop(f"classifier.{name}") for name in ("weight", "bias")}
        for name in ("weight", "bias"):
            weights.pop(f"token_classifier.{name}", None)
        config = BertConfig(**shape, hidden_act="gelu", attn_implementation="sdpa")
        self.encoder = BertModel(config, add_pooling_layer=False)
        missing, unexpected = self.encoder.load_state_dict(weights, strict=False)
        assert not unexpected and all(name.endswith("_ids") for name in missing), (missing, unexpected)
        self.classifier = torch.nn.Linear(*reversed(head["weight"].shape))
        self.classifier.load_state_dict(head)
        self.eval()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0])


class Graphs:
    """A model as CUDA graphs, one a shape, captured when a shape is first seen."""

    def __init__(self, model: Run):
        self.model = model
        self.captured: dict[torch.Size, tuple] = {}

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if ids.shape not in self.captured:
            self.captured[ids.shape] = self.capture(ids.clone(), mask.clone())
        graph, own_ids, own_mask, logits = self.captured[ids.shape]
        own_ids.copy_(ids)
        own_mask.copy_(mask)
        graph.replay()
        return logits

    def capture(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.model(ids, mask)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self.model(ids, mask)
        return graph, ids, mask, logits


def peers(folder: Path) -> dict[str, Run]:
    model = Classifier(folder).cuda().to(torch.bfloat16)
    found: dict[str, Run] = {"PyTorch eager": model, "PyTorch CUDA graphs": Graphs(model)}
    # A shape a graph of its own: the compiler need not guess.
    found["PyTorch compile"] = torch.compile(model, dynamic=False)
    torch._dynamo.config.cache_size_limit = 256
    onnx = onnx_runtime(folder)
    return found | ({"ONNX Runtime f16": onnx} if onnx else {})


def onnx_runtime(folder: Path) -> Run | None:
    """ONNX Runtime on the same GPU, in f16, if it is there with its CUDA provider."""
    try:
        import onnxruntime
    except ImportError:
        return None
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None
    path = Path(tempfile.mkdtemp(), "model.onnx")
    example = torch.ones((2, 16), dtype=torch.int64, device="cuda")
    axes = {name: {0: "batch", 1: "length"} for name in ("ids", "mask")}
    model = Classifier(folder).cuda().half()
    torch.onnx.export(model, (example, example), path, input_names=["ids", "mask"], output_names=["logits"], dynamic_axes=axes)
    session = onnxruntime.InferenceSession(path, providers=["CUDAExecutionProvider"])

    def run(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {"ids": ids.cpu().numpy(), "mask": mask.cpu().numpy()})[0])

    return run


def made_up(lengths: list[int]) -> Sequences:
    random = np.random.default_rng(SEED)
    return [[CLS, *random.integers(*WORDS, length - 2).tolist(), SEP] for length in lengths]


def mix(n: int) -> Sequences:
    random = np.random.default_rng(SEED)
    lengths = np.exp(random.normal(np.log(MIX_MEDIAN), MIX_SPREAD, n)).astype(int).clip(SHORTEST, LONGEST)
    return made_up(sorted(lengths.tolist()))


def padded(sequences: Sequences, size: int) -> list[Inputs]:
    """Batches of a size, each padded to the longest of it, on the host in pinned memory as a server would have them."""
    batches = []
    for first in range(0, len(sequences), size):
        chunk = sequences[first : first + size]
        length = min(LONGEST, -(-max(map(len, chunk)) // STEP) * STEP)
        ids = torch.zeros((len(chunk), length), dtype=torch.int64)
        mask = torch.zeros((len(chunk), length), dtype=torch.int64)
        for row, sequence in enumerate(chunk):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence)] = 1
        batches.append((ids.pin_memory(), mask.pin_memory()))
    return batches


@torch.inference_mode()
def peer_times(run: Run, batches: list[Inputs]) -> list[float]:
    """The seconds of each batch, from ids on the host to logits on the host."""
    times = []
    for ids, mask in batches:
        started = time.perf_counter()
        run(ids.cuda(non_blocking=True), mask.cuda(non_blocking=True)).float().cpu()
        times.append(time.perf_counter() - started)
    return times


def ours(arguments: argparse.Namespace, sequences: Sequences, batch: int) -> dict:
    """The engine, as `portcullis bench engine` measures it, after a warm-up of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps({"ids": ids}) + "\n" for ids in sequences)
        file.flush()
        command = [str(arguments.portcullis), "bench", "engine", "--json", "--rounds", "1", "--device", "cuda"]
        command += ["--model", str(arguments.model), "--ids", file.name, "--batch", str(batch)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def matmul_peak() -> float:
    """Operations a second of large products in bf16."""
    n, repeats = 8192, 20
    a = torch.randn((n, n), device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        a @ a
    torch.cuda.synchronize()
    return repeats * 2 * n**3 / (time.perf_counter() - started)


def measure(arguments: argparse.Namespace, found: dict[str, Run], sequences: Sequences, batch: int) -> dict[str, list]:
    """For each contender, of each round: tokens a second, and the median milliseconds of a batch."""
    n_tokens = sum(map(len, sequences))
    batches = padded(sequences, batch)
    for run in found.values():
        peer_times(run, batches)
    results: dict[str, list] = {"portcullis f16": [], **{name: [] for name in found}}
    for _ in range(arguments.rounds):
        report = ours(arguments, sequences, batch)
        results["portcullis f16"].append((report["tokens_per_s"], report["p50_ms"]))
        for name, run in found.items():
            times = peer_times(run, batches)
            results[name].append((n_tokens / sum(times), 1000 * statistics.median(times)))
    return results


def table(title: str, results: dict[str, list]) -> list[str]:
    best = max(statistics.median(rate for rate, _ in rounds) for name, rounds in results.items() if "portcullis" not in name)
    lines = [f"### {title}", "", "| | tokens/s | of the best peer | p50 of a batch, ms |", "|---|---|---|---|"]
    for name, rounds in results.items():
        rate = statistics.median(rate for rate, _ in rounds)
        latency = statistics.median(latency for _, latency in rounds)
        lines.append(f"| {name} | {rate:,.0f} | {rate / best:.2f} | {latency:.3f} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--portcullis", type=Path, required=True, help="the binary, built with the feature cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    found = peers(arguments.model)
    page = [f"# Peers on {torch.cuda.get_device_name()}, {datetime.date.today()}", ""]
    page += [f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}."]
    page += [f"Large products in bf16: {matmul_peak() / 1e12:.0f} Tflop/s. Medians of {arguments.rounds} rounds.", ""]
    for batch in BATCHES:
        page += table(f"the mix, batches of {batch}", measure(arguments, found, mix(512), batch))
    page += table("128 tokens, one at a time", measure(arguments, found, made_up([128] * 256), 1))
    text = "\n".join(page)
    arguments.output.write_text(text) if arguments.output else print(text)


if __name__ == "__main__":
    main()
