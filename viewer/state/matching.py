"""How well what somebody typed fits a text: the whole words first, letters in order last."""

from __future__ import annotations

_START, _WORD, _INSIDE, _LETTERS = 0.0, 1.0, 2.0, 3.0


def distance(typed: str, text: str) -> float | None:
    """How far a text is from what was typed; every typed word must be found in it.

    Parameters
    ----------
    typed
        Words in any order; case does not count.
    text
        What is searched.

    Returns
    -------
    float or None
        0 for a text that begins with the word, more for a word within, most for letters in order with others between
        them (always below 4 a word); None when a word is not there at all.
    """
    text = text.casefold()
    total = 0.0
    for word in typed.casefold().split():
        far = _distance_of_word(word, text)
        if far is None:
            return None
        total += far
    return total


def _distance_of_word(word: str, text: str) -> float | None:
    if text.startswith(word):
        return _START
    place = text.find(word)
    while place >= 0:
        if not text[place - 1].isalnum():
            return _WORD
        place = text.find(word, place + 1)
    if word in text:
        return _INSIDE
    first = place = text.find(word[0])
    for letter in word[1:]:
        if place < 0:
            return None
        place = text.find(letter, place + 1)
    return None if place < 0 else _LETTERS + (place - first) / (len(text) + 1)
