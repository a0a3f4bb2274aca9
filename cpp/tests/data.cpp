#include "data.hpp"

#include <random>

namespace testing {

Data random_data(Index rows, Index cols, Index classes, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise;
  Data data{Matrix(rows, cols), std::vector<std::int32_t>(static_cast<std::size_t>(rows)), classes};
  for (Index i = 0; i < rows; ++i) {
    const Index c = static_cast<Index>(random()) % classes;
    data.y[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(c);
    for (Index j = 0; j < cols; ++j) data.x(i, j) = noise(random) + 0.3 * ((c + j) % classes == 0);
  }
  return data;
}

}  // namespace testing
