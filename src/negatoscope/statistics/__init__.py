"""Intervals, tests, information, calibration and verdicts: every statement that a report makes about a number."""
