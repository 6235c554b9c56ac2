"""Ctrl-C is never lost in llama.cpp's log, which runs Python code in the midst of its work.

Run: pytest tests/runtime/model/test_llama_log.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from setaccio.runtime.model.llama_log import uninterrupted

# Each round works until a signal has been sent, whenever that is; a round that then ends by itself
# has lost it.
CHILD = """
import os, signal, sys, threading, time
from setaccio.runtime import Extractor, load_model

def send(delay):
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)
    sent.set()

lost = 0
for number in range(24):
    sent = threading.Event()
    sender = threading.Thread(target=send, args=[number * 0.011])
    try:
        sender.start()
        while not sent.is_set():
            model = load_model(sys.argv[1])
            Extractor(model, max_tokens=2, parallel=1).extract("Beat 2 eggs.")
            model.close()
        lost += 1
    except KeyboardInterrupt:
        pass
    sender.join()
print(lost)
"""


def test_an_interruption_while_a_model_loads_is_raised(tiny_gguf: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tiny_gguf)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_it_is_raised_behind_the_outermost_block_and_once() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("inner")
        steps.append("outer")
    assert steps == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_change_no_handler() -> None:
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
