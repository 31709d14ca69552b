"""Slices of volumes over HTTP: `triptych serve`."""
