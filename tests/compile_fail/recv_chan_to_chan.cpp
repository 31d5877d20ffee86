// expect: conversion from .const goro::recv_chan<int>. to|no viable conversion from .*recv_chan<int>
// One end of a channel does not give the other.
#include <goro/chan.hpp>

void f(const goro::recv_chan<int>& in) { goro::chan<int> both = in; }
