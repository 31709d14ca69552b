"""Commands. Each module of this folder defines `commands(context)`; the window registers what it finds."""
