__global__ void embedding(float* out, const float* table, const int* index, int n, int width) {
    // your code
}
