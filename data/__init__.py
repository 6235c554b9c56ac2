"""Tasks, documents and pairs: what everything else is made from.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

import os
from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.data.records import Document as Document
    from setaccio.data.records import Pair as Pair
    from setaccio.data.records import Problem as Problem
    from setaccio.data.records import load_pairs as load_pairs
    from setaccio.data.records import read_pairs as read_pairs
    from setaccio.data.records import write_pairs as write_pairs
    from setaccio.data.task.rules import MergeRule as MergeRule
    from setaccio.data.task.rules import ScoringRule as ScoringRule
    from setaccio.data.task.task import Task as Task
    from setaccio.data.task.task import load_task as load_task

# Read when the libraries are loaded, so set here, which every other package imports first; who has
# set one keeps their own. Hugging Face's libraries (TRL with every trainer) and Unsloth report
# their use to a server unless told not to.
for _switch in ("HF_HUB_DISABLE_TELEMETRY", "UNSLOTH_DISABLE_STATISTICS", "DO_NOT_TRACK"):
    os.environ.setdefault(_switch, "1")
# Threads of llama.cpp and PyTorch wait for each other many times in a pass. By default GCC's OpenMP
# keeps a waiting thread spinning for milliseconds, and where another program uses a core the thread
# that is waited for does not get one: an extraction takes 20 times as long, a training step ten.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "records": ["Document", "Pair", "Problem", "load_pairs", "read_pairs", "write_pairs"],
        "task.rules": ["MergeRule", "ScoringRule"],
        "task.task": ["Task", "load_task"],
    },
)
