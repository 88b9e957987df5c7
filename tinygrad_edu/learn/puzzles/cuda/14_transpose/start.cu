__global__ void transpose(float* out, const float* x, int rows, int cols) {
    // your code
}
