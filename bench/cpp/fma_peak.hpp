// The machine's peak of multiply-add on one thread at each level of instructions, measured in registers alone.
#pragma once

#include <string>

namespace hogvec::bench {

double thread_seconds();   // of the processor, spent by this thread

// Floating-point operations in a second of this thread's own time, a multiply-add counting as two; the best of several
// short runs, measured once and remembered. `instruction_set` is one of available_instruction_sets().
double peak_flops(const std::string& instruction_set);

}   // namespace hogvec::bench
