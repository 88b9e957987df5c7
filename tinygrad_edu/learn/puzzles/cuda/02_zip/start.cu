__global__ void zip(float* out, const float* a, const float* b) {
    // your code
}
