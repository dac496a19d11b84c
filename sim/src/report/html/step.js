'use strict';
const $ = id => document.getElementById(id);
const main = document.querySelector('main'), grid = $('grid'), overview = $('overview'), view = $('view');
const steps = [...document.querySelectorAll('.step')];
const bars = [...document.querySelectorAll('.bar')];
const list = text => text ? text.split('|') : [];
// What a step touches in memory, without how.
const words = steps.map(s => new Set(list(s.dataset.touches).map(t => t.slice(t.indexOf(' ') + 1)).filter(t => /[.@]/.test(t))));
const shared = (a, b) => [...words[a]].some(w => words[b].has(w));
const shown = i => steps[i] && steps[i].offsetParent;
const MANY = 12;
let at = -1;

function lines(id, texts, none) {
  $(id).replaceChildren(...(texts.length ? texts : [none]).map(text => {
    const line = document.createElement('div');
    line.textContent = text;
    return line;
  }));
}

// preempt_count in words: its fields are those of include/linux/preempt.h.
function preempt(state) {
  const n = parseInt(state), off = (n >> 9) & 0x7f, words = [];
  if (n & 0xff) words.push(`preemption off (${n & 0xff})`);
  if (n & 0x100) words.push('serves a softirq');
  if (off) words.push(`softirqs off (${off})`);
  if (n & 0xf0000) words.push('in a hard interrupt');
  if (state.includes('irqs')) words.push('interrupts off');
  return [state.split(' ')[0], ...words];
}

function describe(i) {
  const { agent, stack, touches, state } = steps[i].dataset;
  $('p-title').textContent = `Step ${i + 1} of ${steps.length}`;
  $('p-op').textContent = steps[i].querySelector('code').textContent;
  $('p-context').textContent = agent;
  lines('p-stack', list(stack).map(f => f + '()'), '–');
  lines('p-state', preempt(state));
  const all = list(touches), many = all.length > MANY;
  lines('p-touches', many ? [...all.slice(0, MANY), `and ${all.length - MANY} more`] : all, 'nothing');
  const held = bars.filter(b => b.dataset.agent === agent && +b.dataset.from <= i && i <= +b.dataset.to);
  lines('p-holds', held.map(b => b.textContent), 'nothing');
  bars.forEach(b => b.classList.toggle('now', held.includes(b)));
}

function select(i, scroll = true) {
  if (!steps[i]) return;
  if (steps[at]) steps[at].classList.remove('selected');
  at = i;
  steps[at].classList.add('selected');
  steps.forEach((s, k) => s.classList.toggle('same', k !== at && shared(at, k)));
  describe(at);
  if (scroll) steps[at].scrollIntoView({ block: 'nearest', inline: 'nearest' });
  history.replaceState(null, '', '#s' + at);
}

// The next step in this direction that fits.
function seek(by, fits, from = at) {
  for (let i = from + by; steps[i]; i += by) if (shown(i) && fits(i)) return select(i);
}

function story() {
  const on = document.body.classList.toggle('story');
  $('story').setAttribute('aria-pressed', on);
  if (steps[at]) steps[at].scrollIntoView({ block: 'center' });
  draw();
}

const any = () => true, party = i => steps[i].classList.contains('party');
const mine = i => at < 0 || steps[i].dataset.agent === steps[at].dataset.agent, same = i => at >= 0 && shared(at, i);
const keys = {
  j: () => seek(1, any), ArrowDown: () => seek(1, any), k: () => seek(-1, any), ArrowUp: () => seek(-1, any),
  l: () => seek(1, mine), ArrowRight: () => seek(1, mine), h: () => seek(-1, mine), ArrowLeft: () => seek(-1, mine),
  o: () => seek(1, same), i: () => seek(-1, same), n: () => seek(1, party), p: () => seek(-1, party),
  Home: () => seek(1, any, -1), End: () => seek(-1, any, steps.length),
  r: () => $('story') && story(),
};
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
  keys[e.key]();
  e.preventDefault();
});
steps.forEach((s, i) => {
  s.addEventListener('mouseenter', () => describe(i));
  s.addEventListener('mouseleave', () => { if (at >= 0) describe(at); });
  s.addEventListener('click', () => select(i, false));
});
document.querySelectorAll('.finding a').forEach(a => a.addEventListener('click', e => {
  select(+a.hash.slice(2));
  e.preventDefault();
}));
if ($('story')) $('story').addEventListener('click', story);

// The parties of each finding, linked; and what part of the run is in view.
function draw() {
  const findings = {};
  document.querySelectorAll('.finding a').forEach(a => (findings[a.dataset.finding] ||= []).push($(a.hash.slice(1))));
  const paths = Object.values(findings).flatMap(([culprit, ...others]) => others.map(other => {
    const [a, b] = [culprit, other].sort((x, y) => x.style.gridColumnStart - y.style.gridColumnStart);
    const [x1, x2] = [a.offsetLeft + a.offsetWidth, b.offsetLeft];
    const [y1, y2] = [a, b].map(e => e.offsetTop + e.offsetHeight / 2);
    const end = (x, y) => `<circle cx="${x}" cy="${y}" r="3"/>`;
    if (a.style.gridColumnStart === b.style.gridColumnStart) {
      return `<path d="M${x1},${y1} h5 V${y2} h-5"/>` + end(x1, y1) + end(x1, y2);
    }
    const mid = (x1 + x2) / 2;
    return `<path d="M${x1},${y1} C${mid},${y1} ${mid},${y2} ${x2},${y2}"/>` + end(x1, y1) + end(x2, y2);
  }));
  $('links').innerHTML = paths.join('');
  scrolled();
}
function scrolled() {
  overview.style.display = main.scrollHeight > main.clientHeight ? '' : 'none';
  const rows = overview.viewBox.baseVal.height, all = Math.max(grid.offsetHeight - 74, 1);
  view.setAttribute('y', main.scrollTop / all * rows);
  view.setAttribute('height', Math.min(1, (main.clientHeight - 34) / all) * rows);
}
main.addEventListener('scroll', scrolled);
addEventListener('resize', draw);
overview.addEventListener('click', e => {
  const part = (e.clientY - overview.getBoundingClientRect().top) / overview.clientHeight;
  main.scrollTop = part * (grid.offsetHeight - 74) - main.clientHeight / 2;
});
draw();
const wanted = /^#s(\d+)$/.exec(location.hash);
if (wanted) select(+wanted[1]);
