"""What Edge Impulse hands to a custom block, and the files that describe one.

::

    train_input          `train_input.json`
    parameters           `parameters.json`, and the options that it makes
    block_config         `.ei-block-config`
    deployment_metadata  `deployment-metadata.json`
    npy                  numpy's file format, never a pickle
    mapped_array         arrays that stay in their file
    rows                 rows of an array on disk as float32, on demand
    arrays               X and Y, split or not, as rows to train and validate on
    box_labels           labels with boxes, which are JSON in a file named `.npy`
    inferred_input       a job for arrays that come without a `train_input.json`
    run_folder           what a block leaves in its output directory
"""
