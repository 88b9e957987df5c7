__global__ void banks(float* out, const float* x, int rows, int cols) {
    // your code
}
