// What each row does to the score, against scores without it.
#include <algorithm>
#include <numeric>

#include "check.hpp"
#include "data.hpp"

namespace testing {
namespace {

hscore::Evaluation evaluate(const Data& data, hscore::Precision precision, int threads = 1) {
  hscore::EvaluationOptions options;
  options.score.precision = precision;
  options.score.whitening.threads = threads;
  if (precision == hscore::Precision::high) options.score.whitening.tolerance = 0;
  options.leverages = true;
  options.shrinkage.emplace();
  return hscore::evaluate(view(data.x), labels(data), options);
}

Data without(const Data& data, Index row) {
  Data rest = data;
  rest.x.resize(data.x.rows() - 1, data.x.cols());
  rest.x << data.x.topRows(row), data.x.bottomRows(data.x.rows() - row - 1);
  rest.y.erase(rest.y.begin() + row);
  return rest;
}

// Every combination of three signs, four times: all rows have the same leverage.
Data factorial() {
  Data data = random_data(32, 3, 3);
  for (Index i = 0; i < 32; ++i) {
    for (Index j = 0; j < 3; ++j) data.x(i, j) = (i >> j & 1) != 0 ? 6 : 4;
  }
  return data;
}

TEST(influence_is_what_leaving_a_row_out_does) {
  const Data data = factorial();
  const double whole = oracle(data);
  for (const auto precision : {hscore::Precision::float64, hscore::Precision::high}) {
    const hscore::Evaluation found = evaluate(data, precision);
    CHECK_CLOSE(found.score.score, whole, 1e-12);
    CHECK_CLOSE(found.squared_leverages, 32 * (3. / 32) * (3. / 32), 1e-12);
    for (Index i = 0; i < 32; ++i) {
      CHECK_CLOSE(found.influence[static_cast<std::size_t>(i)],
                  31 * (whole - oracle(without(data, i))), 1e-4);
    }
  }
}

TEST(influence_of_parts_is_that_of_the_whole) {
  const Data data = random_data(2000, 40, 5);
  const hscore::Evaluation whole = evaluate(data, hscore::Precision::float64);
  const hscore::InfluenceFunction function = hscore::influence_function(moments_of(data), {});
  CHECK(function.float32_products);
  for (Index first = 0; first < 2000; first += 701) {
    const Index rows = std::min<Index>(701, 2000 - first);
    const std::vector<double> part =
        function(view(data.x).row_range(first, rows), labels(data).row_range(first, rows), 2);
    for (Index i = 0; i < rows; ++i) {
      CHECK_CLOSE(part[static_cast<std::size_t>(i)],
                  whole.influence[static_cast<std::size_t>(first + i)], 1e-4);
    }
  }
}

TEST(redundant_features_have_no_say) {
  const Data data = random_data(400, 7, 4);
  Data more = data;
  more.x.resize(400, 17);
  more.x << data.x, Matrix::Ones(400, 1), data.x * 3, data.x.leftCols(2) + data.x.rightCols(2);
  for (const auto precision : {hscore::Precision::float64, hscore::Precision::high}) {
    const hscore::Evaluation want = evaluate(data, precision);
    const hscore::Evaluation found = evaluate(more, precision);
    CHECK(found.score.rank == 7);
    CHECK_CLOSE(found.squared_leverages, want.squared_leverages, 1e-9);
    for (std::size_t i = 0; i < 400; ++i) {
      CHECK_CLOSE(found.influence[i], want.influence[i], 1e-3);
    }
  }
}

TEST(near_duplicates_are_fitted_in_float64) {
  Data data = random_data(500, 6, 3);
  const hscore::Evaluation alone = evaluate(data, hscore::Precision::float64);
  data.x.col(5) = data.x.col(4) + 1e-6 * data.x.col(5);
  const hscore::Evaluation found = evaluate(data, hscore::Precision::float64);
  CHECK(!hscore::influence_function(moments_of(data), {}).float32_products);
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    difference = std::max(difference, std::abs(found.influence[i] - alone.influence[i]));
    size = std::max(size, std::abs(alone.influence[i]));
  }
  CHECK(difference < 1e-3 * size);
}

TEST(threads_do_not_change_influence) {
  const Data data = random_data(3001, 130, 20);
  const hscore::Evaluation one = evaluate(data, hscore::Precision::automatic, 1);
  for (const int threads : {2, 3}) {
    const hscore::Evaluation many = evaluate(data, hscore::Precision::automatic, threads);
    CHECK(many.influence == one.influence);
    CHECK(many.squared_leverages == one.squared_leverages);
  }
}

TEST(saturated_scores_have_no_influence) {
  for (const Index cols : {9, 40}) {
    const hscore::Evaluation found =
        evaluate(random_data(10, cols, 3), hscore::Precision::automatic);
    CHECK(found.score.rank == 9);
    CHECK_CLOSE(found.squared_leverages, 8.1, 1e-9);
    for (const double value : found.influence) CHECK(value == 0);
  }
}

}  // namespace
}  // namespace testing
