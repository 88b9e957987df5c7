__global__ void plane(float* out, const float* x, int rows, int cols) {
    // your code
}
