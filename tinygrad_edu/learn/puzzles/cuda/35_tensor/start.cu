#include <cuda_fp16.h>
#include <mma.h>
using namespace nvcuda;

__global__ void tensor(float* c, const half* a, const half* b, int n) {
    // your code
}
