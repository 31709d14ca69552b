"""Dialogs: each is a class with a plain result that is tested without being shown; `actions` makes commands of them."""
