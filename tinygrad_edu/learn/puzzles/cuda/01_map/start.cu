__global__ void map(float* out, const float* x) {
    // your code
}
