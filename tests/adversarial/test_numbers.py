"""Every adversarial case has a test that says its number in its name."""

import re
from pathlib import Path

CASES = range(1, 102)


def test_every_case_has_a_test():
    """A case without a test is one that nobody tries; a number beyond the list is a slip."""
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    found = {int(n) for file in files for n in re.findall(r"^def test_case_(\d+)_\w+\(", file.read_text(), re.MULTILINE)}
    assert not set(CASES) - found, f"cases without a test: {sorted(set(CASES) - found)}"
    assert not found - set(CASES), f"numbers of no case: {sorted(found - set(CASES))}"
