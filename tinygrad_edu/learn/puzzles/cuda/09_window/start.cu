__global__ void window(float* out, const float* x, int n) {
    // your code
}
