"""pydicom meets imaging: headers to catalogue, instances to geometry, pixel data to values."""
