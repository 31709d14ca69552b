"""Pictures and numbers: geometry, sampling, windows, colour, SUV. Pure numpy, no Qt, no pydicom, no files."""
