"""Pictures and films that leave the program: files, the clipboard, cine.

`picture` paints, `encode` and `movie` turn pixels into bytes, `atomic` puts them in place, the dialogs ask, and
`actions` makes commands of it. Identity is left out unless the user decides otherwise, once a session (rule F08).
"""
