// Plots of the last five minutes, kept here and nowhere else. A gap is where nobody looked.

const HISTORY_SECONDS = 300;
const LEAST_SECONDS = 60; // of the axis, while there is not that much yet
const GAP_SECONDS = 2.5;

const PLOTS = [
  { title: 'Goroutines', value: (now) => now.totals.goroutines, show: count },
  { title: 'Runnable', value: (now) => queuedGoroutines(now), show: count },
  { title: 'Turns per second', value: (now, rates) => rates?.switches, show: rate },
  { title: 'Started per second', value: (now, rates) => rates?.goroutines_started, show: rate },
  { title: 'Steals per second', value: (now, rates) => rates?.steals, show: rate },
  { title: 'Turn delay', value: (now) => now.turn_delay_ns.longest, show: delay },
];

function queuedGoroutines(now) {
  return now.processors.reduce((sum, p) => sum + p.queued, now.totals.queued_global);
}

class Plots {
  constructor(parent) {
    this.times = [];
    this.plots = PLOTS.map((spec) => {
      const value = element('output');
      const canvas = element('div', { class: 'plot', role: 'img' });
      parent.append(element('figure', {}, element('figcaption', {}, spec.title, value), canvas));
      return { spec, value, canvas, data: [], chart: null };
    });
    new ResizeObserver(() => this.resize()).observe(parent);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw(true));
  }

  add(now, rates) {
    const time = now.time_ms / 1000;
    const last = this.times.at(-1);
    if (last !== undefined && time <= last) this.clear(); // the clock was set back
    if (last !== undefined && time - last > GAP_SECONDS) this.push(last + 1, () => null);
    this.push(time, ({ spec }) => spec.value(now, rates) ?? null);
    while (this.times[0] < time - HISTORY_SECONDS) {
      this.times.shift();
      for (const plot of this.plots) plot.data.shift();
    }
    for (const plot of this.plots) {
      const current = plot.data.at(-1);
      setText(plot.value, current === null ? '–' : plot.spec.show(current));
      const known = plot.data.filter((v) => v !== null);
      const most = known.length ? plot.spec.show(known.reduce((a, b) => Math.max(a, b))) : 'unknown';
      plot.canvas.setAttribute('aria-label', `${plot.spec.title}: now ${plot.value.textContent}, most ${most}`);
    }
    this.draw(false);
  }

  clear() {
    this.times.length = 0;
    for (const plot of this.plots) plot.data.length = 0;
  }

  push(time, valueOf) {
    this.times.push(time);
    for (const plot of this.plots) plot.data.push(valueOf(plot));
  }

  resize() {
    for (const { chart, canvas } of this.plots) {
      if (chart && canvas.clientWidth !== chart.width) chart.setSize({ width: canvas.clientWidth, height: 96 });
    }
  }

  draw(anew) {
    const to = this.times.at(-1);
    if (to === undefined) return;
    for (const plot of this.plots) {
      if (anew || !plot.chart) {
        plot.chart?.destroy();
        plot.chart = new uPlot(chartOptions(plot), [[], []], plot.canvas);
      }
      plot.chart.setData([this.times, plot.data], false);
      plot.chart.setScale('x', { min: Math.min(this.times[0], to - LEAST_SECONDS), max: to });
    }
  }
}

function chartOptions({ spec, canvas }) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: canvas.clientWidth,
    height: 96,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: { x: { time: false }, y: { range: (chart, min, max) => [0, Math.max(max ?? 0, 1) * 1.05] } },
    axes: [
      { ...axis, size: 18, gap: 2, splits: timeSplits, values: (chart, times) => times.map((t) => ago(times.at(-1) - t)) },
      { ...axis, size: 44, gap: 4, space: 28, values: (chart, ticks) => ticks.map(onAxis(spec.show)),
        incrs: [1, 2, 5, 10, 20, 50].concat(...[2, 3, 4, 5, 6, 7, 8, 9].map((e) => [1, 2, 5].map((n) => n * 10 ** e))) },
    ],
    series: [{}, { stroke: colour('--accent'), width: 1.5, fill: colour('--shade'), points: { show: false } }],
  };
}

// Counted back from now, as many as there is room for.
function timeSplits(chart, axis, from, to) {
  const most = (chart.width - 60) / 56;
  const step = [15, 30, 60, 120].find((s) => (to - from) / s <= most) ?? 300;
  const times = [];
  for (let t = to; t > from + step / 3; t -= step) times.unshift(t);
  return times;
}

function ago(seconds) {
  if (seconds === 0) return 'now';
  return seconds % 60 === 0 ? `\u2212${seconds / 60} min` : `\u2212${seconds} s`;
}

const onAxis = (show) => (show === delay ? delay : (n) => shortNumber.format(n));
