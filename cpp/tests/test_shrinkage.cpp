#include <numeric>

#include "check.hpp"
#include "data.hpp"

namespace testing {
namespace {

hscore::RegularizedHScore of_rows(const Data& data, const hscore::ShrinkageOptions& options) {
  return hscore::regularized_h_score(view(data.x), labels(data), {}, options);
}

hscore::Moments with_norms(const Data& data, Index first, Index count, int threads = 1) {
  hscore::Moments moments(data.x.cols());
  hscore::UpdateOptions options;
  options.norms = true;
  options.threads = threads;
  moments.update(view(data.x).row_range(first, count), labels(data).row_range(first, count),
                 options);
  return moments;
}

const hscore::Shrinkage every_method[] = {hscore::Shrinkage::ledoit_wolf, hscore::Shrinkage::oas,
                                          hscore::Shrinkage::fixed};

Data uneven_data(Index rows, Index cols, Index classes) {
  Data data = random_data(rows, cols, classes);
  for (Index j = 0; j < cols; ++j) data.x.col(j) *= 1 + 0.3 * static_cast<double>(j % 7);
  data.x.array() += 3;
  return data;
}

TEST(shrinkage_equals_its_definition_in_both_forms) {
  for (const auto method : every_method) {
    for (const auto convention : {hscore::Convention::toolkits, hscore::Convention::paper}) {
      for (const Index rows : {2, 3, 40, 63, 64, 65, 200, 700, 1000}) {
        for (const Index cols : {1, 2, 9, 64, 200, 330, 1000}) {
          // The definition is slow, above all under a sanitizer; method and convention come last.
          const bool once = method == hscore::Shrinkage::ledoit_wolf &&
                            convention == hscore::Convention::toolkits;
          if (rows + cols > 700 && !once) continue;
          const Data data = uneven_data(rows, cols, 4);
          hscore::ShrinkageOptions options;
          options.method = method;
          options.convention = convention;
          options.intensity = 0.2;
          const Shrunk want = shrunk_by_definition(data, options);
          const hscore::RegularizedHScore got = of_rows(data, options);
          CHECK(got.finite);
          if (cols > 1) {
            CHECK_CLOSE(got.intensity, want.intensity, 1e-12);
            CHECK_CLOSE(got.score, want.score, 1e-11);
          }
        }
      }
    }
  }
}

TEST(both_forms_of_shrinkage_agree) {
  for (const auto method : every_method) {
    for (const double intensity : {1e-6, 0.01, 0.5, 0.999}) {
      const Data data = uneven_data(150, 400, 5);
      hscore::ShrinkageOptions options;
      options.method = method;
      options.intensity = intensity;
      const hscore::RegularizedHScore by_rows = of_rows(data, options);
      const hscore::RegularizedHScore by_features =
          hscore::regularized_h_score(with_norms(data, 0, 150), options);
      CHECK_CLOSE(by_rows.intensity, by_features.intensity, 1e-13);
      CHECK_CLOSE(by_rows.score, by_features.score, 1e-9 * by_features.score);
    }
  }
}

TEST(norms_stream_merge_and_keep_their_state) {
  for (const double scale : {1.0, 1e-120, 1e120}) {
    Data data = uneven_data(900, 33, 4);
    data.x.col(7).setConstant(2);
    data.x *= scale;
    data.x.array() += 10 * scale;
    const hscore::ShrinkageOptions options;
    const Shrunk want = shrunk_by_definition(uneven_data(900, 33, 4), options);
    const hscore::RegularizedHScore whole =
        hscore::regularized_h_score(with_norms(data, 0, 900, 2), options);
    CHECK(whole.intensity != want.intensity);  // the constant column counts
    std::vector<std::int32_t> same(4);
    std::iota(same.begin(), same.end(), 0);
    hscore::Moments merged(33);
    for (const Index first : {640, 0, 128, 512, 256, 64, 832, 384, 704, 192, 448, 320, 576, 768}) {
      merged.merge(with_norms(data, first, std::min<Index>(64, 900 - first)), same);
    }
    merged.merge(with_norms(data, 896, 4), same);
    merged.merge(with_norms(data, 0, 0), same);
    hscore::Moments stream(33);
    hscore::UpdateOptions update;
    update.norms = true;
    for (Index i = 0; i < 900; ++i) {
      stream.update(view(data.x).row_range(i, 1), labels(data).row_range(i, 1), update);
    }
    const hscore::Moments restored = hscore::Moments::from_state(stream.state());
    const hscore::Moments* all[] = {&merged, &stream, &restored};
    for (const hscore::Moments* moments : all) {
      CHECK(moments->has_norms());
      const hscore::RegularizedHScore got = hscore::regularized_h_score(*moments, options);
      CHECK_CLOSE(got.intensity, whole.intensity, 1e-13);
      CHECK_CLOSE(got.score, whole.score, 1e-12);
    }
  }
}

TEST(norms_of_some_rows_only_are_refused) {
  const Data data = random_data(100, 5, 3);
  hscore::Moments moments = with_norms(data, 0, 100);
  moments.update(view(data.x), labels(data), {});
  CHECK(!moments.has_norms());
  CHECK_THROWS(std::invalid_argument, "without the norm moments",
               hscore::regularized_h_score(moments, {}));
  hscore::Moments merged = with_norms(data, 0, 100);
  merged.merge(moments_of(data), {0, 1, 2});
  CHECK(!merged.has_norms());
  hscore::ShrinkageOptions fixed;
  fixed.method = hscore::Shrinkage::fixed;
  fixed.intensity = 0.1;
  CHECK(hscore::regularized_h_score(merged, fixed).score > 0);
}

TEST(no_shrinkage_is_the_plain_score) {
  Data data = random_data(400, 30, 4);
  data.x.col(9) = data.x.col(3);
  data.x.col(11).setConstant(1e6 + 0.1);
  hscore::ShrinkageOptions options;
  options.method = hscore::Shrinkage::fixed;
  options.convention = hscore::Convention::paper;
  const double want = score_of(data);
  CHECK_CLOSE(of_rows(data, options).score, want, 1e-13);
  options.convention = hscore::Convention::toolkits;
  CHECK_CLOSE(of_rows(data, options).score, want * 400 / 399, 1e-13);
  options.convention = hscore::Convention::paper;
  for (const double tiny : {1e-300, 1e-30, 1e-20}) {
    options.intensity = tiny;
    CHECK_CLOSE(of_rows(data, options).score, want, 1e-10);
    // with fewer rows than features as well
    const Data wide{data.x.topRows(20), {data.y.begin(), data.y.begin() + 20}, 4};
    CHECK_CLOSE(of_rows(wide, options).score, 3, 1e-9);
  }
  options.intensity = 1;
  CHECK(of_rows(data, options).score == 0);
}

TEST(shrinkage_of_nothing) {
  for (const auto method : every_method) {
    hscore::ShrinkageOptions options;
    options.method = method;
    options.intensity = 0.1;
    Data constant = random_data(20, 5, 2);
    constant.x.setConstant(0.1);
    CHECK(of_rows(constant, options).score == 0);
    const Data tall = constant;
    const Data wide{tall.x.topRows(3), {0, 1, 0}, 2};
    CHECK(of_rows(wide, options).score == 0);
    CHECK(of_rows(wide, options).finite);
    Data one_class = random_data(20, 5, 1);
    CHECK(of_rows(one_class, options).score == 0);
    Data bad = random_data(20, 5, 2);
    bad.x(3, 3) = std::nan("");
    CHECK(!of_rows(bad, options).finite);
    const Data bad_wide{bad.x.topRows(4), {0, 1, 0, 1}, 2};
    CHECK(!of_rows(bad_wide, options).finite);
  }
}

TEST(saturation_is_seen_without_the_scatter) {
  for (const Index rows : {2, 3, 50, 130}) {
    Data data = random_data(rows, 600, 3);
    data.x.array() += 1e5;
    for (Index j = 0; j < 600; ++j) data.x.col(j) *= std::pow(10.0, static_cast<double>(j % 9));
    data.x.col(17).setConstant(0.1);
    const auto found = hscore::saturated_h_score(view(data.x), labels(data), {});
    const hscore::HScore want = hscore::h_score(moments_of(data), {});
    CHECK(found.has_value());
    if (!found) continue;
    CHECK(found->rank == want.rank && found->classes == want.classes);
    CHECK_CLOSE(found->score, want.score, 1e-14);
    double sum = 0;
    for (const double share : found->class_shares) sum += share;
    CHECK_CLOSE(sum, want.score, 1e-14);
  }
  Data repeated = random_data(60, 300, 3);
  repeated.x.row(5) = repeated.x.row(50);
  CHECK(!hscore::saturated_h_score(view(repeated.x), labels(repeated), {}).has_value());
  Data low_rank = random_data(60, 300, 3);
  low_rank.x.rightCols(280) = low_rank.x.leftCols(20) * Matrix::Random(20, 280);
  CHECK(!hscore::saturated_h_score(view(low_rank.x), labels(low_rank), {}).has_value());
  low_rank.x(0, 0) = INFINITY;
  CHECK(!hscore::saturated_h_score(view(low_rank.x), labels(low_rank), {}).has_value());
}

}  // namespace
}  // namespace testing
