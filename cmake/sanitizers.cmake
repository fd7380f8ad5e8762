# HOGVEC_SANITIZE and HOGVEC_CHECK_RACES as flags of every target that links the core.
add_library(hogvec_sanitizers INTERFACE)
if(HOGVEC_SANITIZE)
  target_compile_options(hogvec_sanitizers INTERFACE -fsanitize=${HOGVEC_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(hogvec_sanitizers INTERFACE -fsanitize=${HOGVEC_SANITIZE})
endif()
if(HOGVEC_CHECK_RACES)
  target_compile_definitions(hogvec_sanitizers INTERFACE HOGVEC_CHECK_RACES=1)
endif()
