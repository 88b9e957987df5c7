__global__ void scatter(float* out, const float* gradient, const int* index, int n, int width) {
    // your code
}
