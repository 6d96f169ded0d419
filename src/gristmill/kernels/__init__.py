"""numba functions over (bytes, offsets) views: no Python objects inside, no GIL, cached on disk."""
