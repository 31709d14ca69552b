"""Slices over HTTP: open volumes are kept, so that a slice never reads its study again."""
