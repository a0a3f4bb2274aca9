// What each row does to the score, against scores without it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "check.hpp"
#include "data.hpp"

namespace testing {
namespace {

hscore::Evaluation evaluate(const Data& data, hscore::Precision precision, int threads = 1,
                            const std::vector<std::int32_t>& groups = {}) {
  hscore::EvaluationOptions options;
  if (!groups.empty()) {
    options.groups = groups.data();
    options.n_groups = 1 + *std::max_element(groups.begin(), groups.end());
  }
  options.score.precision = precision;
  options.score.whitening.threads = threads;
  if (precision == hscore::Precision::high) options.score.whitening.tolerance = 0;
  options.leverages = true;
  options.shrinkage.emplace();
  return hscore::evaluate(view(data.x), labels(data), options);
}

template <class Leave>
Data without_rows(const Data& data, Leave&& leave) {
  Data rest = data;
  rest.y.clear();
  Index kept = 0;
  for (Index i = 0; i < data.x.rows(); ++i) {
    if (leave(i)) continue;
    rest.x.row(kept++) = data.x.row(i);
    rest.y.push_back(data.y[static_cast<std::size_t>(i)]);
  }
  rest.x.conservativeResize(kept, Eigen::NoChange);
  return rest;
}

Data without(const Data& data, Index row) {
  return without_rows(data, [=](Index i) { return i == row; });
}

// Rows of very different lengths, and one that alone has a feature.
Data unequal(Index rows, Index cols) {
  Data data = random_data(rows, cols, 3);
  for (Index i = 0; i < rows; ++i) data.x.row(i) *= std::exp(static_cast<double>(i % 7) - 3);
  data.x.col(0).setZero();
  data.x(4, 0) = 1;
  return data;
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

TEST(influence_is_exact_for_rows_of_unequal_length) {
  const Data data = unequal(60, 9);
  const hscore::Evaluation found = evaluate(data, hscore::Precision::float64);
  const double whole = oracle(data);
  for (Index i = 0; i < 60; ++i) {
    CHECK_CLOSE(found.influence[static_cast<std::size_t>(i)],
                59 * (whole - oracle(without(data, i))), 1e-4);
  }
}

TEST(influence_of_groups_is_what_leaving_a_group_out_does) {
  // Groups of fewer rows than the rank and of more, the rows of each scattered.
  for (const Index n_groups : {60, 20, 4}) {
    const Data data = unequal(60, 9);
    std::vector<std::int32_t> groups;
    for (Index i = 0; i < 60; ++i) groups.push_back(static_cast<std::int32_t>(i * 7 % n_groups));
    const double whole = oracle(data);
    for (const int threads : {1, 3}) {
      const hscore::Evaluation found = evaluate(data, hscore::Precision::float64, threads, groups);
      CHECK(static_cast<Index>(found.influence.size()) == n_groups);
      for (Index g = 0; g < n_groups; ++g) {
        const Data rest =
            without_rows(data, [&](Index i) { return groups[static_cast<std::size_t>(i)] == g; });
        CHECK_CLOSE(found.influence[static_cast<std::size_t>(g)],
                    static_cast<double>(n_groups - 1) * (whole - oracle(rest)), 1e-9);
      }
      // The groups explain as much of the features as their score as classes says.
      Data labelled = data;
      labelled.y.assign(groups.begin(), groups.end());
      labelled.classes = n_groups;
      CHECK_CLOSE(found.rank_between, oracle(labelled), 1e-9);
    }
  }
}

TEST(a_sketch_of_the_leverages_serves) {
  // Enough features and rows for one; every seventh row ten times as long, some of them alone.
  Data data = random_data(2600, 260, 4);
  for (Index i = 0; i < 2600; i += 7) data.x.row(i) *= i % 91 == 0 ? 40 : 3;
  hscore::EvaluationOptions options;
  options.score.precision = hscore::Precision::float64;
  const hscore::Evaluation sketched = hscore::evaluate(view(data.x), labels(data), options);
  options.leverages = true;
  const hscore::Evaluation exact = hscore::evaluate(view(data.x), labels(data), options);
  CHECK(std::isnan(sketched.squared_leverages));
  CHECK(exact.squared_leverages > 2 * 260. * 260 / 2600);
  double error = 0;
  double off = 0;
  for (std::size_t i = 0; i < 2600; ++i) {
    error += exact.influence[i] * exact.influence[i];
    off += sketched.influence[i] * sketched.influence[i];
  }
  CHECK(sketched.influence != exact.influence);
  CHECK_CLOSE(off / error, 1, 0.02);
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
