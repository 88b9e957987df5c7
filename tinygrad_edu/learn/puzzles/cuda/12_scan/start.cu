__global__ void scan(float* out, const float* x, int n) {
    // your code
}
