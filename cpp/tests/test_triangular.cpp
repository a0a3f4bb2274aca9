#include <numeric>

#include "check.hpp"
#include "data.hpp"

namespace testing {
namespace {

hscore::HScore high(const Data& data, int threads = 1) {
  hscore::ScoreOptions options;
  options.precision = hscore::Precision::high;
  options.whitening.tolerance = 0;
  options.whitening.threads = threads;
  return hscore::h_score(view(data.x), labels(data), options);
}

hscore::HScore of(const hscore::TriangularMoments& moments) {
  hscore::WhiteningOptions options;
  options.tolerance = 0;
  return hscore::h_score(moments, options);
}

TEST(triangular_full_rank_at_every_edge) {
  for (const Index rows : {2, 5, 47, 511, 512, 513, 1100}) {
    for (const Index cols : {1, 2, 9, 46, 47, 48, 49, 95, 96, 97, 130, 193}) {
      const Data data = random_data(rows, cols, 4);
      const hscore::HScore result = high(data);
      CHECK_CLOSE(result.score, oracle(data), 1e-11);
      CHECK(result.rank == std::min(rows - 1, cols));
      if (2 * rows > cols) CHECK(result.path == hscore::Path::triangular);
    }
  }
}

TEST(triangular_near_duplicates_keep_their_difference) {
  for (const double distance : {1e-3, 1e-7, 1e-8, 1e-9}) {
    Data data = random_data(2000, 32, 5);
    data.x.rightCols(16) = data.x.leftCols(16) + distance * data.x.rightCols(16);
    const hscore::HScore result = high(data);
    CHECK(result.rank == 32);
    CHECK_CLOSE(result.score, long_oracle(data), 1e-7);
    CHECK_CLOSE(result.score, long_oracle(data), result.error_bound);
    data.x.array() += 1e4;
    CHECK_CLOSE(high(data).score, long_oracle(data), 1e-3 * 1e-7 / distance + 1e-12);
  }
}

TEST(triangular_ranks) {
  for (const Index cols : {8, 96, 300}) {
    Data data = random_data(900, cols, 5);
    const Data half{data.x.leftCols(cols / 2), data.y, data.classes};
    data.x.rightCols(cols - cols / 2) =
        data.x.leftCols(cols / 2) * Matrix::Random(cols / 2, cols - cols / 2);
    for (Index j = 0; j < cols; ++j) data.x.col(j) *= std::pow(10.0, double((j * 7) % 17) - 8);
    CHECK(high(data).rank == cols / 2);
    CHECK_CLOSE(high(data).score, oracle(half), 1e-11);
    data.x.rightCols(cols / 2) = data.x.leftCols(cols / 2);
    CHECK(high(data, 2).rank == cols / 2);
    CHECK_CLOSE(high(data, 2).score, oracle(half), 1e-12);
  }
  Data dead = random_data(700, 20, 3);
  const double want = oracle({dead.x.rightCols(17), dead.y, dead.classes});
  dead.x.col(0).setConstant(0.1);
  dead.x.col(1).setConstant(1e6 + 0.1);
  dead.x.col(2).setZero();
  CHECK(high(dead).rank == 17);
  CHECK_CLOSE(high(dead).score, want, 1e-12);
}

TEST(triangular_squares_need_not_fit) {
  Data data = random_data(400, 6, 3);
  const double want = oracle(data);
  data.x.col(2) *= 1e-300;
  data.x.col(3) *= 1e290;
  CHECK_CLOSE(high(data).score, want, 1e-12);
  data.x(7, 1) = INFINITY;
  CHECK(std::isnan(high(data).score));
}

TEST(triangular_merge_and_stream_equal_one_pass) {
  Data data = random_data(1500, 70, 5);
  data.x.col(4).setConstant(3);
  data.x.col(5).array() += 1e5;
  data.x.col(6).topRows(600).setConstant(2);
  data.x.col(6).topRows(50).setConstant(9);
  const double want = high(data).score;
  hscore::TriangularMoments stream(70);
  hscore::TriangularMoments tree(70);
  for (Index first = 0; first < 1500; first += 50) {
    hscore::TriangularMoments part(70);
    part.update(view(data.x).row_range(first, 50), labels(data).row_range(first, 50), {});
    tree.merge(part, {0, 1, 2, 3, 4}, {});
    stream.update(view(data.x).row_range(first, 50), labels(data).row_range(first, 50), {});
  }
  CHECK(tree.rows() == 1500 && stream.rows() == 1500);
  CHECK_CLOSE(of(tree).score, want, 1e-12);
  CHECK_CLOSE(of(stream).score, want, 1e-12);
  CHECK(of(tree).rank == 69);
  // Other codes for the same classes.
  hscore::TriangularMoments left(70);
  left.update(view(data.x).row_range(0, 700), labels(data).row_range(0, 700), {});
  std::vector<std::int32_t> turned;
  for (Index i = 700; i < 1500; ++i) turned.push_back(4 - data.y[static_cast<std::size_t>(i)]);
  hscore::TriangularMoments right(70);
  right.update(view(data.x).row_range(700, 800), {turned.data(), 800, 5}, {});
  left.merge(right, {4, 3, 2, 1, 0}, {});
  CHECK_CLOSE(of(left).score, want, 1e-12);
}

TEST(triangular_merge_of_many_features) {
  const Data data = random_data(1400, 600, 4);
  hscore::TriangularMoments left(600);
  hscore::TriangularMoments right(600);
  left.update(view(data.x).row_range(0, 100), labels(data).row_range(0, 100), {});
  right.update(view(data.x).row_range(100, 1300), labels(data).row_range(100, 1300), {2, {}});
  left.merge(right, {0, 1, 2, 3}, {2, {}});
  CHECK_CLOSE(of(left).score, oracle(data), 1e-11);
}

TEST(triangular_threads_and_stopping) {
  const Data data = random_data(1200, 300, 4);
  const double serial = high(data, 1).score;
  CHECK(high(data, 2).score == serial);
  CHECK(high(data, 3).score == serial);
  hscore::TriangularMoments moments(300);
  moments.update(view(data.x), labels(data), {});
  int asked = 0;
  CHECK_THROWS(hscore::Interrupted, "interrupted",
               moments.update(view(data.x), labels(data), {1, [&](Index) { return ++asked > 5; }}));
  CHECK(moments.rows() == 1200);
  CHECK(of(moments).score == serial);
}

}  // namespace
}  // namespace testing
