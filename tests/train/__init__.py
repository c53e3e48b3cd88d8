"""Tests of the training service.

Modules without a file of tests under their own name, and where they are tested:

    backbones/feature_network      backbones/test_dense, backbones/test_conv1d
    backbones/flat                 backbones/test_network_file
    backbones/keras_config         backbones/test_keras_file
    backbones/mobilenet_v2         backbones/test_keras_applications
    backbones/own_layers           backbones/test_network_file
    backbones/weights_file         backbones/test_keras_applications
    batches                        methods/test_loop
    checks                         tasks/test_classification_checks
    cli/compress                   cli/test_main, backbones/test_given_model
    cli/firmware                   cli/test_main
    cli/program                    cli/test_names
    cli/remote_views               cli/test_remote
    cli/report                     reporting/test_page
    cli/run                        container/test_engine, container/test_plan
    cli/trained                    trained/test_evaluation, trained/test_prediction
    cli/tune                       tuning/test_plan
    cli/tune_progress              tuning/test_driver
    cli/units                      tuning/test_plan
    costs                          test_pipeline
    evaluate                       test_pipeline, methods/test_qat
    export                         test_pipeline
    exported                       test_data
    inspection/health              reporting/test_findings
    job                            test_recipe
    methods/given                  backbones/test_given_model
    methods/head                   test_pipeline
    methods/state                  runs/test_checkpoint
    methods/statistics             methods/test_int8_ready
    methods/trainer                methods/test_loop
    network                        methods/test_ending, test_graph
    page/charts                    reporting/test_page
    page/document                  reporting/test_page, reporting/test_browser
    page/parts                     reporting/test_page
    page/images                    reporting/test_browser
    preparation                    test_pipeline
    reporting/data_chapters        reporting/test_page, reporting/test_browser
    reporting/explorer             reporting/test_page, reporting/test_findings
    reporting/island               reporting/test_page
    reporting/model_chapters       reporting/test_page
    result                         cli/test_progress, cli/test_data
    runs/events                    runs/test_tracking
    runs/mlflow_run                runs/test_tracking
    runs/report                    test_pipeline
    samples                        test_data
    scaling                        methods/test_input_scaling
    signals                        test_supervisor
    sparsity                       tasks/test_classification_checks, methods/test_prune
    start                          cli/test_main
    streams                        test_supervisor
    supervision                    test_supervisor
    tasks/classification           test_data, test_pipeline
    tasks/classification_chapters  reporting/test_page, reporting/test_browser
    tasks/dense_head               test_pipeline
    tasks/regression_chapters      reporting/test_page
    tasks/regression_checks        tasks/test_regression
    tasks/regression_scores        tasks/test_regression
    tasks/ridge_probe              tasks/test_regression
    trained/comparison             trained/test_evaluation
    trained/model                  trained/test_evaluation
    trained/images                 trained/test_prediction
    trained/runner                 trained/test_prediction
    trained/sets                   trained/test_evaluation
    tuning/claims                  tuning/test_database
    tuning/executors               tuning/test_local
    tuning/launch                  tuning/test_local
    tuning/network_cost            test_pipeline
    tuning/page                    tuning/test_driver
    tuning/ray_node                tuning/test_ray_cluster
    tuning/results                 tuning/test_driver
    tuning/rungs                   tuning/test_space
    tuning/running                 tuning/test_local
    tuning/sketch                  test_pipeline, tuning/test_costs
    tuning/study                   tuning/test_driver, tuning/test_database
    tuning/subject                 tuning/test_driver
    tuning/trials                  tuning/test_local
    tuning/tune                    tuning/test_driver
"""
