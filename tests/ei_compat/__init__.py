"""Tests of Edge Impulse's outside: datasets, formats, uploads, Studio.

Modules without a file of tests under their own name, and where they are tested:

    block/box_labels       formats/test_formats, test_bad_input
    block/npy              block/test_arrays, test_bad_input
    block/rows             block/test_arrays
    core/documents         formats/test_export_folders, formats/test_formats
    core/errors            test_package, test_bad_input
    core/limits            core/test_parsing, media/test_images
    dataset/dataset        formats/test_formats
    dataset/label_files    formats/test_label_files, formats/test_export_folders
    dataset/reading        formats/test_account
    dataset/stratify       dataset/test_split
    formats/_box_formats   formats/test_boxes, formats/test_formats
    formats/_boxes_beside  formats/test_boxes, formats/test_export_folders
    formats/_class_layout  formats/test_layouts
    formats/_csv           formats/test_label_files, formats/test_merge
    formats/_folder_names  formats/test_layouts
    formats/_format        formats/test_formats
    formats/_harmless      formats/test_account
    formats/_layout        formats/test_formats, formats/test_names
    formats/_images        formats/test_names, formats/test_boxes
    formats/_side_files    formats/test_account
    formats/_tree          formats/test_account, formats/test_layouts
    formats/arrays         formats/test_formats
    formats/class_folders  formats/test_layouts, formats/test_formats
    formats/coco           formats/test_formats, formats/test_merge
    formats/conversion     formats/test_formats
    formats/ei_export      formats/test_export_folders, test_ei_samples
    formats/file_names     formats/test_formats, formats/test_layouts
    formats/open_images    formats/test_formats, formats/test_merge
    formats/openmv         formats/test_formats, upload/test_official_uploader
    formats/plain_csv      formats/test_formats, formats/test_merge
    formats/remo           formats/test_formats, formats/test_merge
    formats/sidecars       formats/test_formats, upload/test_official_uploader
    formats/voc            formats/test_formats, formats/test_merge
    formats/yolo           formats/test_formats, formats/test_merge
    media/acquisition      media/test_signals
    media/box_check        formats/test_boxes
    media/image_files      media/test_images
    media/image_headers    media/test_images
    media/pixels           media/test_images
    remote/failures        remote/test_remote, upload/test_delivery
    remote/jobs            studio/test_studio
    remote/transport       remote/test_remote
    studio/block_archive   studio/test_push
    studio/model_info      studio/test_pretrained
    studio/studio_model    test_remote_bad_input
    upload/batches         upload/test_ingestion, upload/test_delivery
    upload/options         upload/test_ingestion
    upload/report          upload/test_ingestion, upload/test_delivery
"""
