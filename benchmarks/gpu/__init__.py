"""All that can only be seen on a machine with an NVIDIA GPU, in under nine minutes.

    python -m benchmarks.gpu --prepare FOLDER --arch 80,90    # where Warp is: compiles what the stages launch
    python -m benchmarks.gpu --images FOLDER --json FILE      # on the GPU machine, which needs no Warp and no network
    python -m benchmarks.gpu --platform cpu                   # everything but the GPU: tiny sizes, on Warp's CPU device

Each stage is a process of its own, with a limit: CUDA refuses all work of a process after one access to memory that
isn't there, and the stages behind it shall run all the same.

    machine    where the stages run, and the kernels that are offered there
    stages     what is tried and measured
    command    one process a stage, the table, the JSON
"""
