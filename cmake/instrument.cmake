# Builds that watch the code run: sanitizers for the C++ tests, coverage for both languages' tests.
if(HSCORE_SANITIZE)
  add_compile_options(-fsanitize=${HSCORE_SANITIZE} -fno-sanitize-recover=all -g1 -O1)
  add_link_options(-fsanitize=${HSCORE_SANITIZE})
  list(REMOVE_ITEM HSCORE_OPTIONS -O3)
endif()
if(HSCORE_SANITIZE MATCHES "fuzzer")
  # The runtime that the fuzzer brings lacks these two.
  add_compile_options(-fno-sanitize=vptr,function)
endif()
if(HSCORE_COVERAGE)
  # Optimized a little, or the tests take hours. Threads count into the same counters.
  add_compile_options(--coverage -fprofile-update=atomic -O1)
  add_link_options(--coverage)
  list(REMOVE_ITEM HSCORE_OPTIONS -O3)
endif()
