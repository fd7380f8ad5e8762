// The test program of the core: doctest's main, nothing else. The tests are in test_<concept>.cpp.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
