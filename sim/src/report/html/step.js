const steps = [...document.querySelectorAll('.step')];
const parties = steps.filter(s => s.classList.contains('party'));
const detail = document.getElementById('detail');
let at = -1;
function select(i, scroll) {
  if (i < 0 || i >= steps.length) return;
  if (at >= 0) steps[at].classList.remove('selected');
  at = i;
  steps[at].classList.add('selected');
  detail.textContent = steps[at].dataset.detail;
  if (scroll) steps[at].scrollIntoView({ block: 'center' });
}
steps.forEach((s, i) => {
  s.addEventListener('mouseenter', () => select(i, false));
  s.addEventListener('click', () => select(i, false));
});
document.addEventListener('keydown', e => {
  const party = d => {
    const there = parties.map(p => steps.indexOf(p)).filter(i => d > 0 ? i > at : i < at);
    if (there.length) select(d > 0 ? Math.min(...there) : Math.max(...there), true);
  };
  const keys = { j: () => select(at + 1, true), ArrowDown: () => select(at + 1, true),
    k: () => select(at - 1, true), ArrowUp: () => select(at - 1, true),
    Home: () => select(0, true), End: () => select(steps.length - 1, true),
    n: () => party(1), p: () => party(-1) };
  if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
});
const target = location.hash && document.querySelector(location.hash);
if (target) select(steps.indexOf(target), true);
