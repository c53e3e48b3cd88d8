"""Edge Impulse from outside: its dataset formats, block files, picture preparation and APIs.

Pure Python: imports neither TensorFlow nor anything of `train` or `firmware`.
"""
