__global__ void lanes(float* out, const float* x, int rows) {
    // your code
}
