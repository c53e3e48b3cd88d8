"""Edge Impulse from outside: its dataset formats, block files, picture preparation and APIs.

Pure Python: imports neither TensorFlow nor anything of `train` or `firmware`, and no module loads numpy, Pillow or a
network library before it needs one. Names are imported from where they live. One room per subject, lower floors first,
and each imports from lower floors only::

    studio    formats     projects: their data, blocks and models;  every dataset format, and `open_dataset`
    block     upload      a custom block's files and arrays;        samples on their way to a project
         media            pictures and signals
    dataset   remote      the neutral `Dataset`;                    sessions with Edge Impulse's services
         core             errors, limits, progress, files, JSON

From a folder of photos to an export that Edge Impulse reads::

    from ei_compat.dataset.split import Shares, split_dataset
    from ei_compat.formats import open_dataset, write_dataset

    dataset = split_dataset(open_dataset("photos"), Shares(0.64, 0.16, 0.20), seed=1)
    write_dataset(dataset, "dataset", "ei-export")
"""
