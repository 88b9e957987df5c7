// What nvcc includes in every program.
#pragma once
#include "cuda_runtime_api.h"
#include <cassert>
#include <climits>
#include <cstdio>
#include <cstdlib>
