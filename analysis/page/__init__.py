"""What a page is made of: its elements, style and script, and the sections that fill it."""
