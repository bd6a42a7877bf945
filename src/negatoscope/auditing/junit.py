"""An audit as a JUnit file, the form in which build servers read tests."""

import re
from xml.etree import ElementTree as ET

from negatoscope.auditing.page_text import title as title_of
from negatoscope.auditing.results import AuditSummary, RuleResult, TransformResult
from negatoscope.reports.formatting import counted, measured

# XML 1.0 has no way to write these.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(summary: AuditSummary) -> str:
    """One test case for each rule of the gate; without rules one for each transform, which then cannot fail."""
    rules = summary.gate.rules
    failed = sum(not rule.passed for rule in rules)
    cases = [_rule_case(rule) for rule in rules] or [_transform_case(entry) for entry in summary.transforms]
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _clean(f"negatoscope audit: {title_of(summary)}"), **counts})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean(summary.verdict)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _rule_case(rule: RuleResult) -> ET.Element:
    case = ET.Element("testcase", {"classname": "negatoscope.gate", "name": _clean(rule.rule)})
    if rule.passed:
        ET.SubElement(case, "system-out").text = _clean(rule.sentence)
    else:
        ET.SubElement(case, "failure", {"type": "gate", "message": _clean(rule.sentence)})
    return case


def _transform_case(entry: TransformResult) -> ET.Element:
    case = ET.Element("testcase", {"classname": f"negatoscope.{entry.kind}", "name": _clean(entry.spec)})
    rate = measured(entry.accuracy, entry.low, entry.high, decimals=1, unit=True)
    ET.SubElement(case, "system-out").text = f"accuracy {rate} on {counted(entry.n, 'image')}"
    return case


def _clean(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
