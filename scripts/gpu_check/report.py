"""The result as a Markdown section for docs/gpu.md."""

from __future__ import annotations

from typing import Any

GIB = 2**30


def _gib(size: float | None) -> str:
    return f"{size / GIB:.2f}" if size else "-"


def _met(yes: bool) -> str:
    return "met" if yes else "NOT met"


def verdicts(result: dict[str, Any]) -> list[str]:
    """One line for each target and for the curves, as the command prints them."""
    targets, curves = result["comparison"]["targets"], result["comparison"]["curves"]
    if targets is None or curves is None:
        return ["No comparison: only one stack ran. Speed, memory and curves remain unmeasured."]
    return [
        f"Speed: {targets['speed_ratio']:.2f} x the plain stack's tokens/s "
        f"(target >= {targets['speed_target']}): {_met(targets['speed_met'])}.",
        f"Peak memory in use: {targets['memory_ratio']:.2f} x the plain stack's "
        f"(target <= {targets['memory_target']}): {_met(targets['memory_met'])}; reserved by "
        f"PyTorch, {targets['reserved_ratio']:.2f} x.",
        f"Loss curves: {'overlap' if curves['overlap'] else 'do NOT overlap'}; greatest "
        f"difference {curves['greatest_difference']:.4f} nats over {curves['steps']} steps, at the "
        f"first step {curves['first_step_difference']:.4f}; {curves['noise_between_runs']:.4f} "
        f"between runs of one stack. Criterion: {curves['criterion']}.",
    ]


def _stacks(result: dict[str, Any]) -> list[str]:
    memory = "GPU memory" if result["kind"] == "gpu" else "memory of the process"
    rows = [
        f"| stack | runs | load s | warm-up s | tokens/s | peak {memory} in use, GiB "
        "| reserved | with loading | nvidia-smi | loss, first to last step |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    names = {"unsloth": "Unsloth", "trl": "TRL + PEFT"}
    for name, stack in result["comparison"]["stacks"].items():
        rows.append(
            f"| {names[name]} | {stack['runs']} | {stack['load_seconds']:.1f} "
            f"| {stack['warm_up_seconds']:.1f} | {stack['tokens_per_second']:,.0f} "
            f"| {_gib(stack['peak_allocated_bytes'])} | {_gib(stack['peak_bytes'])} "
            f"| {_gib(stack['peak_with_load_bytes'])} "
            f"| {_gib(stack['nvidia_smi_bytes'])} "
            f"| {stack['first_loss']:.3f} to {stack['last_loss']:.3f} |"
        )
    return rows


def _carried(name: str, carried: dict[str, Any]) -> list[str]:
    if carried.get("failed") or carried.get("skipped"):
        return [f"- {name}: {carried.get('failed') or carried['skipped']}"]
    files = "; ".join(
        f"`{file['name']}` {file['bytes'] / 1e6:.1f} MB, parity "
        f"{'passed' if file['parity_ok'] else 'FAILED'} (mean KL {file['mean_kl']:.2g}, same "
        f"likeliest token at {file['top1_agreement']:.0%} of {file['positions']} positions)"
        for file in carried["files"]
    )
    answers = carried["extraction"]
    return [
        f"- {name}: {files}. Extraction on the CPU: {answers['json']} of {answers['documents']} "
        f"answers are JSON, {answers['fits_schema']} fit the schema."
    ]


def markdown(result: dict[str, Any]) -> str:
    """Render the result.

    Args:
        result: what the check wrote as JSON.
    """
    machine, model = result["machine"], result.get("model") or {}
    what = "GPU run" if result["kind"] == "gpu" else "Rehearsal on a CPU"
    versions = ", ".join(f"{name} {value}" for name, value in machine["versions"].items())
    lines = [f"### {what}, {result['date'][:10]}", ""]
    if result["kind"] == "gpu":
        lines.append(
            f"{machine.get('gpu')}, driver {machine.get('driver')}, CUDA {machine.get('cuda')}, "
        )
    lines.append(f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}.")
    lines.append(f"Versions: {versions}.")
    if model.get("parameters"):
        shape, training = model["shape"], result["settings"]["training"]
        lines.append(
            f"Model: Qwen2, {model['parameters'] / 1e6:,.1f} million random parameters (width "
            f"{shape['hidden_size']}, {shape['num_hidden_layers']} layers), {model['vocabulary']} "
            f"vocabulary of {model['tokens']:,} tokens. {training['method']}, rank "
            f"{training['rank']}, batch {training['batch_size']}, {training['max_steps']} steps, "
            f"timed after the first {result['settings']['warm_up']}."
        )
    lines += ["", *_stacks(result), ""]
    lines += [f"- {line}" for line in verdicts(result)]
    for name, carried in result["carried"].items():
        lines += _carried(name, carried)
    for arm in result["arms"]:
        if arm.get("failed") or arm.get("skipped"):
            lines.append(f"- {arm['backend']}: {arm.get('failed') or arm['skipped']}")
    lines.append(f"- The whole check took {result['seconds']:.0f} s.")
    return "\n".join(lines) + "\n"
