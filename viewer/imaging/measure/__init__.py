"""What is measured on images, one file a measurement: patient-space points in, numbers out. Pure, no state.

Points are (n, 3) LPS millimetres, so a measurement is right on every plane, whatever the pixel spacing or the turn of
the pane (rules G01, G02). A volume without pixel spacing counts in pixels; only the unit on the label differs.
"""
