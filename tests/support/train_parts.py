"""Parts that several tests of the training share."""

import json
import random
from pathlib import Path

CITIES = ["Bari", "Lecce", "Turin", "Pisa", "Rome", "Trento"]
NAMES = ["Ada", "Bruno", "Carla", "Dario", "Elsa", "Fabio", "Gina", "Ivo"]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "city": {"type": "string"}},
    "required": ["name", "city"],
    "additionalProperties": False,
}


def make_pairs(count: int, seed: int = 0) -> list[dict]:
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        name, city = generator.choice(NAMES), generator.choice(CITIES)
        text = generator.choice(
            [f"{name} lives in {city}.", f"In {city} I once met {name}, a baker."]
        )
        rows.append({"id": f"p{index}", "text": text, "gold": {"name": name, "city": city}})
    return rows


def write_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_trainer(config, tokenizer, rows):
    """The trainer that a run of this configuration has, with an adapter on its base."""
    from setaccio.train.backend.backend_trl import prepare_trl
    from setaccio.train.backend.base import resolve_base
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.loop.trainer import build_trainer

    model, peft_config = prepare_trl(config, resolve_base(config.base))
    return build_trainer(
        config,
        model,
        tokenizer,
        rows,
        [],
        clock=Clock(None, 0.0),
        checkpoints=config.out,
        bf16=False,
        peft_config=peft_config,
    )
