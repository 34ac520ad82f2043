"""Everything that can be checked only on a machine with an NVIDIA GPU, in less than nine minutes.

    python -m benchmarks.gpu --prepare FOLDER --arch 80,90    # on a machine with Warp: compiles the stages' kernels
    python -m benchmarks.gpu --images FOLDER --json FILE      # on the GPU machine, which needs no Warp and no network
    python -m benchmarks.gpu --platform cpu                   # everything but the GPU: tiny sizes, on Warp's CPU device

Each stage runs in a separate process with a time limit: after an illegal memory access, CUDA refuses all further work
of the process, and later stages must still run.

    machine    where the stages run, and the registration of the kernels there
    stages     tests and measurements
    launcher   the cost of the native launcher itself
    command    one process per stage, the table, the JSON
    worker     the process of a stage
"""
