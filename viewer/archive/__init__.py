"""DICOM series as chunked, compressed Zarr volumes: a manifest, the conversion on Dask, its verification, reading."""
