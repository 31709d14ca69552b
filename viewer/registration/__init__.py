"""Where a volume of another frame of reference lies: found by SimpleITK in the background, or entered by hand."""
