__global__ void convolve(float* out, const float* x, const float* w, int n) {
    // your code
}
