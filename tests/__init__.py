"""The tests; a package so that `tests.phantoms` is always ours and never another project's `tests`."""
