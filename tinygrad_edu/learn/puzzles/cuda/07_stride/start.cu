__global__ void stride(float* out, const float* x, const float* y, float a, int n) {
    // your code
}
