__global__ void dot(float* out, const float* a, const float* b, int n) {
    // your code
}
