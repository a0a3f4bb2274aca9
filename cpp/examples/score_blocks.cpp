// Streams blocks of rows through Moments and prints the H-score, as an embedding program would.
#include <cstdio>
#include <random>
#include <vector>

#include "hscore/hscore.hpp"

int main() {
  constexpr hscore::Index rows = 256;
  constexpr hscore::Index features = 32;
  constexpr hscore::Index classes = 4;
  std::mt19937 random(1);
  std::normal_distribution<float> noise;

  hscore::Moments moments(features);
  hscore::UpdateOptions options;
  options.threads = hscore::thread_count(0);
  for (int block = 0; block < 40; ++block) {
    std::vector<float> values(rows * features);
    std::vector<std::int32_t> labels(rows);
    for (hscore::Index i = 0; i < rows; ++i) {
      labels[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(random() % classes);
      for (hscore::Index j = 0; j < features; ++j) {
        const bool informative = j == labels[static_cast<std::size_t>(i)];
        values[static_cast<std::size_t>(i * features + j)] =
            noise(random) + (informative ? 1.0f : 0.0f);
      }
    }
    hscore::FeatureView view;
    view.data = reinterpret_cast<const unsigned char*>(values.data());
    view.rows = rows;
    view.cols = features;
    view.row_stride = features * hscore::Index{sizeof(float)};
    view.col_stride = sizeof(float);
    view.dtype = hscore::DType::float32;
    moments.update(view, {labels.data(), rows, classes}, options);
  }
  const hscore::HScore result = hscore::h_score(moments, {});
  std::printf("H-score %.6f of at most %td, rank %td\n", result.score, result.classes - 1,
              result.rank);
  return result.score > 0 && result.score < 3 ? 0 : 1;
}
