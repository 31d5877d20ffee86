// node bundle.mjs MODULES OUT.cpp: puts the page into one document that asks for nothing else, and that into a
// C++ source. index.html says where style and script go; the hashes of both make its Content-Security-Policy,
// so nothing else on the page can run.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, output] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const own = (name) => readFileSync(join(here, name), 'utf8');
const library = (name) => readFileSync(join(modules, 'uplot', name), 'utf8');
const hash = (text) => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;

const licence = `/*\nuPlot ${JSON.parse(library('package.json')).version}\n\n${library('LICENSE')}\n*/\n`;
const style = licence + library('dist/uPlot.min.css') + '\n' + own('page.css');
const script = [
  licence + library('dist/uPlot.iife.min.js'),
  "(() => {\n'use strict';",
  ...['text.js', 'plots.js', 'goroutines.js', 'page.js'].map(own),
  '})();\n',
].join('\n');
if (/<\/(script|style)/i.test(style + script)) throw new Error('a part would end its own element');

// As functions: a replacement text would give "$&" a meaning.
const page = own('index.html')
  .replace('/* style */', () => style)
  .replace('/* script */', () => script);
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  'img-src data:', // the icon, which is empty
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

// Compilers bound the length of one literal; neighbours are joined.
const literal = (text) => {
  const pieces = text.match(/[^]{1,8000}/gu);
  if (text.includes(')goro_page"')) throw new Error('the page has the end of a literal in it');
  return pieces.map((piece) => `R"goro_page(${piece})goro_page"`).join('\n');
};
writeFileSync(
  output,
  `// Made by src/page/web/bundle.mjs.
#include "page/page_html.hpp"

namespace goro::detail {

namespace {
constexpr char k_html[] = ${literal(page)};
constexpr char k_policy[] = ${literal(policy)};
}  // namespace

const std::string_view k_page_html{k_html, sizeof k_html - 1};
const std::string_view k_page_policy{k_policy, sizeof k_policy - 1};

}  // namespace goro::detail
`,
);
