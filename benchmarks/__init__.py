"""Speed and memory of this runtime beside its peers, all in one run on the same real models.

    python -m benchmarks            # everything; docs/benchmarks.md gets the tables
    python -m benchmarks --quick    # a few documents on the tests' tiny model
    python -m benchmarks --model my.gguf --pairs mine.jsonl

Not a test, and no part of the installed package. How each number comes about stands in
docs/benchmarks.md.
"""
