// The table of groups. Rows are kept from one look to the next, so that what is open stays open and the focus
// stays where it is.

// A stack is pairs of lines, the function and, indented, its place.
function framesOf(stack) {
  const frames = [];
  for (const line of stack.split('\n')) {
    if (line.startsWith('\t') && frames.length > 0) frames.at(-1).place = line.trim();
    else if (line.trim()) frames.push({ name: line.trim(), place: '' });
  }
  return frames;
}

// The innermost frame that is not the library's.
function placeOfInterest(frames) {
  const library = ({ name, place }) =>
    /^(goro|std|__gnu_cxx|boost)::/.test(name) || /\/include\/(goro|c\+\+|boost)\/|^\/usr\//.test(place);
  return frames.find((frame) => !library(frame) && frame.place) ?? null;
}

// "../../src/a.cpp:17 (void f(int))" is a place and a function.
function splitPlace(createdAt) {
  const parts = /^(.*:\d+) \((.*)\)$/s.exec(createdAt);
  return parts ? { place: parts[1], name: parts[2] } : { place: createdAt, name: '' };
}

const shortPlace = (place) => place.replace(/^(\.\.\/)+/, '').replace(/^.*\/(?=[^/]*\/[^/]*$)/, '');

// The last part of a name, without its arguments and what it returns.
function shortName(name) {
  const bare = name
    .replace(/\(anonymous namespace\)::|\{anonymous\}::/g, '')
    .replace(/<lambda\(.*?\)>|\{lambda\(.*?\)#\d+\}/g, 'lambda')
    .replace(/(::)?operator\(\).*$/s, (all, scope) => (scope ? '' : 'lambda'))
    .replace(/\(.*$/s, '');
  return (bare.includes('<') ? bare : bare.split(' ').at(-1)) || name;
}

function digest(group) {
  const frames = framesOf(group.stack);
  const created = splitPlace(group.created_at);
  const at = placeOfInterest(frames);
  const name = group.oldest[0]?.name;
  const place = at ? `${shortPlace(at.place)}, started at ${shortPlace(created.place)}` : `started in ${shortName(created.name)}`;
  return {
    ...group,
    key: `${group.state}\n${group.created_at}\n${group.stack}`,
    frames,
    wait: group.most_wait_s,
    where: at ? shortName(at.name) : shortPlace(created.place),
    detail: name ? `${place}, “${name}”` : place,
  };
}

class GroupRow {
  constructor(group, number) {
    const details = `details-${number}`;
    const cell = (className) => element('td', { role: 'cell', class: className });
    this.count = cell('number count');
    this.state = cell('state');
    this.wait = cell('number wait');
    this.where = element('span', { class: 'function' });
    this.detail = element('span', { class: 'quiet' });
    this.toggle = element('button', { type: 'button', class: 'toggle', 'aria-expanded': 'false', 'aria-controls': details },
      this.where, this.detail);
    const place = cell('where');
    place.append(this.toggle);
    this.row = element('tr', { role: 'row' }, this.count, this.state, this.wait, place);
    this.members = element('p');
    this.stack = element('pre', { tabindex: '0', 'aria-label': 'Stack' });
    const inner = element('td', { role: 'cell', colspan: '4', class: 'details' }, this.members, this.stack);
    this.more = element('tr', { role: 'row', id: details }, inner);
    this.more.hidden = true;
    this.toggle.addEventListener('click', () => this.open(this.more.hidden));
    this.update(group);
  }

  open(on) {
    this.more.hidden = !on;
    this.toggle.setAttribute('aria-expanded', String(on));
  }

  update(group) {
    this.group = group;
    setText(this.count, count(group.count));
    setText(this.state, group.state);
    setText(this.wait, wait(group.wait));
    setText(this.where, group.where);
    setText(this.detail, group.detail);
    const others = group.count - group.oldest.length;
    setText(this.members, `${group.oldest.map(label).join(', ')}${others > 0 ? `, and ${count(others)} more` : ''}`);
    setText(this.stack, `${group.stack}created at ${group.created_at}`);
  }
}

class GroupTable {
  constructor(table) {
    this.body = table.tBodies[0];
    this.rows = new Map();
    this.made = 0;
    this.sort = { by: 'count', down: true };
    this.headers = [...table.querySelectorAll('[data-sort]')];
    for (const button of this.headers) button.addEventListener('click', () => this.sortBy(button.dataset.sort));
    this.markSort();
  }

  sortBy(by) {
    const numbers = by === 'count' || by === 'wait';
    this.sort = { by, down: this.sort.by === by ? !this.sort.down : numbers };
    this.markSort();
    this.arrange();
  }

  markSort() {
    for (const button of this.headers) {
      const direction = this.sort.down ? 'descending' : 'ascending';
      button.parentElement.setAttribute('aria-sort', button.dataset.sort === this.sort.by ? direction : 'none');
    }
  }

  // A look without stacks and one with them share no keys: the rows are made anew then.
  show(groups) {
    const present = new Map();
    for (const group of groups.map(digest)) {
      const row = this.rows.get(group.key) ?? new GroupRow(group, ++this.made);
      row.update(group);
      present.set(group.key, row);
    }
    for (const [key, row] of this.rows) {
      if (present.has(key)) continue;
      row.row.remove();
      row.more.remove();
    }
    this.rows = present;
    this.arrange();
  }

  arrange() {
    const { by, down } = this.sort;
    const compare = (a, b) => (typeof a[by] === 'number' ? a[by] - b[by] : a[by].localeCompare(b[by]));
    const order = [...this.rows.values()].sort((a, b) =>
      (down ? -1 : 1) * compare(a.group, b.group) || a.group.key.localeCompare(b.group.key));
    const focused = document.activeElement;
    let next = this.body.firstChild;
    for (const { row, more } of order) {
      for (const e of [row, more]) {
        if (e === next) next = next.nextSibling;
        else this.body.insertBefore(e, next);
      }
    }
    if (focused && focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }
}
