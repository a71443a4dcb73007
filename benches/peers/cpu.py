"""Compares the engine with ONNX Runtime, OpenVINO and PyTorch on this machine's CPU: the same weights, the same token ids,
in rounds in which each runs once, so that what disturbs the machine disturbs all of them.

    python3 -m venv target/peers && target/peers/bin/pip install -r benches/peers/requirements.txt
    cargo build --release
    target/peers/bin/python benches/peers/cpu.py --model models/default --portcullis target/release/portcullis --rounds 5

It writes a page of Markdown; --output names it. Each contender runs the plan that is its best: one sequence at a time, or
eight sorted by length and padded to the longest; with several threads also one worker a thread. Plans are chosen in a pass
that warms every shape up and is not counted.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Callable, Iterable

import numpy as np

from runtimes import Peer, Run, prepare

CLS, SEP = 101, 102
# Ids of plain words; which word makes no difference to the time.
WORDS = (1999, 29999)
# `portcullis bench engine --workload mix` has the same distribution.
MIX_MEDIAN, MIX_SPREAD, SHORTEST, LONGEST = 60, 0.7, 8, 512
SEED = 2026
BATCHES = (1, 8)
PACKAGES = ("onnxruntime", "openvino", "nncf", "torch", "transformers", "numpy")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16")

Sequences = list[list[int]]


@dataclass(frozen=True)
class Plan:
    """How a contender is used: sequences in a batch, and workers that run batches side by side."""

    batch: int
    workers: int

    def __str__(self) -> str:
        batch = "one at a time" if self.batch == 1 else f"batches of {self.batch}"
        return batch if self.workers == 1 else f"{batch}, {self.workers} workers"


class Ours:
    """The engine, as `portcullis bench engine` measures it."""

    def __init__(self, arguments: argparse.Namespace, precision: str, threads: int):
        self.name = f"portcullis {precision}"
        self.command = [str(arguments.portcullis), "bench", "engine", "--json", "--rounds", "1"]
        self.command += ["--model", str(arguments.model), "--precision", precision, "--threads", str(threads)]
        self.kernels = ""

    def plans(self) -> list[Plan]:
        return [Plan(batch, 1) for batch in (*BATCHES, 32)]

    def report(self, sequences: Sequences, batch: int) -> dict:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps({"ids": ids}) + "\n" for ids in sequences)
            file.flush()
            command = [*self.command, "--ids", file.name, "--batch", str(batch)]
            report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        self.kernels = f"{report['precision']}: {', '.join(report['kernels'])}"
        return report

    def warm_up(self, sequences: Sequences) -> None:
        """Each report comes from a process that warms up by itself."""

    def tokens_per_s(self, sequences: Sequences, plan: Plan) -> float:
        return self.report(sequences, plan.batch)["tokens_per_s"]

    def p50_ms(self, sequences: Sequences) -> float:
        return self.report(sequences, 1)["p50_ms"]


class Theirs:
    """A peer in this process."""

    def __init__(self, peer: Peer, threads: int):
        self.name = peer.name
        self.threads = threads
        self.whole = peer.load(threads)
        self.workers = [peer.load(1) for _ in range(threads)] if threads > 1 else []

    def plans(self) -> list[Plan]:
        return [Plan(batch, workers) for batch in BATCHES for workers in sorted({1, self.threads})]

    def warm_up(self, sequences: Sequences) -> None:
        for arrays in padded(sequences, 1):
            self.whole(*arrays)

    def tokens_per_s(self, sequences: Sequences, plan: Plan) -> float:
        batches = padded(sequences, plan.batch)
        runs = [self.whole] if plan.workers == 1 else self.workers
        started = time.perf_counter()
        run_all(runs, batches)
        return n_tokens(sequences) / (time.perf_counter() - started)

    def p50_ms(self, sequences: Sequences) -> float:
        return 1000 * statistics.median(seconds(lambda: self.whole(*arrays)) for arrays in padded(sequences, 1))


def run_all(runs: list[Run], batches: list) -> None:
    """Each run takes the next batch when it is done with one."""
    if len(runs) == 1:
        for arrays in batches:
            runs[0](*arrays)
        return
    waiting = iter(batches)

    def work(run: Run) -> None:
        # Taking from a list's iterator is atomic under the interpreter's lock.
        for arrays in waiting:
            run(*arrays)

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(work, runs))


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def n_tokens(sequences: Sequences) -> int:
    return sum(map(len, sequences))


def made_up(random: np.random.Generator, lengths: Iterable[int]) -> Sequences:
    return [[CLS, *random.integers(*WORDS, length - 2).tolist(), SEP] for length in lengths]


def mix(n: int) -> Sequences:
    random = np.random.default_rng(SEED)
    lengths = np.exp(random.normal(np.log(MIX_MEDIAN), MIX_SPREAD, n)).round().clip(SHORTEST, LONGEST)
    return made_up(random, lengths.astype(int).tolist())


def fixed(length: int) -> Sequences:
    return made_up(np.random.default_rng(SEED), [length] * min(64, max(8, 4096 // length)))


def padded(sequences: Sequences, size: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches as arrays; sorted by length, unless each is alone."""
    ordered = sequences if size == 1 else sorted(sequences, key=len)
    batches = []
    for start in range(0, len(ordered), size):
        rows = ordered[start : start + size]
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)], mask[index, : len(row)] = row, 1
        batches.append((ids, mask, np.zeros_like(ids)))
    return batches


def interval(values: list[float]) -> str:
    """The median, and where it lies in 95 of 100 resamples of the rounds."""
    random = np.random.default_rng(SEED)
    medians = np.median(random.choice(values, (4000, len(values))), axis=1)
    low, high = np.percentile(medians, (2.5, 97.5))
    return f"{np.median(values):.2f} [{low:.2f}, {high:.2f}]"


def progress(*text: object) -> None:
    print(*text, file=sys.stderr, flush=True)


def best_plan(contender, sequences: Sequences) -> Plan:
    """Runs every plan once to warm its shapes up, and once more to choose."""
    speeds = {}
    for plan in contender.plans():
        contender.tokens_per_s(sequences, plan)
        speeds[plan] = contender.tokens_per_s(sequences, plan)
    best = max(speeds, key=speeds.get)
    progress(f"  {contender.name}: {best}, {speeds[best]:.0f} tokens/s")
    return best


def rounds(n: int, contenders: list, measure: Callable) -> dict[str, list[float]]:
    """Measures every contender once a round; which is first changes."""
    results = {contender.name: [] for contender in contenders}
    for index in range(n):
        shift = index % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            results[contender.name].append(measure(contender))
        progress(f"  round {index + 1}: " + ", ".join(f"{name} {values[-1]:.4g}" for name, values in results.items()))
    return results


def throughput_table(arguments, contenders: list, sequences: Sequences) -> list[str]:
    plans = {contender.name: best_plan(contender, sequences) for contender in contenders}
    results = rounds(arguments.rounds, contenders, lambda c: c.tokens_per_s(sequences, plans[c.name]))
    ours = [contender.name for contender in contenders if isinstance(contender, Ours)]
    lines = [
        "| | best plan | tokens/s, median (least to most) | " + " | ".join(f"{name} is faster by" for name in ours) + " |",
        "|---|---|---|" + "---|" * len(ours),
    ]
    for name, values in results.items():
        ratios = [
            "" if name == own else interval([a / b for a, b in zip(results[own], values)]) for own in ours
        ]
        speeds = f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"
        lines.append(f"| {name} | {plans[name]} | {speeds} | " + " | ".join(ratios) + " |")
    return lines


def latency_table(arguments, contenders: list) -> list[str]:
    lines = ["| p50, ms; in brackets by how much portcullis is faster | " + " | ".join(f"{n} tokens" for n in arguments.lengths) + " |"]
    lines.append("|---|" + "---|" * len(arguments.lengths))
    cells = {contender.name: [] for contender in contenders}
    for length in arguments.lengths:
        sequences = fixed(length)
        for contender in contenders:
            contender.warm_up(sequences[:8])
        results = rounds(arguments.rounds, contenders, lambda c: c.p50_ms(sequences))
        own = results[contenders[0].name]
        for name, values in results.items():
            ratio = "" if values is own else f" ({interval([b / a for a, b in zip(own, values)])})"
            cells[name].append(f"{statistics.median(values):.2f}{ratio}")
    return lines + [f"| {name} | " + " | ".join(row) + " |" for name, row in cells.items()]


def agreement(peers: list[Peer], sequences: Sequences) -> list[str]:
    """How far each peer's logits are from PyTorch's in f32: whether all compute the same."""
    logits = {}
    for peer in peers:
        run = peer.load(1)
        logits[peer.name] = np.concatenate([run(*arrays) for arrays in padded(sequences, 1)])
    exact = logits["pytorch f32"]
    return [f"{name} {np.abs(values - exact).max():.2g}" for name, values in logits.items() if name != "pytorch f32"]


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in cpuinfo.splitlines() if line.startswith("model name")), platform.machine())
    present = [name for name in INSTRUCTIONS if name in cpuinfo.split()]
    absent = [name for name in ("avx512_vnni", "avx_vnni", "avx512_bf16") if name not in present]
    text = f"{model}, {os.cpu_count()} cores; {', '.join(present)}"
    return text + (f"; without {', '.join(absent)}, so that everyone falls back" if absent else "")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/default"), help="folder of the artefact")
    parser.add_argument("--portcullis", type=Path, default=Path("target/release/portcullis"), help="the binary to measure")
    parser.add_argument("--precisions", nargs="+", default=["auto"], help="precisions of ours; the first is ours for latency")
    parser.add_argument("--peers", nargs="+", help="peers to measure, by name; all if left out")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sequences", type=int, default=512, help="sequences in the realistic mix")
    parser.add_argument("--lengths", nargs="*", type=int, default=[16, 32, 64, 128, 512], help="lengths for latency")
    parser.add_argument("--cache", type=Path, default=Path("target/peers-cache"), help="folder for prepared models")
    parser.add_argument("--output", type=Path, help="the page to write; standard output if left out")
    return parser.parse_args()


def main() -> None:
    arguments = options()
    sequences = mix(arguments.sequences)
    peers = prepare(arguments.model, arguments.cache, sequences[:128])
    differences = agreement(peers, sequences[:16])
    chosen = [peer for peer in peers if not arguments.peers or peer.name in arguments.peers]
    load = os.getloadavg()[0]
    page = []
    for threads in arguments.threads:
        heading = f"{threads} thread" + ("s" if threads > 1 else "")
        progress(heading)
        ours = [Ours(arguments, precision, threads) for precision in arguments.precisions]
        contenders = [*ours, *(Theirs(peer, threads) for peer in chosen)]
        page += ["", f"## Realistic mix, {heading}", "", *throughput_table(arguments, contenders, sequences)]
        if arguments.lengths:
            page += ["", f"## One sequence at a time, {heading}", "", *latency_table(arguments, contenders)]
        kernels = "; ".join(sorted({contender.kernels for contender in ours}))
    date = datetime.date.today().isoformat()
    head = [
        f"# The engine and its peers on a CPU, {date}",
        "",
        f"`{' '.join(['python', *sys.argv])}`",
        "",
        f"- Machine: {machine()}. Load average when it began: {load:.1f}.",
        f"- Versions: {', '.join(f'{package} {version(package)}' for package in PACKAGES)}; Python {platform.python_version()}.",
        f"- Ours: {kernels}.",
        f"- Mix: {len(sequences)} sequences, {n_tokens(sequences)} tokens; log-normal lengths, median {MIX_MEDIAN}, clipped to"
        f" {SHORTEST} to {LONGEST}; the same ids for all.",
        f"- {arguments.rounds} rounds in which each contender runs once; ratios are medians of a round's, with the interval in"
        " which 95 of 100 resamples of the rounds put them.",
        f"- Largest difference of a logit to PyTorch f32, over 16 sequences: {', '.join(differences)}.",
    ]
    text = "\n".join([*head, *page]) + "\n"
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
