__global__ void wide(float* out, const float* x, int n) {
    // your code
}
