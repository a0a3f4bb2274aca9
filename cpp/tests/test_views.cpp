// Columns that lie apart are read as the matrix they stand for.
#include <algorithm>
#include <cmath>
#include <list>
#include <utility>
#include <vector>

#include "check.hpp"
#include "data.hpp"
#include "hscore/buffer.hpp"
#include "hscore/scores.hpp"
#include "hscore/views.hpp"

namespace testing {
namespace {

// One column of `rows` values, each in memory of its own.
hscore::FeatureView column_view(const std::vector<float>& values) {
  hscore::FeatureView view;
  view.data = reinterpret_cast<const unsigned char*>(values.data());
  view.rows = static_cast<Index>(values.size());
  view.cols = 1;
  view.row_stride = sizeof(float);
  view.dtype = hscore::DType::float32;
  return view;
}

TEST(a_table_is_the_matrix_of_its_columns) {
  Data data = random_data(500, 9, 3);
  data.x = data.x.cast<float>().cast<double>();
  const std::vector<Index> lengths{1, 192, 307};
  std::vector<std::vector<float>> pieces;
  hscore::ColumnTable table(9);
  Index first = 0;
  for (const Index length : lengths) {
    for (Index j = 0; j < 9; ++j) {
      pieces.emplace_back();
      for (Index i = first; i < first + length; ++i) {
        pieces.back().push_back(static_cast<float>(data.x(i, j)));
      }
    }
    table.add_segment(length);
    for (std::size_t j = pieces.size() - 9; j < pieces.size(); ++j) {
      table.add_columns(column_view(pieces[j]));
    }
    first += length;
  }
  const hscore::FeatureView whole = table.view();
  CHECK(whole.rows == 500 && whole.cols == 9 && whole.table == &table);
  CHECK(hscore::is_narrow(whole.dtype));
  hscore::Moments moments(9);
  moments.update(whole.row_range(0, 150), labels(data).row_range(0, 150), {});
  moments.update(whole.row_range(150, 350), labels(data).row_range(150, 350), {});
  CHECK_CLOSE(hscore::h_score(moments, {}).score, score_of(data), 1e-12);

  pieces[12][5] = INFINITY;  // segment 1 of 192 rows from row 1, column 3
  const hscore::NonFinite found = hscore::find_non_finite(whole, 1);
  CHECK(found.count == 1 && found.row == 6 && found.col == 3 && found.value == INFINITY);
}

TEST(columns_that_lie_evenly_are_one_matrix) {
  const Data data = random_data(50, 6, 3);
  hscore::ColumnTable table(6);
  table.add_segment(50);
  for (Index j = 0; j < 6; ++j) {
    hscore::FeatureView column = view(data.x);
    column.data = column.at(0, j);
    column.cols = 1;
    table.add_columns(column);
  }
  const hscore::FeatureView whole = table.view();
  CHECK(whole.kind() != hscore::FeatureKind::table && whole.data == view(data.x).data);
  CHECK(whole.row_stride == view(data.x).row_stride && whole.col_stride == sizeof(double));
}

// Every element type and both byte orders, by columns, and by rows of a few columns and of many:
// what RowReader gives row by row.
TEST(rows_in_order_are_the_rows) {
  constexpr Index rows = 75;
  constexpr Index cols = 29;
  constexpr Index wanted = 25;
  std::vector<unsigned char> bytes(static_cast<std::size_t>(rows * cols * 8));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * 37 % 61);
  hscore::FeatureView whole;
  whole.data = bytes.data();
  whole.rows = rows;
  whole.cols = cols;
  for (int kind = 0; kind <= static_cast<int>(hscore::DType::float64); ++kind) {
    whole.dtype = static_cast<hscore::DType>(kind);
    const Index size = hscore::visit_dtype(
        whole.dtype, [](auto element) { return static_cast<Index>(sizeof element); });
    for (const bool swapped : {false, true}) {
      for (const bool by_rows : {false, true}) {
        whole.swapped = swapped;
        whole.row_stride = by_rows ? cols * size : size;
        whole.col_stride = by_rows ? size : rows * size;
        hscore::ColumnTable table(cols);  // cut within what is read together
        for (const Index first : {0, 40}) {
          table.add_segment(first == 0 ? 40 : rows - 40);
          for (const auto& [col, count] : {std::pair<Index, Index>{0, 12}, {12, 5}, {17, 12}}) {
            hscore::FeatureView piece = whole.row_range(first, first == 0 ? 40 : rows - 40);
            piece.data = piece.at(0, col);
            piece.cols = count;
            table.add_columns(piece);
          }
        }
        const hscore::FeatureView part = table.view().row_range(3, rows - 5);
        const hscore::RowReader read(whole);
        hscore::RowsInOrder of_whole(whole, 2, wanted);
        hscore::RowsInOrder of_table(part, 2, wanted);
        for (Index i = 0; i < part.rows; i += i % 3 == 0 ? 1 : 2) {
          double expected[wanted];
          read(i + 3, 2, wanted, expected);
          CHECK(std::equal(expected, expected + wanted, of_table(i)));
          CHECK(std::equal(expected, expected + wanted, of_whole(i + 3)));
        }
      }
    }
  }
}

// To the bit: each value goes the same way, whatever lies beside it.
template <class T>
void check_pieces(const Data& data) {
  const RowMajor<T> x = data.x.cast<T>();
  const Index rows = x.rows();
  std::vector<double> weights;
  for (Index i = 0; i < rows; ++i) weights.push_back(static_cast<double>(i % 3));

  const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> by_columns = x;
  hscore::FeatureView strided = view(x);
  strided.data = reinterpret_cast<const unsigned char*>(by_columns.data());
  strided.row_stride = sizeof(T);
  strided.col_stride = rows * Index{sizeof(T)};
  std::vector<hscore::FeatureView> views{strided};
  std::list<RowMajor<T>> pieces;
  std::list<hscore::ColumnTable> tables;
  for (const std::vector<Index>& widths : {std::vector<Index>(77, 1),
                                           {8, 32, 24, 13},
                                           {5, 1, 1, 33, 8, 29},
                                           {64, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
    hscore::ColumnTable& table = tables.emplace_back(x.cols());
    Index first = 0;
    for (const Index length : {1, 192, 60, 447}) {
      table.add_segment(length);
      Index col = 0;
      for (const Index width : widths) {
        pieces.emplace_back(x.block(first, col, length, width));
        table.add_columns(view(pieces.back()));
        col += width;
      }
      first += length;
    }
    views.push_back(table.view());
  }

  const double* no_weights = nullptr;
  for (const double* weight : {no_weights, static_cast<const double*>(weights.data())}) {
    for (const auto& [products, digits] : {std::pair{hscore::Products::float64, 0},
                                           {hscore::Products::float32, 0},
                                           {hscore::Products::integer, 0},
                                           {hscore::Products::integer, 2}}) {
      hscore::Quantization rounding;
      rounding.digits = digits;
      hscore::UpdateOptions options;
      options.products = products;
      if (digits != 0) options.quantization = &rounding;
      const auto state_of = [&](const hscore::FeatureView& features) {
        hscore::Moments moments(x.cols());
        moments.update(features, labels(data), options, weight);
        return moments.state();
      };
      const hscore::MomentsState want = state_of(view(x));
      for (const hscore::FeatureView& features : views) {
        const hscore::MomentsState got = state_of(features);
        CHECK(got.shift == want.shift);
        CHECK(got.class_sums == want.class_sums);
        CHECK(got.scatter == want.scatter);
      }
    }
  }
}

TEST(rows_in_any_pieces_have_the_same_statistics) {
  const Data data = random_data(700, 77, 5);
  check_pieces<float>(data);
  check_pieces<double>(data);
}

TEST(columns_of_the_wrong_size_are_refused) {
  const Data data = random_data(50, 6, 3);
  hscore::ColumnTable table(7);
  CHECK_THROWS(std::invalid_argument, "do not fit", table.add_columns(view(data.x)));
  table.add_segment(49);
  CHECK_THROWS(std::invalid_argument, "do not fit", table.add_columns(view(data.x)));
  hscore::ColumnTable lacking(7);
  lacking.add_segment(50);
  lacking.add_columns(view(data.x));
  CHECK_THROWS(std::invalid_argument, "lacks columns", lacking.view());
  CHECK_THROWS(std::invalid_argument, "lacks columns", lacking.add_segment(1));
  CHECK_THROWS(std::invalid_argument, "do not fit", lacking.add_columns(view(data.x)));
}

TEST(sizes_beyond_the_memory_are_refused) {
  CHECK_THROWS(hscore::OutOfMemory, "this machine has",
               hscore::check_fits(Index{1} << 28, Index{1} << 28, 8));
  CHECK_THROWS(hscore::OutOfMemory, "elements", hscore::Moments(Index{1} << 40));
}

}  // namespace
}  // namespace testing
