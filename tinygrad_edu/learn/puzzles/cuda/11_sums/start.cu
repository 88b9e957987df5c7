__global__ void sums(float* out, const float* x, int n) {
    // your code
}
