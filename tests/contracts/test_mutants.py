"""The table of mutants stays true: every line still exists once, and no rule that must hold is left out."""

from __future__ import annotations

import pytest

from tests.conftest import CHECKOUT
from tests.contracts.rules import RULES
from tests.mutants.__main__ import broken
from tests.mutants.table import MUTANTS, WITHOUT, Mutant

REQUIRED = {rule for rule in RULES if rule[0] in "ABDEJ" or rule in ("I08", "I09", "I10")}


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{n}-{one.rule}" for n, one in enumerate(MUTANTS)])
def test_that_the_line_of_a_mutant_exists_once_and_breaks_into_python(mutant: Mutant) -> None:
    text = (CHECKOUT / "viewer" / mutant.file).read_text(encoding="utf-8")
    changed = broken(text, mutant)
    assert changed != text
    compile(changed, mutant.file, "exec")


def test_that_every_rule_is_broken_somewhere_or_says_why_not() -> None:
    assert {mutant.rule for mutant in MUTANTS} | WITHOUT.keys() >= REQUIRED
    assert not {mutant.rule for mutant in MUTANTS} & WITHOUT.keys()
