"""`setaccio serve` under load and under fault, beside llama.cpp's own HTTP servers.

    python -m benchmarks.serving --quick  # the tests' tiny model, some minutes
    python -m benchmarks.serving --full   # 100 clients on it, 16 on the default base: half an hour

Not a test. Each part starts servers of its own, one at a time, on the loopback; the clients run in
this process and
take their share of the same cores, the same for every server. Numbers go to the terminal and, as
JSON, to ``runs/serving/results.json``.
"""
