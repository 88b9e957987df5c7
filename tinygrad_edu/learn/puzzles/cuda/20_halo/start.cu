__global__ void halo(float* out, const float* x, const float* w, int n) {
    // your code
}
