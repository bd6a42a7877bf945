"""Freed memory stays with the process where the C library can be told to keep it."""

import subprocess
import sys

_WORK = """
import resource, torch
from negatoscope.memory import keep_freed_memory
told = keep_freed_memory()
def work():
    blocks = [torch.ones(4_000_000) for _ in range(6)]  # 16 MB each
for _ in range(3): work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): work()
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_large_tensors_come_without_fresh_pages_once_memory_is_kept():
    said = subprocess.run([sys.executable, "-c", _WORK], capture_output=True, text=True, check=True).stdout.split()
    if said[0] == "True":  # glibc: elsewhere nothing is promised
        assert int(said[1]) < 500  # 60 blocks are some 230,000 pages
