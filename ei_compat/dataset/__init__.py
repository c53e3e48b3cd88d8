"""The neutral dataset, which every format is read into and written from.

::

    dataset      samples, their labels and payloads
    label_files  Edge Impulse's label files: names and schema
    reading      the account of what a reader made of every file
    split        training, validation and testing by share
    stratify     which set each group of samples goes to
"""
