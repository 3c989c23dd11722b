"""Features that Headwater adds to LocalStack's community edition.

LocalStack finds the parts by the entry points in headwater_localstack-1.dist-info. The folder needs no installation:
it is in PYTHONPATH, in host mode and in the container.
"""
