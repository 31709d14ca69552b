"""The product checks itself on the user's own data, against programs that share no code with it.

`triptych verify` reads each stack with the viewer's own code and asks SimpleITK, dcm2niix and the real-world value
objects of the study the same questions. The other programs are optional, run as processes of their own, and see files
under neutral names only; what they write to their terminals, which may quote headers, is never shown.
"""
