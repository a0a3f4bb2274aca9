// The score, its precision and rank, streams and merges, threads, errors.
#include <atomic>
#include <thread>

#include "check.hpp"
#include "data.hpp"
#include "variant.hpp"

namespace testing {
namespace {

TEST(fused_pairs_have_the_bits_of_two_instructions) {
  CHECK(fused_pairs_agree());
}

TEST(tile_unit_multiplies_exactly) {
  CHECK(tile_products_agree());
}

TEST(full_rank_at_every_edge) {
  for (const Index rows : {2, 5, 191, 192, 193, 385, 961, 1500}) {
    for (const Index cols : {1, 2, 7, 8, 9, 16, 23, 24, 25, 33, 48, 49, 95, 96, 97, 130, 193}) {
      const Data data = random_data(rows, cols, 4);
      CHECK_CLOSE(score_of(data), oracle(data), 1e-11);
      CHECK(rank_of(data) == std::min(rows - 1, cols));
    }
  }
}

TEST(threads_do_not_change_the_bits) {
  const Data data = random_data(3001, 257, 7);
  const double serial = score_of(data, 1);
  CHECK_CLOSE(serial, oracle(data), 1e-11);
  for (const int threads : {2, 3, 5}) CHECK(score_of(data, threads) == serial);
}

TEST(float32_products_are_close) {
  const Data data = random_data(2000, 100, 5);
  hscore::Moments moments(100);
  hscore::UpdateOptions options;
  options.products = hscore::Products::float32;
  moments.update(view(data.x), labels(data), options);
  const double score = hscore::h_score(moments, {}).score;
  CHECK_CLOSE(score, oracle(data), 1e-6);
  CHECK(score != oracle(data));
}

TEST(int16_products_are_a_start) {
  Data data = random_data(1000, 100, 5);
  data.x.col(7) *= 1e-9;
  data.x.row(11) *= 50;  // a stretch of rows is scaled by its own size
  std::vector<double> weights(1000);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>(i % 3);
  const double* no_weights = nullptr;
  for (const double* weight : {no_weights, static_cast<const double*>(weights.data())}) {
    hscore::Moments near(100);
    hscore::Moments exact(100);
    hscore::UpdateOptions options;
    exact.update(view(data.x), labels(data), options, weight);
    options.products = hscore::Products::integer;
    near.update(view(data.x), labels(data), options, weight);
    double largest = 0;
    for (Index i = 0; i < 100; ++i) {
      const auto& t = exact.shifted_scatter();
      for (Index j = 0; j <= i; ++j) {
        const double error = near.shifted_scatter()(i, j) - t(i, j);
        largest = std::max(largest, std::abs(error) / std::sqrt(t(i, i) * t(j, j)));
      }
    }
    // Five deviations of what independent rounding errors add up to.
    CHECK(largest < 5 * 1.73e-4 * std::sqrt(2 / 1000.0) * 2);
    CHECK(largest > 1e-7);
  }
}

TEST(products_of_digits_are_as_near_as_they_are_many) {
  Data data = random_data(1000, 100, 5);
  data.x.col(7) *= 1e-9;
  std::vector<double> weights(1000);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>(i % 3);
  const double* no_weights = nullptr;
  for (const double* weight : {no_weights, static_cast<const double*>(weights.data())}) {
    hscore::Moments exact(100);
    hscore::UpdateOptions options;
    exact.update(view(data.x), labels(data), options, weight);
    options.products = hscore::Products::integer;
    for (const int digits : {2, 3, 4}) {
      hscore::Quantization rounding;
      rounding.digits = digits;
      options.quantization = &rounding;
      hscore::Moments near(100);
      near.update(view(data.x), labels(data), options, weight);
      double largest = 0;
      double noise = 0;
      for (Index i = 0; i < 100; ++i) {
        const auto& t = exact.shifted_scatter();
        noise = std::max(noise, rounding.variance[static_cast<std::size_t>(i)] * 1000 / t(i, i));
        for (Index j = 0; j <= i; ++j) {
          const double error = near.shifted_scatter()(i, j) - t(i, j);
          largest = std::max(largest, std::abs(error) / std::sqrt(t(i, i) * t(j, j)));
        }
      }
      if (!hscore::has_tile_unit()) {
        CHECK(largest < 1e-5);
        continue;
      }
      CHECK(largest < 5 * std::sqrt(2 * noise / 1000.0));
      CHECK(largest > 0.1 * std::sqrt(noise / 1000.0));
      CHECK(std::sqrt(noise) < 0.03 * std::pow(256.0, 1 - digits));
    }
  }
}

TEST(automatic_precision_keeps_its_promise) {
  const Data data = random_data(8000, 512, 12);
  hscore::ScoreOptions options;
  const hscore::HScore automatic = hscore::h_score(view(data.x), labels(data), options);
  options.precision = hscore::Precision::float64;
  const hscore::HScore exact = hscore::h_score(view(data.x), labels(data), options);
  options.precision = hscore::Precision::float32;
  const hscore::HScore rough = hscore::h_score(view(data.x), labels(data), options);
  CHECK(automatic.path ==
        (has_row_pairs() ? hscore::Path::integer_corrected : hscore::Path::float32_corrected));
  CHECK(exact.path == hscore::Path::float64);
  CHECK(rough.path == hscore::Path::float32);
  CHECK_CLOSE(automatic.score, exact.score, 1e-9 * exact.score);
  CHECK_CLOSE(automatic.score, exact.score, automatic.error_bound);
  CHECK_CLOSE(rough.score, exact.score, rough.error_bound);
  CHECK(rough.score != exact.score);
}

TEST(automatic_precision_falls_back) {
  Data data = random_data(8000, 512, 12);
  data.x.col(5) = data.x.col(4) + 1e-4 * data.x.col(5);
  const hscore::HScore automatic = hscore::h_score(view(data.x), labels(data), {});
  CHECK(automatic.path == hscore::Path::float64);
  CHECK_CLOSE(automatic.score, score_of(data), 1e-12);
}

TEST(tiny_columns_are_refused_or_right) {
  Data data = random_data(400, 5, 3);
  const double want = oracle(data);
  data.x.col(2) *= 1e-140;
  CHECK_CLOSE(score_of(data), want, 1e-12);
  data.x.col(2) *= 1e-20;
  CHECK_THROWS(std::invalid_argument, "column 2", score_of(data));
}

TEST(the_error_bound_sees_more_than_pivots) {
  // Kahan's triangle: every pivot is large and the columns are nearly dependent all the same.
  Data data = random_data(900, 90, 4);
  Matrix mix = Matrix::Zero(90, 90);
  for (Index i = 0; i < 90; ++i) {
    mix(i, i) = std::pow(0.98, static_cast<double>(i));
    for (Index j = i + 1; j < 90; ++j) mix(i, j) = -0.199 * mix(i, i);
  }
  data.x = data.x * mix;
  const hscore::HScore result = hscore::h_score(moments_of(data), {});
  CHECK(result.smallest_pivot > 1e-3);
  CHECK(result.smallest_unique_share < 1e-8);
  CHECK_CLOSE(result.score, oracle(data, 1e-15), result.error_bound);
}

TEST(dependent_columns_do_not_count) {
  for (const Index cols : {8, 96, 300}) {
    Data data = random_data(900, cols, 5);
    const Data half{data.x.leftCols(cols / 2), data.y, data.classes};
    Matrix mix = Matrix::Random(cols / 2, cols - cols / 2);
    data.x.rightCols(cols - cols / 2) = data.x.leftCols(cols / 2) * mix;
    CHECK(rank_of(data) == cols / 2);
    CHECK_CLOSE(score_of(data), oracle(half), 1e-11);
  }
}

TEST(constant_columns_do_not_count) {
  Data data = random_data(700, 20, 3);
  const double want = oracle({data.x.rightCols(17), data.y, data.classes});
  data.x.col(0).setConstant(0.1);
  data.x.col(1).setConstant(1e6 + 0.1);
  data.x.col(2).setZero();
  CHECK(rank_of(data) == 17);
  CHECK_CLOSE(score_of(data), want, 1e-12);
}

TEST(scale_and_offset_do_not_matter) {
  Data data = random_data(1200, 40, 6);
  const double want = oracle(data);
  for (Index j = 0; j < 40; ++j) {
    data.x.col(j) *= std::pow(10.0, static_cast<double>(j % 17) - 8);
  }
  CHECK_CLOSE(score_of(data), want, 1e-12);
  Data far = random_data(1200, 40, 6);
  far.x.array() += 1e6;
  CHECK_CLOSE(score_of(far), want, 1e-8);  // the offset costs the input itself ten digits
  CHECK(rank_of(far) == 40);
}

TEST(merge_and_stream_equal_one_pass) {
  const Data data = random_data(2500, 60, 5);
  const double want = score_of(data);
  hscore::Moments stream(60);
  for (Index first = 0; first < 2500; first += 333) {
    const Index count = std::min<Index>(333, 2500 - first);
    stream.update(view(data.x).row_range(first, count), labels(data).row_range(first, count), {});
  }
  CHECK_CLOSE(hscore::h_score(stream, {}).score, want, 1e-12);
  hscore::Moments left(60);
  hscore::Moments right(60);
  left.update(view(data.x).row_range(0, 100), labels(data).row_range(0, 100), {});
  right.update(view(data.x).row_range(100, 2400), labels(data).row_range(100, 2400), {});
  right.merge(left, {0, 1, 2, 3, 4});
  CHECK(right.rows() == 2500);
  CHECK_CLOSE(hscore::h_score(right, {}).score, want, 1e-12);
  const hscore::Moments restored = hscore::Moments::from_state(right.state());
  CHECK_CLOSE(hscore::h_score(restored, {}).score, want, 1e-12);
}

TEST(a_drifting_stream_keeps_its_digits) {
  // The shift is taken from the first row, ten thousand standard deviations from the rest. Unless
  // the stream recentres, that costs eight digits more than the outliers themselves do.
  Data data = random_data(4000, 12, 3);
  data.x.topRows(3).array() += 1e4;
  hscore::Moments stream(12);
  for (Index first = 0; first < 4000; first += 1) {
    stream.update(view(data.x).row_range(first, 1), labels(data).row_range(first, 1), {});
  }
  CHECK_CLOSE(hscore::h_score(stream, {}).score, oracle(data, 1e-15), 2e-10);
}

TEST(class_shares_sum_to_the_score) {
  const Data data = random_data(800, 30, 6);
  const hscore::HScore result = hscore::h_score(moments_of(data), {});
  double sum = 0;
  for (const double share : result.class_shares) sum += share;
  CHECK_CLOSE(sum, result.score, 1e-15);
  CHECK(result.classes == 6);
}

TEST(half_precision_converts_exactly) {
  const std::uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x3555};
  const double values[] = {0.0, -0.0, 1.0, -2.0, 65504.0, 0x1p-24, 1023 * 0x1p-24, 0x1.554p-2};
  for (int i = 0; i < 8; ++i) {
    CHECK(hscore::detail::widen(hscore::Float16{halves[i]}) == values[i]);
  }
  CHECK(std::isinf(hscore::detail::widen(hscore::Float16{0x7c00})));
  CHECK(std::isnan(hscore::detail::widen(hscore::Float16{0x7e00})));
  CHECK(hscore::detail::widen(hscore::BFloat16{0x3fc0}) == 1.5);
}

TEST(integer_labels_encode_in_order) {
  const auto encode = [](const std::vector<std::int64_t>& values) {
    return hscore::encode_integers({reinterpret_cast<const unsigned char*>(values.data()),
                                    static_cast<Index>(values.size()), 8, hscore::DType::int64,
                                    false});
  };
  const auto dense = encode({5, -1, 5, 7, -1});
  CHECK((dense.codes == std::vector<std::int32_t>{1, 0, 1, 2, 0}));
  CHECK((dense.first_rows == std::vector<Index>{1, 0, 3}));
  const auto sparse = encode({INT64_MAX, INT64_MIN, 0, INT64_MAX});
  CHECK((sparse.codes == std::vector<std::int32_t>{2, 0, 1, 2}));
  CHECK((sparse.first_rows == std::vector<Index>{1, 2, 0}));
  CHECK((sparse.values == std::vector<std::int64_t>{INT64_MIN, 0, INT64_MAX}));
}

#if !defined(__SANITIZE_THREAD__)  // which would report the race that is wanted here
// A value beyond the table that the others made must not become an index into it.
TEST(labels_that_change_meanwhile_give_codes_of_classes) {
  std::vector<std::int64_t> labels(20000);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 7);
  volatile std::int64_t* changing = &labels[10000];
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      *changing = 1000000000;
      *changing = 3;
    }
  });
  for (int round = 0; round < 300; ++round) {
    const hscore::EncodedLabels encoded = hscore::encode_integers(
        {reinterpret_cast<const unsigned char*>(labels.data()), static_cast<Index>(labels.size()),
         8, hscore::DType::int64, false});
    const auto classes = static_cast<std::int32_t>(encoded.first_rows.size());
    CHECK(classes == 7 || classes == 8);
    CHECK(encoded.values.size() == encoded.first_rows.size());
    for (const std::int32_t code : encoded.codes) {
      if (code < 0 || code >= classes) CHECK(code >= 0 && code < classes);
    }
  }
  done = true;
  other.join();
}
#endif

TEST(stopping_leaves_the_statistics_alone) {
  const Data data = random_data(5000, 30, 3);
  hscore::Moments moments = moments_of(data);
  const hscore::MomentsState before = moments.state();
  int asked = 0;
  hscore::UpdateOptions options;
  options.stop = [&](Index) { return ++asked > 2; };
  CHECK_THROWS(hscore::Interrupted, "interrupted",
               moments.update(view(data.x), labels(data), options));
  CHECK(moments.state().scatter == before.scatter);
  CHECK(moments.rows() == 5000);
}

TEST(exceptions_cross_the_threads) {
  std::atomic<int> ran{0};
  CHECK_THROWS(std::runtime_error, "task 3", hscore::parallel_for(100, 2, [&](Index task) {
                 ++ran;
                 if (task == 3) throw std::runtime_error("task 3");
               }));
  CHECK(ran >= 1);
}

TEST(bad_arguments_are_refused) {
  const Data data = random_data(10, 3, 2);
  CHECK_THROWS(std::invalid_argument, "at least one column", hscore::Moments(0));
  hscore::Moments moments(4);
  CHECK_THROWS(std::invalid_argument, "must have 4 columns",
               moments.update(view(data.x), labels(data), {}));
  hscore::Moments three(3);
  CHECK_THROWS(std::invalid_argument, "one entry per row",
               three.update(view(data.x), labels(data).row_range(0, 9), {}));
  hscore::LabelView wrong = labels(data);
  wrong.classes = 1;
  CHECK_THROWS(std::invalid_argument, "class code", three.update(view(data.x), wrong, {}));
  CHECK_THROWS(std::invalid_argument, "cannot merge", moments.merge(three, {}));
  CHECK_THROWS(hscore::OutOfMemory, "address space",
               hscore::checked_product(Index{1} << 40, Index{1} << 40, 8));
}

TEST(non_finite_values_are_found) {
  Data data = random_data(1000, 7, 2);
  data.x(600, 4) = std::nan("");
  data.x(900, 1) = INFINITY;
  const hscore::NonFinite found = hscore::find_non_finite(view(data.x), 2);
  CHECK(found.count == 2 && found.row == 600 && found.col == 4);
  CHECK(!moments_of(data).finite());
}

}  // namespace
}  // namespace testing
