__global__ void tiles(float* c, const float* a, const float* b, int m, int n, int k) {
    // your code
}
