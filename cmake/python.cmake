# The extension modules, one for each instruction set. The bindings have no loop over a matrix, so they
# are compiled once, for the first set; what names the module and its set, for each.
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 3 CONFIG REQUIRED)
file(GLOB bindings CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} src/*.cpp)
list(REMOVE_ITEM bindings src/module.cpp)
add_library(hscore_bindings OBJECT ${bindings})
target_link_libraries(hscore_bindings PRIVATE pybind11::module hscore_${first})
target_precompile_headers(hscore_bindings PRIVATE <pybind11/numpy.h>)
target_compile_options(hscore_bindings PRIVATE ${HSCORE_OPTIONS} ${HSCORE_FLAGS_${first}})

foreach(isa IN LISTS HSCORE_ISAS)
  set(module _core_${isa})
  if(isa STREQUAL "baseline")
    set(module _core)
  endif()
  hscore_add_core(hscore_${isa} ${isa})
  pybind11_add_module(${module} MODULE NO_EXTRAS src/module.cpp $<TARGET_OBJECTS:hscore_bindings>)
  target_link_libraries(${module} PRIVATE hscore_${isa})
  target_compile_options(${module} PRIVATE ${HSCORE_OPTIONS} ${HSCORE_FLAGS_${isa}})
  string(REPLACE ";" " " isa_flags "${HSCORE_FLAGS_${isa}}")
  target_compile_definitions(
    ${module} PRIVATE HSCORE_MODULE=${module} HSCORE_ISA="${isa}" HSCORE_VERSION="${PROJECT_VERSION}"
                      HSCORE_BUILD_FLAGS="${isa_flags}" HSCORE_EIGEN_VERSION="${Eigen3_VERSION}")
  install(TARGETS ${module} DESTINATION hscore_fast)
endforeach()
