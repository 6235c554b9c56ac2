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
    from setaccio.train.backend.base import resolve_base
    from setaccio.train.fit import Training, build_trainer
    from setaccio.train.inputs.encode import EncodeReport
    from setaccio.train.inputs.prepare import make_inputs
    from setaccio.train.inputs.sources import Rows
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.progress import Reporter

    encoded = Rows(rows, [], EncodeReport())
    inputs = make_inputs(config, resolve_base(config.base), tokenizer, encoded, "trl")
    return build_trainer(Training(inputs, Reporter(Clock(None, 0.0))))
