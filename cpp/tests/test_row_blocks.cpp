// Rows that come in blocks, against the same rows in memory.
#include "check.hpp"
#include "data.hpp"
#include "variant.hpp"

namespace testing {
namespace {

using Narrow = RowMajor<float>;

/// A matrix cut into blocks that end at the given rows.
class Cut : public hscore::RowBlocks {
 public:
  Cut(const hscore::FeatureView& all, std::vector<Index> ends)
      : all_(all), ends_(std::move(ends)) {}
  void walk(const Body& body) const override {
    Index first = 0;
    for (const Index end : ends_) {
      body(all_.row_range(first, end - first));
      first = end;
    }
  }
  hscore::FeatureView first() const override { return all_.row_range(0, ends_.front()); }
  hscore::FeatureView view() const {
    hscore::FeatureView view;
    view.rows = all_.rows;
    view.cols = all_.cols;
    view.dtype = all_.dtype;
    view.blocks = this;
    return view;
  }

 private:
  hscore::FeatureView all_;
  std::vector<Index> ends_;
};

std::vector<Index> every(Index step, Index rows) {
  std::vector<Index> ends;
  for (Index end = step; end < rows; end += step) ends.push_back(end);
  ends.push_back(rows);
  return ends;
}

hscore::ScoreOptions options_for(hscore::Precision precision, int threads) {
  hscore::ScoreOptions options;
  options.precision = precision;
  options.whitening.threads = threads;
  return options;
}

TEST(moments_of_blocks_are_those_of_the_rows) {
  const Data data = random_data(3000, 40, 5);
  // The second is larger than all before it, the last has one row.
  for (const std::vector<Index>& ends :
       {every(3000, 3000), every(100, 3000), std::vector<Index>{10, 2000, 2999, 3000}}) {
    const Cut cut(view(data.x), ends);
    hscore::Moments got(40);
    hscore::Moments want(40);
    hscore::UpdateOptions options;
    options.norms = true;
    options.threads = 2;
    options.only_finite = true;
    for (const Index rows : {3000, 6000}) {  // into none, and into some
      got.update(cut.view(), labels(data), options);
      want.update(view(data.x), labels(data), options);
      CHECK(got.rows() == rows);
      CHECK_CLOSE(hscore::h_score(got, {}).score, oracle(data), 1e-11);
      CHECK_CLOSE(hscore::regularized_h_score(got, {}).score,
                  hscore::regularized_h_score(want, {}).score, 1e-11);
    }
  }
}

// Enough work for each thread to have statistics of its own, which the shift must not leave behind.
TEST(parts_of_several_threads_follow_the_shift) {
  Data data = random_data(24000, 130, 4);
  for (Index i = 0; i < 24000; ++i) {
    data.x.row(i).array() += i < 6500 ? 30 : 1e-4 * static_cast<double>(i);
  }
  // Blocks as large as all before, smaller ones, one that a single thread takes.
  const Cut cut(view(data.x), {6500, 13000, 19500, 23900, 24000});
  const auto gathered = [&](hscore::Products products, int threads) {
    hscore::Moments moments(130);
    hscore::UpdateOptions options;
    options.norms = true;
    options.threads = threads;
    options.products = products;
    options.only_finite = true;
    moments.update(cut.view(), labels(data), options);
    CHECK(moments.rows() == 24000);
    return moments;
  };
  const double want = oracle(data);
  const hscore::Moments one = gathered(hscore::Products::float64, 1);
  const hscore::Moments two = gathered(hscore::Products::float64, 2);
  CHECK_CLOSE(hscore::h_score(one, {}).score, want, 1e-9);
  CHECK_CLOSE(hscore::h_score(two, {}).score, want, 1e-9);
  CHECK_CLOSE(hscore::regularized_h_score(two, {}).score,
              hscore::regularized_h_score(one, {}).score, 1e-9);
  CHECK(two.counts() == one.counts());

  data.x(15000, 7) = std::nan("");
  CHECK_THROWS(hscore::NotFinite, "", gathered(hscore::Products::float64, 2));
}

TEST(the_shift_follows_rows_that_drift) {
  Data data = random_data(4000, 12, 4);
  for (Index i = 0; i < 4000; ++i) {
    data.x.row(i).array() += i < 50 ? 1e4 : 0.01 * static_cast<double>(i);
  }
  const Cut cut(view(data.x), every(50, 4000));
  hscore::Moments got(12);
  got.update(cut.view(), labels(data), {});
  CHECK_CLOSE(hscore::h_score(got, {}).score, oracle(data), 1e-9);
  for (Index j = 0; j < 12; ++j) {
    const double mean =
        got.shift()[static_cast<std::size_t>(j)] + got.offset()[static_cast<std::size_t>(j)];
    CHECK_CLOSE(mean, data.x.col(j).mean(), 1e-9);
  }
}

TEST(scores_of_blocks_keep_the_promise) {
  const Data data = random_data(8000, 512, 40);
  const Narrow x = data.x.cast<float>();
  Data rounded = data;
  rounded.x = x.cast<double>();
  // Few features, so that precisions that take any number of them take no time.
  const Narrow narrow = x.leftCols(128);
  const double want = oracle(rounded);
  const double narrow_want = oracle({rounded.x.leftCols(128), data.y, data.classes});
  struct Blocks {
    Index rows;
    int threads;
  };
  // Of 4000 rows each of two threads has statistics of its own, which serve both blocks.
  for (const Blocks blocks : {Blocks{4000, 2}, Blocks{700, 1}, Blocks{700, 3}}) {
    const auto check = [&](const Narrow& features, hscore::Precision precision, double expected) {
      const Cut cut(view(features), every(blocks.rows, 8000));
      const hscore::HScore got =
          hscore::h_score(cut.view(), labels(data), options_for(precision, blocks.threads));
      const bool exact = precision == hscore::Precision::float64;
      CHECK_CLOSE(got.score, expected, (exact ? 1e-11 : 1e-6) * expected);
      CHECK(std::abs(got.score - expected) <= got.error_bound + 1e-12);
      return got.path;
    };
    const hscore::Path path = check(x, hscore::Precision::automatic, want);
    // Eigen's float32 products may err by more than may be promised.
    CHECK(path != hscore::Path::float64 || !has_row_pairs());
    check(narrow, hscore::Precision::float64, narrow_want);
    check(narrow, hscore::Precision::float32, narrow_want);
  }
  // Few rows, so that a triangle takes no time.
  const Narrow few = x.topRows(1000);
  const Cut cut(view(few), every(300, 1000));
  rounded.x.conservativeResize(1000, 512);
  rounded.y.resize(1000);
  const hscore::HScore high =
      hscore::h_score(cut.view(), labels(rounded), options_for(hscore::Precision::high, 2));
  CHECK_CLOSE(high.score, oracle(rounded), 1e-11);
}

// The classes one after the other, each about a place of its own: no block is like the others.
TEST(sorted_rows_keep_the_promise) {
  Data data = random_data(8000, 256, 20);
  const Matrix places = 30 * Matrix::Random(20, 256);
  for (Index i = 0; i < 8000; ++i) {
    data.y[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i / 400);
    data.x.row(i) += places.row(i / 400) + Matrix::Constant(1, 256, 1000);
  }
  const Narrow x = data.x.cast<float>();
  data.x = x.cast<double>();
  const double want = oracle(data);
  for (const Index step : {400, 1000}) {
    const Cut cut(view(x), every(step, 8000));
    const hscore::HScore got =
        hscore::h_score(cut.view(), labels(data), options_for(hscore::Precision::automatic, 2));
    CHECK_CLOSE(got.score, want, 1e-6 * want);
  }
}

TEST(regularized_scores_of_blocks) {
  const Data data = random_data(8000, 512, 40);
  const Narrow x = data.x.cast<float>();
  const Cut cut(view(x), every(1000, 8000));
  for (const hscore::Shrinkage method : {hscore::Shrinkage::ledoit_wolf, hscore::Shrinkage::oas}) {
    hscore::ShrinkageOptions options;
    options.method = method;
    const auto got = hscore::regularized_h_score(cut.view(), labels(data), {}, options);
    options.precision = hscore::Precision::float64;
    const auto want = hscore::regularized_h_score(view(x), labels(data), {}, options);
    CHECK_CLOSE(got.score, want.score, 1e-6 * want.score);
  }
}

TEST(blocks_that_are_not_finite_end_the_walk) {
  Data data = random_data(9000, 256, 10);
  data.x(2500, 7) = std::numeric_limits<double>::quiet_NaN();
  const Narrow x = data.x.cast<float>();
  const Cut cut(view(x), every(1000, 9000));
  for (const hscore::Precision precision :
       {hscore::Precision::automatic, hscore::Precision::float64, hscore::Precision::float32}) {
    const int before = cut.readings();
    CHECK(std::isnan(hscore::h_score(cut.view(), labels(data), options_for(precision, 2)).score));
    CHECK(cut.readings() == before + 1);
  }
  CHECK(!hscore::regularized_h_score(cut.view(), labels(data), {}, {}).finite);
  hscore::Moments moments(256);
  hscore::UpdateOptions options;
  options.only_finite = true;
  CHECK_THROWS(hscore::NotFinite, "finite", moments.update(cut.view(), labels(data), options));
  CHECK(moments.rows() == 0);
}

TEST(blocks_that_are_not_the_view_are_refused) {
  const Data data = random_data(100, 6, 3);
  const Narrow x = data.x.cast<float>();
  const Cut cut(view(data.x), {40, 90});
  hscore::Moments moments(6);
  CHECK_THROWS(std::invalid_argument, "the blocks have 90 rows",
               moments.update(cut.view(), labels(data), {}));
  CHECK(moments.rows() == 0 && moments.classes() == 0);
  hscore::FeatureView wider = cut.view();
  wider.rows = 90;
  wider.dtype = hscore::DType::float32;
  const hscore::LabelView some = labels(data).row_range(0, 90);
  CHECK_THROWS(std::invalid_argument, "wider type", moments.update(wider, some, {}));
  hscore::FeatureView shorter = cut.view();
  shorter.rows = 60;
  CHECK_THROWS(std::invalid_argument, "does not fit",
               moments.update(shorter, labels(data).row_range(0, 60), {}));
  CHECK_THROWS(std::invalid_argument, "out of order", hscore::RowReader(cut.view()));
}

}  // namespace
}  // namespace testing
