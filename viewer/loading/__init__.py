"""Jobs without Qt: the generator of frozen load events and what it needs."""
