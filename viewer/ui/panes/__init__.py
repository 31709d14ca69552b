"""The panes: rendering, painting, mouse gestures and the grid they stand in."""
