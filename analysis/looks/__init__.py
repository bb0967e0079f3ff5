"""What the pictures of data and errors show, as arrays."""
