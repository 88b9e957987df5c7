__global__ void planar(float* out, const float* x, int n) {
    // your code
}
