
'use strict';
(() => {
  const get = id => document.getElementById(id);
  const [find, q, reason, found] = ['find', 'q', 'reason', 'found'].map(get);
  const rows = [...document.querySelectorAll('.list tbody tr')].map(row => ({
    row, text: row.textContent.toLowerCase(), group: row.closest('.group')?.dataset.reason,
  }));
  // a section or a table is shown as long as one of its rows is
  const around = [...document.querySelectorAll('.group, #hosts, #failed, #suspect, #commands')];

  const filter = () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isOn = words.length > 0 || reason.value !== '';
    let shown = 0;
    for (const { row, text, group } of rows) {
      const fits = words.every(word => text.includes(word)) && (reason.value === '' || group === reason.value);
      row.hidden = !fits;
      shown += fits;
    }
    for (const part of around) {
      part.hidden = isOn && !part.querySelector('.list tbody tr:not([hidden])');
    }
    document.body.classList.toggle('filtered', isOn);
    found.textContent = isOn ? `${shown} of ${rows.length} rows` : '';
  };
  const remember = () => {
    const said = new URLSearchParams();
    if (q.value) said.set('q', q.value);
    if (reason.value) said.set('reason', reason.value);
    const hash = String(said);
    history.replaceState(null, '', location.href.split('#')[0] + (hash && '#' + hash));
  };
  // #q=words&reason=name
  const recall = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has('q') && !said.has('reason')) return;
    q.value = said.get('q') ?? '';
    reason.value = said.get('reason') ?? '';
    filter();
  };
  for (const input of [q, reason]) {
    input.addEventListener('input', () => { filter(); remember(); });
  }
  addEventListener('hashchange', recall);
  // a link to a section that is filtered away
  document.querySelector('nav').addEventListener('click', event => {
    if (event.target.closest('a') && document.body.classList.contains('filtered')) {
      q.value = reason.value = '';
      filter();
    }
  });
  if (rows.length > 0) find.hidden = false;
  recall();

  for (const head of document.querySelectorAll('.sortable thead th')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const isName = head.cellIndex === 0;
      const wasDown = head.getAttribute('aria-sort') === 'descending';
      const isUp = isName ? head.getAttribute('aria-sort') !== 'ascending' : wasDown;
      for (const other of head.parentNode.children) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', isUp ? 'ascending' : 'descending');
      const body = head.closest('table').tBodies[0];
      const value = row => row.cells[head.cellIndex];
      const order = isName
        ? (a, b) => value(a).textContent.localeCompare(value(b).textContent)
        : (a, b) => value(a).dataset.v - value(b).dataset.v;
      body.append(...[...body.rows].sort((a, b) => (isUp ? 1 : -1) * order(a, b)));
    });
  }
})();
