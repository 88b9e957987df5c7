__global__ void blocks(float* out, const float* x, int n) {
    // your code
}
