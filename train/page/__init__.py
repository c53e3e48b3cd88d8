"""Pages for people: HTML and SVG from values by a few small functions, in one file that needs nothing else."""
