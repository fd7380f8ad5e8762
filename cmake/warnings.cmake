# The warnings every target of the project is compiled with.
add_library(hogvec_warnings INTERFACE)
target_compile_options(hogvec_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
