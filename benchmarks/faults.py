"""What faults cost: from pytest's reports, how often trials were taken up again and what they trained twice.

    python -m pytest -m "" tests/search/faults --junitxml build/faults/1.xml
    python -m benchmarks.faults build/faults/*.xml

Each run of a test that passed counts; one that failed is named, as its numbers say nothing.
"""

import argparse
import statistics
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET


def read(paths):
    """By test: kimg repeated at each taking up, of each passed run; and how often it failed."""
    passed, failed = defaultdict(list), defaultdict(int)
    for path in paths:
        for case in ET.parse(path).iter("testcase"):  # noqa: S314 - a report of one's own
            if case.find("skipped") is not None:
                continue
            if case.find("failure") is not None or case.find("error") is not None:
                failed[case.get("name")] += 1
                continue
            found = case.find("properties/property[@name='repeated']")
            if found is not None:
                passed[case.get("name")].append([float(each) for each in found.get("value").split()])
    return passed, failed


def table(passed, failed):
    yield "| test | runs passed | failed | taken up again | kimg repeated: median | most |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(passed | failed):
        each = [kimg for run in passed[name] for kimg in run]
        cost = f"{statistics.median(each):.2f} | {max(each):.2f}" if each else "0 | 0"
        yield f"| {name} | {len(passed[name])} | {failed[name]} | {len(each)} | {cost} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path)
    print("\n".join(table(*read(parser.parse_args().reports))))


if __name__ == "__main__":
    main()
