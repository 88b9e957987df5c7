__global__ void buffers(float* c, const float* a, const float* b, int m, int n, int k) {
    // your code
}
