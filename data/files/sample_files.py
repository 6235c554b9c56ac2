"""The small files of pairs and recipes that come with the package (``data/samples``)."""

from __future__ import annotations

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parents[1] / "samples"
BOOKINGS_TRAIN = SAMPLE_FOLDER / "bookings_train.jsonl"
BOOKINGS_TEST = SAMPLE_FOLDER / "bookings_test.jsonl"
RECIPES_TOLD = SAMPLE_FOLDER / "recipes_told.jsonl"
RECIPES_RETOLD = SAMPLE_FOLDER / "recipes_retold.jsonl"
