"""Every rule that must hold has a test with its id in the name, and the table says so truthfully."""

from __future__ import annotations

import re

import pytest

from tests.contracts.rules import OPEN, RULES, TABLE, collected, table


@pytest.fixture(scope="module")
def tests() -> dict[str, list[str]]:
    return collected()


@pytest.mark.parametrize("rule", RULES)
def test_that_every_rule_has_a_test_or_a_reason(rule: str, tests: dict[str, list[str]]) -> None:
    assert tests.get(rule) or rule in OPEN, f"no test carries {rule} in its name"


def test_that_reasons_are_given_for_known_rules_only() -> None:
    assert OPEN.keys() <= RULES.keys()
    assert all(reason.endswith(".") for reason in OPEN.values())


def test_that_the_table_is_the_one_that_the_tests_make(tests: dict[str, list[str]]) -> None:
    rows = dict(re.findall(r"^\| ([A-Z]\d\d) \| (.*) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE))
    expected = dict(re.findall(r"^\| ([A-Z]\d\d) \| (.*) \|$", table(tests), re.MULTILINE))
    advice = "run: python -m tests.contracts.rules"
    assert rows.keys() == expected.keys(), advice
    known = {name for names in tests.values() for name in names}
    for rule, row in rows.items():
        # A new test need not be listed at once; a test that is gone, or a rule that changed, must not stay.
        assert row.rsplit(" | ", 1)[0] == expected[rule].rsplit(" | ", 1)[0], f"{rule}: {advice}"
        listed = [name for name in re.findall(r"`([^`]+)`", row) if "::[" not in name]
        assert set(listed) <= known, f"{rule}: {advice}"
        assert listed or "::[" in row or rule in OPEN, f"{rule}: {advice}"


def test_that_a_rule_is_found_only_as_a_word_of_a_name() -> None:
    found = {name for names in collected().values() for name in names}
    assert any(
        name.endswith("test_that_A15_A16_tilt_is_shear_of_the_positions_and_not_the_tilt_tag")
        for name in found
    )
    assert not any("test_that_a_rule_is_found_only" in name for name in found)
