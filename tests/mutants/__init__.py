"""Rules broken on purpose: proof that the tests of each rule see it when it no longer holds.

`python -m tests.mutants` breaks one line of a copy of the package at a time, runs the tests that carry the rule's id
and says whether they noticed. The suite itself only checks that every line of the table still exists.
"""
