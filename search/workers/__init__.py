"""What runs the trials: processes of this machine or of a dask cluster, or this process."""
