"""Freed memory stays with the process where the C library can be told to keep it."""

import subprocess
import sys
from pathlib import Path

import pytest

_WORK = """
import torch
from negatoscope.memory import keep_freed_memory

def is_mapped(address):
    with open("/proc/self/maps") as maps:
        ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    return any(start <= address < end for start, end in ranges)

def free_blocks():
    blocks = [torch.ones(4_000_000) for _ in range(6)]  # 16 MB each
    return [block.data_ptr() for block in blocks]

before = all([is_mapped(address) for address in free_blocks()])
is_set = keep_freed_memory()
print(is_set, before, all([is_mapped(address) for address in free_blocks()]))
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not list the memory of a process")
def test_large_tensors_leave_their_memory_to_the_next_once_it_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", _WORK], capture_output=True, text=True, check=True)
    is_set, before, after = done.stdout.split()
    if is_set == "True":  # glibc: elsewhere nothing is promised
        assert (before, after) == ("False", "True")
