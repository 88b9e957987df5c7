__global__ void compact(float* out, int* count, const float* x, int n) {
    // your code
}
