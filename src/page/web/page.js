// The page asks for the program's state once a second as long as it is seen, and shows it.
//
// Stacks take the program ten times as long as counting does, so the first look is without them, to be there
// at once, and further ones come so seldom that they take a twentieth of one core at most.

const PERIOD_MS = 1000;
const PATIENCE_MS = 10_000;
const STACK_SHARE = 20;

const plots = new Plots(byId('plots'));
const table = new GroupTable(byId('group-table'));

const page = {
  paused: false,
  timer: 0,
  asking: null, // the AbortController of the request under way
  before: null, // the state of the last look
  stacksDue: null, // when to look at stacks again; null: nothing has been shown yet
};

// ---- asking ----

async function ask() {
  clearTimeout(page.timer);
  page.asking?.abort();
  if (page.paused || document.hidden) return;
  const controller = new AbortController();
  page.asking = controller;
  const start = performance.now();
  const limit = setTimeout(() => controller.abort(), PATIENCE_MS);
  try {
    const response = await fetch(`api/state.json?groups=${wantedGroups(start)}&filter=${encodeURIComponent(byId('filter').value)}`,
      { signal: controller.signal });
    if (!response.ok) throw new Error(await response.text());
    show(await response.json());
    showStatus('live', 'live');
  } catch (error) {
    if (page.asking !== controller) return; // another request has taken its place
    showStatus('lost', 'disconnected, trying again');
  } finally {
    clearTimeout(limit);
  }
  if (page.asking !== controller) return;
  page.asking = null;
  page.timer = setTimeout(ask, Math.max(PERIOD_MS - (performance.now() - start), 100));
}

function wantedGroups(now) {
  if (page.stacksDue === null) return 'place';
  return now >= page.stacksDue ? 'stack' : 'none';
}

function showStatus(state, text) {
  const status = byId('status');
  status.dataset.state = state;
  setText(status, text);
  document.body.classList.toggle('stale', state !== 'live');
}

// ---- showing ----

function ratesOf(now, before) {
  if (!before || now.clock_ms <= before.clock_ms || now.totals.switches < before.totals.switches) return null;
  const seconds = (now.clock_ms - before.clock_ms) / 1000;
  const per = (a, b) => Object.fromEntries(Object.keys(a).filter((k) => typeof a[k] === 'number').map((k) => [k, (a[k] - (b?.[k] ?? 0)) / seconds]));
  return { ...per(now.totals, before.totals), processors: now.processors.map((p, i) => before.processors[i] && per(p, before.processors[i])) };
}

function show(now) {
  const rates = ratesOf(now, page.before);
  page.before = now;
  showHeader(now);
  showFigures(now, rates);
  showProcessors(now, rates);
  plots.add(now, rates);
  if (now.goroutines) showGroups(now.goroutines);
}

function showHeader(now) {
  setText(byId('program'), now.program);
  document.title = `${now.program} – goro`;
  setText(byId('served'), `${now.address}, ${now.loopback ? 'this machine only' : 'open to the network'}`);
  setText(byId('reach'), now.loopback
    ? `It is served at ${now.address}, to this machine.`
    : `It is served at ${now.address}, to everybody who reaches that: there is no password.`);
}

function showFigures(now, rates) {
  const perSecond = (name) => (rates ? rate(rates[name]) : '–');
  const figures = [
    ['Goroutines', count(now.totals.goroutines)],
    ['Runnable', count(queuedGoroutines(now))],
    ['Turns/s', perSecond('switches')],
    ['Started/s', perSecond('goroutines_started')],
    ['Turn delay', delay(now.turn_delay_ns.longest)],
    ['Threads', `${count(now.threads.total)}, ${count(now.threads.idle)} idle`],
    ['Without a P', count(now.threads.away)],
    ['Timers armed', count(now.totals.timers_armed)],
    ['Waiting for I/O', count(now.totals.poller_waiters)],
    ['Stalls', count(now.totals.stalls)],
  ];
  const list = byId('figures');
  for (const [i, [name, value]] of figures.entries()) {
    if (!list.children[i]) list.append(element('div', {}, element('dt', {}, name), element('dd')));
    setText(list.children[i].lastChild, value);
  }
}

function showProcessors(now, rates) {
  const body = byId('processors').tBodies[0];
  const busy = now.processors.filter((p) => p.running).length;
  setText(byId('processors-note'), `${count(busy)} of ${count(now.max_procs)} run something; ${count(now.totals.queued_global)} in the global queue`);
  while (body.rows.length > now.processors.length) body.lastChild.remove();
  for (const [i, p] of now.processors.entries()) {
    if (!body.rows[i]) {
      body.append(element('tr', {}, element('th', { scope: 'row' }), element('td', { class: 'runs' }),
        ...[1, 2, 3, 4].map(() => element('td', { class: 'number' }))));
    }
    const cells = body.rows[i].cells;
    const per = rates?.processors[i];
    const running = p.running ? label(p.running) : p.held ? 'looks for work' : 'idle';
    const texts = [String(p.id), running, count(p.queued), ...['switches', 'steals', 'timers_fired'].map((k) => (per ? rate(per[k]) : '–'))];
    texts.forEach((text, k) => setText(cells[k], text));
    cells[1].classList.toggle('quiet', !p.running);
  }
}

function showGroups(all) {
  table.show(all.groups);
  const found = byId('filter').value ? `${count(all.matching)} of ${count(all.total)}` : count(all.total);
  setText(byId('groups-note'), `${found} in ${plural(all.groups.length + all.left_out.groups, 'group')}`);
  const { groups, goroutines } = all.left_out;
  setText(byId('left-out'), groups ? `Not shown: ${plural(groups, 'smaller group')} of ${plural(goroutines, 'goroutine')}. A filter finds them.`
    : all.matching ? '' : 'No goroutine matches.');
  page.stacksDue = all.by === 'stack' ? performance.now() + Math.max(PERIOD_MS, all.took_ms * STACK_SHARE) - 50 : 0;
}

// ---- what the user does ----

function setPaused(on) {
  page.paused = on;
  byId('pause').setAttribute('aria-pressed', String(on));
  setText(byId('pause'), on ? 'Resume' : 'Pause');
  if (on) showStatus('paused', 'paused');
  ask();
}

let typing = 0;
function filterChanged() {
  clearTimeout(typing);
  typing = setTimeout(() => {
    page.stacksDue = page.stacksDue === null ? null : 0;
    if (page.paused) setPaused(false);
    ask();
  }, 150);
}

async function recordTrace() {
  const button = byId('trace');
  const seconds = byId('trace-seconds').value;
  button.disabled = true;
  setText(button, `Recording ${seconds} s…`);
  try {
    const response = await fetch(`trace.json?seconds=${seconds}`);
    if (!response.ok) throw new Error((await response.text()).trim());
    const url = URL.createObjectURL(await response.blob());
    element('a', { href: url, download: 'trace.json' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    setText(button, 'Trace');
  } catch (error) {
    setText(button, `No trace: ${error.message}`);
    setTimeout(() => setText(button, 'Trace'), 5000);
  } finally {
    button.disabled = false;
  }
}

byId('pause').addEventListener('click', () => setPaused(!page.paused));
byId('trace').addEventListener('click', recordTrace);
byId('filter').addEventListener('input', filterChanged);
document.addEventListener('visibilitychange', () => {
  if (!page.paused) {
    if (document.hidden) showStatus('paused', 'paused while out of sight');
    ask();
  }
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const filter = byId('filter');
  if (event.key === 'Escape' && event.target === filter) {
    filter.value = '';
    filterChanged();
  } else if (event.target.matches('input, select, textarea')) {
    return;
  } else if (event.key === '/') {
    event.preventDefault();
    filter.focus();
    filter.select();
  } else if (event.key === 'p') {
    setPaused(!page.paused);
  }
});
ask();
