// Weights, removal and merging, against the same rows in one pass.
#include <numeric>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "check.hpp"
#include "data.hpp"
#include "hscore/parallel.hpp"
#include "hscore/shrinkage.hpp"

namespace testing {
namespace {

std::vector<std::int32_t> same_classes(Index classes) {
  std::vector<std::int32_t> codes(static_cast<std::size_t>(classes));
  std::iota(codes.begin(), codes.end(), 0);
  return codes;
}

hscore::Moments part_of(const Data& data, Index first, Index count, const double* weights = nullptr,
                        int threads = 1, hscore::Products products = hscore::Products::float64) {
  hscore::Moments moments(data.x.cols());
  hscore::UpdateOptions options;
  options.norms = true;
  options.threads = threads;
  options.products = products;
  moments.update(view(data.x).row_range(first, count), labels(data).row_range(first, count),
                 options, weights == nullptr ? nullptr : weights + first);
  return moments;
}

double plain(const hscore::Moments& moments) {
  return hscore::h_score(moments, {}).score;
}
double shrunk(const hscore::Moments& moments) {
  return hscore::regularized_h_score(moments, {}).score;
}

TEST(a_weight_is_so_many_rows) {
  for (const Index cols : {1, 7, 40, 130}) {
    const Data data = random_data(700, cols, 4);
    std::vector<double> weights;
    Data repeated{Matrix(0, cols), {}, 4};
    std::vector<Index> rows;
    for (Index i = 0; i < 700; ++i) {
      const Index times = i % 4;
      weights.push_back(static_cast<double>(times));
      for (Index k = 0; k < times; ++k) rows.push_back(i);
    }
    repeated.x.resize(static_cast<Index>(rows.size()), cols);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      repeated.x.row(static_cast<Index>(k)) = data.x.row(rows[k]);
      repeated.y.push_back(data.y[static_cast<std::size_t>(rows[k])]);
    }
    const hscore::Moments want = part_of(repeated, 0, repeated.x.rows());
    for (const int threads : {1, 3}) {
      const hscore::Moments got = part_of(data, 0, 700, weights.data(), threads);
      CHECK(got.rows() == 525);
      CHECK(got.weight() == static_cast<double>(rows.size()));
      CHECK_CLOSE(plain(got), plain(want), 1e-12);
      CHECK_CLOSE(plain(got), oracle(repeated), 1e-11);
      CHECK_CLOSE(shrunk(got), shrunk(want), 1e-12);
    }
    const hscore::Moments rough =
        part_of(data, 0, 700, weights.data(), 1, hscore::Products::float32);
    CHECK_CLOSE(plain(rough), plain(want), 1e-5);
  }
}

TEST(tiny_and_huge_weights_cost_nothing) {
  const Data data = random_data(500, 12, 3);
  const std::vector<double> tiny(500, 1e-200);
  const std::vector<double> huge(500, 1e200);
  CHECK_CLOSE(plain(part_of(data, 0, 500, tiny.data())), oracle(data), 1e-11);
  CHECK_CLOSE(plain(part_of(data, 0, 500, huge.data())), oracle(data), 1e-11);
  CHECK_THROWS(std::invalid_argument, "sum to more than 1",
               shrunk(part_of(data, 0, 500, tiny.data())));
}

TEST(bad_weights_are_refused) {
  const Data data = random_data(5, 3, 2);
  for (const double bad : {-1.0, std::nan(""), static_cast<double>(INFINITY)}) {
    const std::vector<double> weights{1, 1, 1, bad, 1};
    CHECK_THROWS(std::invalid_argument, "row 3", part_of(data, 0, 5, weights.data()));
  }
}

TEST(what_is_subtracted_was_never_there) {
  for (const double offset : {0.0, 1e6}) {
    Data data = random_data(2400, 30, 4);
    data.x.array() += offset;
    const hscore::Moments first = part_of(data, 0, 900);
    const hscore::Moments rest = part_of(data, 900, 1500);
    hscore::Moments whole = part_of(data, 0, 2400);
    const double want = plain(part_of(data, 900, 1500));
    whole.subtract(first, same_classes(4));
    CHECK(whole.rows() == 1500);
    CHECK_CLOSE(plain(whole), want, 1e-12);
    CHECK_CLOSE(shrunk(whole), shrunk(rest), 1e-12);
    whole.subtract(rest, same_classes(4));
    CHECK(whole.rows() == 0 && whole.weight() == 0);
    CHECK(whole.state().scatter == hscore::Moments(30).state().scatter);
  }
}

TEST(a_column_that_removal_makes_constant_counts_no_more) {
  Data data = random_data(1000, 10, 3);
  data.x.col(3).tail(900).setConstant(0.1);
  data.x.col(5).tail(900) = data.x.col(4).tail(900) * 3 + data.x.col(6).tail(900);
  hscore::Moments whole = part_of(data, 0, 1000);
  whole.subtract(part_of(data, 0, 100), same_classes(3));
  const hscore::HScore result = hscore::h_score(whole, {});
  CHECK(result.rank == 8);
  CHECK_CLOSE(result.score, plain(part_of(data, 100, 900)), 1e-11);
}

TEST(subtract_refuses_what_was_never_added) {
  const Data data = random_data(60, 4, 2);
  hscore::Moments few = part_of(data, 0, 20);
  const std::vector<double> before = few.state().scatter;
  CHECK_THROWS(std::invalid_argument, "never added", few.subtract(part_of(data, 0, 60), {0, 1}));
  Data far = data;
  far.x *= 100;
  hscore::Moments whole = part_of(data, 0, 60);
  CHECK_THROWS(std::invalid_argument, "negative sum of squares",
               whole.subtract(part_of(far, 0, 20), {0, 1}));
  CHECK(few.state().scatter == before);
}

TEST(a_tree_of_merges_far_from_the_origin) {
  Data data = random_data(1200, 20, 4);
  data.x.array() += 1e6;
  const double want = plain(part_of(data, 0, 1200));
  std::vector<hscore::Moments> parts;
  for (Index first = 0; first < 1200; first += 3) parts.push_back(part_of(data, first, 3));
  while (parts.size() > 1) {
    std::vector<hscore::Moments> next;
    for (std::size_t k = 0; k + 1 < parts.size(); k += 2) {
      parts[k].merge(parts[k + 1], same_classes(4));
      next.push_back(std::move(parts[k]));
    }
    if (parts.size() % 2 != 0) next.push_back(std::move(parts.back()));
    parts = std::move(next);
  }
  CHECK(parts[0].rows() == 1200);
  CHECK_CLOSE(plain(parts[0]), want, 1e-12);
}

TEST(a_failed_first_update_leaves_nothing) {
  Data data = random_data(4000, 30, 3);
  for (const bool stops : {true, false}) {
    hscore::Moments moments(30);
    hscore::UpdateOptions options;
    options.only_finite = true;
    int asked = 0;
    if (stops) {
      options.stop = [&](Index) { return ++asked > 2; };
      CHECK_THROWS(hscore::Interrupted, "interrupted",
                   moments.update(view(data.x), labels(data), options));
    } else {
      data.x(3999, 29) = std::nan("");
      CHECK_THROWS(hscore::NotFinite, "finite",
                   moments.update(view(data.x), labels(data), options));
    }
    CHECK(moments.rows() == 0 && moments.classes() == 0);
    CHECK(moments.state().scatter == hscore::Moments(30).state().scatter);
    CHECK(moments.state().shift == hscore::Moments(30).state().shift);
  }
}

TEST(progress_counts_every_row_once) {
  const Data data = random_data(5000, 40, 3);
  for (const int threads : {1, 2}) {
    Index done = 0;
    hscore::UpdateOptions options;
    options.threads = threads;
    options.stop = [&](Index rows) {
      done += rows;
      return false;
    };
    hscore::Moments moments(40);
    moments.update(view(data.x), labels(data), options);
    CHECK(done > 2000 / threads && done <= 5000);
  }
}

// ThreadSanitizer cannot see into OpenMP's runtime.
#if defined(_OPENMP) && !defined(__SANITIZE_THREAD__)
TEST(inside_the_callers_parallel_region_one_thread_works) {
  const Data data = random_data(3000, 200, 4);
  const double want = plain(part_of(data, 0, 3000));
  int most = 0;
  int wrong = 0;
#pragma omp parallel for num_threads(2) reduction(max : most) reduction(+ : wrong)
  for (int k = 0; k < 4; ++k) {
    most = std::max({most, hscore::thread_count(0), hscore::thread_count(4)});
    wrong += plain(part_of(data, 0, 3000, nullptr, hscore::thread_count(4))) != want;
  }
  CHECK(most == 1);
  CHECK(wrong == 0);
}

TEST(the_callers_limit_is_kept) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  CHECK(hscore::thread_count(0) == 1);
  omp_set_num_threads(before);
}
#endif

}  // namespace
}  // namespace testing
