"""Tries what is promised when things go wrong: killed processes, damaged files, full disks. See docs/reliability.md."""
