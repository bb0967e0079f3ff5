"""Pictures, as pure functions of arrays and numbers. The only folder that imports matplotlib."""
