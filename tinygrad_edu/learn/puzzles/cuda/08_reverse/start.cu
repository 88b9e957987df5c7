__global__ void reverse(float* out, const float* x) {
    // your code
}
