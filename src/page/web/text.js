// Numbers and durations as text, and elements made of text. Names come from the program that is looked at, so
// nothing on this page is ever made by parsing HTML: text goes into textContent only.

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

const wholeNumber = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const shortNumber = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

const count = (n) => wholeNumber.format(n);
const rate = (n) => (n < 10_000 ? count(n) : shortNumber.format(n));

// Of nanoseconds.
function delay(ns) {
  const units = [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9]];
  const [unit, size] = units.findLast(([, s]) => ns >= s) ?? units[0];
  const n = ns / size;
  return `${n < 10 && size > 1 ? n.toFixed(1) : Math.round(n)} ${unit}`;
}

// Of seconds for which somebody waits; short waits are not known.
function wait(seconds) {
  if (seconds < 1) return '';
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;
const label = (g) => `#${g.id}${g.name ? ` ${g.name}` : ''}${g.labels ? ` ${g.labels}` : ''}`;
