// In CUDA a header of its own; here cuda_runtime.h has it.
#pragma once
#include "cuda_runtime.h"
