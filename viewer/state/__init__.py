"""What the user is looking at. No Qt; changed on the GUI thread only; announces changes through psygnal."""
