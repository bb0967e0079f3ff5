"""The search: plan, driver, workers and tracking around the trials of `models`."""
