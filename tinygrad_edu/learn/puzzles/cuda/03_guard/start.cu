__global__ void guard(float* out, const float* x, int n) {
    // your code
}
