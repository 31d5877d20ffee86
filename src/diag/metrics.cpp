// stats() as Prometheus reads it: text exposition format 0.0.4.
//
// Each family stands together: a line that says what it is, one that says of which type, then its samples. A
// counter's name ends in _total, and it never falls; a gauge goes up and down. What is counted per P has a
// sample for each, labelled p, and no sum: whoever reads adds them up. All Ps that ever were are listed, so
// that no counter disappears when set_max_procs takes Ps away.
#include <ostream>
#include <string>
#include <string_view>

#include <goro/diag.hpp>
#include <goro/runtime.hpp>

namespace goro::diag {

namespace {

enum class kind { counter, gauge };

struct family {
  std::string_view name;
  kind type;
  std::string_view help;
};

// Beside a family: the field that is its only sample.
struct single {
  family what;
  std::uint64_t runtime_stats::* value;
};
struct per_processor {
  family what;
  std::uint64_t processor_stats::* value;
};

constexpr single k_singles[] = {
    {{"goro_goroutines", kind::gauge, "Goroutines that were started and have not ended."},
     &runtime_stats::goroutines},
    {{"goro_goroutines_started_total", kind::counter, "Goroutines started."},
     &runtime_stats::goroutines_started},
    {{"goro_goroutines_finished_total", kind::counter, "Goroutines that have ended."},
     &runtime_stats::goroutines_finished},
    {{"goro_goroutines_away", kind::gauge, "Goroutines that run without a P: they block or compute."},
     &runtime_stats::goroutines_away},
    {{"goro_stalls_total", kind::counter,
      "Times a goroutine was without its P for 100 ms or longer, unannounced, and has come back."},
     &runtime_stats::stalls},
    {{"goro_max_procs", kind::gauge, "Ps in use."}, &runtime_stats::processors},
    {{"goro_threads", kind::gauge, "Threads that run goroutines, or could."}, &runtime_stats::machines},
    {{"goro_threads_idle", kind::gauge, "Threads that sleep until they get a P."},
     &runtime_stats::machines_idle},
    {{"goro_thread_wakeups_total", kind::counter, "Times a sleeping thread was woken to look for work."},
     &runtime_stats::machine_wakeups},
    {{"goro_global_queue_goroutines", kind::gauge, "Goroutines that wait in the global queue."},
     &runtime_stats::queued_global},
    {{"goro_timers_armed", kind::gauge, "Sleeps, deadlines, timers and tickers that are armed."},
     &runtime_stats::timers_armed},
    {{"goro_poller_looks_total", kind::counter, "Times the poller was asked what is ready."},
     &runtime_stats::poller_looks},
    {{"goro_poller_sleeps_total", kind::counter, "Times a thread has slept in the poller."},
     &runtime_stats::poller_sleeps},
    {{"goro_poller_events_total", kind::counter, "Descriptors that were found ready."},
     &runtime_stats::poller_events},
    {{"goro_poller_waiters", kind::gauge, "Goroutines and threads that wait for a descriptor."},
     &runtime_stats::poller_waiters},
    {{"goro_stacks_in_use", kind::gauge, "Stacks of goroutines that have begun and not ended."},
     &runtime_stats::stacks_in_use},
    {{"goro_stacks_cached", kind::gauge, "Stacks that are kept for reuse."}, &runtime_stats::stacks_cached},
    {{"goro_stack_reserved_bytes", kind::gauge, "Address space that stacks may use; little of it is memory."},
     &runtime_stats::stack_bytes_reserved},
};

constexpr per_processor k_per_processor[] = {
    {{"goro_turns_total", kind::counter, "Times a goroutine was given the turn."},
     &processor_stats::switches},
    {{"goro_yields_total", kind::counter, "Calls of yield that gave the turn away."},
     &processor_stats::yields},
    {{"goro_preemptions_total", kind::counter, "Turns that ended because the time slice was over."},
     &processor_stats::preemptions},
    {{"goro_steals_total", kind::counter, "Times the P took work from another one."},
     &processor_stats::steals},
    {{"goro_stolen_goroutines_total", kind::counter, "Goroutines that it took from other Ps."},
     &processor_stats::stolen},
    {{"goro_global_queue_runs_total", kind::counter, "Goroutines that it took from the global queue."},
     &processor_stats::global_runs},
    {{"goro_queue_overflows_total", kind::counter, "Times half of its queue moved to the global queue."},
     &processor_stats::overflows},
    {{"goro_timers_fired_total", kind::counter, "Timers that have fired on it."},
     &processor_stats::timers_fired},
    {{"goro_run_queue_goroutines", kind::gauge, "Goroutines that wait for a turn on it."},
     &processor_stats::queued},
};

void write_head(std::ostream& out, const family& f) {
  out << "# HELP " << f.name << ' ' << f.help << "\n# TYPE " << f.name << ' '
      << (f.type == kind::counter ? "counter" : "gauge") << '\n';
}

// Numbers by to_string: the stream may have been told to write them in another way.
void write_sample(std::ostream& out, std::string_view name, std::string_view labels, std::uint64_t value) {
  out << name << labels << ' ' << std::to_string(value) << '\n';
}

std::string label_of(std::size_t p) { return "{p=\"" + std::to_string(p) + "\"}"; }

}  // namespace

void write_metrics(std::ostream& out) {
  const runtime_stats s = stats();
  for (const single& one : k_singles) {
    write_head(out, one.what);
    write_sample(out, one.what.name, "", s.*one.value);
  }
  const family hand_offs{"goro_handoffs_total", kind::counter,
                         "Times a goroutine lost its P because it blocked its thread, or computed for long."};
  write_head(out, hand_offs);
  write_sample(out, hand_offs.name, "{reason=\"blocked\"}", s.handoffs_blocked);
  write_sample(out, hand_offs.name, "{reason=\"busy\"}", s.handoffs_busy);
  for (const per_processor& one : k_per_processor) {
    write_head(out, one.what);
    for (std::size_t p = 0; p != s.per_processor.size(); ++p)
      write_sample(out, one.what.name, label_of(p), s.per_processor[p].*one.value);
  }
  const family held{"goro_processor_held", kind::gauge,
                    "Whether a thread holds the P: it runs goroutines, or looks for some."};
  write_head(out, held);
  for (std::size_t p = 0; p != s.per_processor.size(); ++p)
    write_sample(out, held.name, label_of(p), s.per_processor[p].held ? 1 : 0);
}

}  // namespace goro::diag
