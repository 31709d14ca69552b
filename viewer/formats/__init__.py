"""Ways a study can lie on a disk: one reader a file, found by the registry, none known to another."""
