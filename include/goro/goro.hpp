// Everything but what has a header of its own to include: net, diag, page and asio.
#pragma once

#include <goro/chan.hpp>
#include <goro/condition_variable.hpp>
#include <goro/context.hpp>
#include <goro/error.hpp>
#include <goro/go.hpp>
#include <goro/mutex.hpp>
#include <goro/once.hpp>
#include <goro/runtime.hpp>
#include <goro/select.hpp>
#include <goro/semaphore.hpp>
#include <goro/shared_mutex.hpp>
#include <goro/signal.hpp>
#include <goro/task_group.hpp>
#include <goro/time.hpp>
#include <goro/wait_group.hpp>
