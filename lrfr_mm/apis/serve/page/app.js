'use strict';

const $ = (id) => document.getElementById(id);
const sides = [{ faces: [], chosen: 0 }, { faces: [], chosen: 0 }];
let sweep = [];
let request = 0;
let asking = null;
let probed = null;

// -- the API ---------------------------------------------------------------------------------
function send(path, options) {
  const token = sessionStorage.getItem('token');
  const headers = { ...(options.headers || {}) };
  if (token) headers.Authorization = `Bearer ${token}`;
  return fetch(path, { ...options, headers });
}

// Resolves to whether a token was given; requests that wait at the same time share the dialog.
function askForToken(refused) {
  if (!asking) {
    asking = new Promise((resolve) => {
      $('refused').hidden = !refused;
      $('token').value = '';
      $('login').returnValue = '';
      $('login').showModal();
      $('login').addEventListener('close', () => {
        asking = null;
        const given = $('login').returnValue === 'use' && $('token').value !== '';
        if (given) sessionStorage.setItem('token', $('token').value);
        resolve(given);
      }, { once: true });
    });
  }
  return asking;
}

async function api(path, options = {}) {
  let response = await send(path, options);
  while (response.status === 401) {
    if (!await askForToken(sessionStorage.getItem('token') !== null)) {
      throw new Error('A valid token is needed.');
    }
    response = await send(path, options);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(typeof body.detail === 'string' ? body.detail : `Error ${response.status}`);
  }
  return body;
}

function show(error) {
  const text = error ? error.message || String(error) : '';
  $('message').textContent = text.charAt(0).toUpperCase() + text.slice(1);
  $('message').hidden = !error;
}

async function attempt(action) {
  show(null);
  try {
    return await action();
  } catch (error) {
    show(error);
    return null;
  }
}

function form(fields) {
  const data = new FormData();
  Object.entries(fields).forEach(([key, value]) => data.append(key, value));
  return data;
}

// -- pictures --------------------------------------------------------------------------------
async function draw(canvas, file, faces, chosen) {
  const image = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const ratio = Math.min(1, 760 / Math.max(image.width, image.height));
  canvas.width = Math.round(image.width * ratio);
  canvas.height = Math.round(image.height * ratio);
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  pen.font = '600 14px system-ui, sans-serif';
  faces.forEach((face, k) => {
    const [x0, y0, x1, y1] = face.box.map((value) => value * ratio);
    pen.strokeStyle = k === chosen ? '#1f6feb' : '#8a8f98';
    pen.lineWidth = k === chosen ? 3 : 2;
    pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    const text = `${Math.round(face.size)} px`;
    const width = pen.measureText(text).width + 8;
    const top = y0 > 20 ? y0 - 20 : y1;
    pen.fillStyle = pen.strokeStyle;
    pen.fillRect(x0, top, width, 20);
    pen.fillStyle = '#fff';
    pen.fillText(text, x0 + 4, top + 15);
    pen.fillStyle = '#ffc400';
    (face.landmarks || []).forEach(([x, y]) => {
      pen.beginPath();
      pen.arc(x * ratio, y * ratio, 2, 0, 7);
      pen.fill();
    });
  });
  return ratio;
}

async function load(side, file) {
  const caption = $(`drop-${side}`).querySelector('figcaption');
  caption.textContent = 'Looking for faces…';
  await attempt(async () => {
    const found = await api('/api/faces', { method: 'POST', body: form({ picture: file }) });
    const state = sides[side];
    state.file = file;
    state.faces = found.faces;
    const areas = found.faces.map((face) => face.size);
    state.chosen = areas.indexOf(Math.max(...areas));
    state.ratio = await draw($(`canvas-${side}`), file, state.faces, state.chosen);
    caption.textContent = found.faces.length === 0
      ? 'No face was found. Choose another picture.'
      : found.faces.length === 1 ? '1 face' : `${found.faces.length} faces: click one`;
    await compare();
  });
  if (caption.textContent.endsWith('…')) caption.textContent = 'Choose another picture';
}

async function choose(side, event) {
  const state = sides[side];
  const canvas = $(`canvas-${side}`);
  const frame = canvas.getBoundingClientRect();
  const scale = canvas.width / frame.width / state.ratio;
  const x = (event.clientX - frame.left) * scale;
  const y = (event.clientY - frame.top) * scale;
  const hit = state.faces.findIndex(({ box }) => x >= box[0] && x <= box[2] && y >= box[1]
                                                 && y <= box[3]);
  if (hit < 0 || state.faces.length < 2) return false;
  state.chosen = hit;
  await draw(canvas, state.file, state.faces, hit);
  await compare();
  return true;
}

// -- comparison ------------------------------------------------------------------------------
async function compare() {
  const faces = sides.map(({ faces: all, chosen }) => all[chosen]);
  $('result').hidden = true;
  if (!faces[0] || !faces[1]) return;
  const mine = ++request;
  const answer = await api('/api/sweep', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ first: faces[0].image, second: faces[1].image,
                           sizes: [faces[0].size, faces[1].size],
                           far: Number($('wanted').value) }),
  });
  if (mine !== request) return; // a newer comparison was asked for meanwhile
  sweep = answer;
  $('face-0').src = faces[0].image;
  $('resolution').max = sweep.length - 1;
  $('resolution').value = sweep.length - 1;
  $('result').hidden = false;
  update();
}

const percent = (value) => `${(100 * value).toPrecision(2)} %`;

function update() {
  const row = sweep[Number($('resolution').value)];
  const { decision } = row;
  const known = decision && !decision.problem;
  $('px').textContent = `${row.resolution} px`;
  $('face-1').src = row.image;
  $('similarity').textContent = row.similarity.toFixed(3);
  $('threshold').textContent = known ? decision.threshold.toFixed(3) : '–';
  $('sizes').textContent = known
    ? decision.sizes.map((size) => `${Math.round(size)} px`).join(' and ')
    : sides.map(({ faces, chosen }) => `${Math.round(faces[chosen].size)} px`).join(' and ');
  $('far').textContent = known
    ? `${percent(decision.far)} (95 % interval ${decision.far_interval.map(percent).join(' to ')})`
    : 'unknown';
  $('frr').textContent = known ? percent(decision.frr) : 'unknown';
  const blind = known && !decision.match && decision.frr > .5;
  $('verdict').textContent = !known ? 'No verdict'
    : decision.match ? 'Same person'
      : blind ? 'Not confirmed: at these sizes most pairs of one person are missed'
        : 'Not confirmed as the same person';
  $('verdict').className = !known || blind ? '' : decision.match ? 'match' : 'differs';
  $('words').textContent = known ? decision.words
    : decision ? decision.problem : 'This server has no calibration, so no error rate is known.';
  curve(row);
}

function curve(current) {
  const left = 44; // as in style.css, so that the curve lies below the slider's positions
  const width = 980;
  const all = sweep.map((row) => row.resolution);
  const x = (px) => left + width * all.indexOf(px) / (all.length - 1);
  const values = sweep.flatMap((row) => [row.similarity, row.decision?.threshold ?? row.similarity]);
  const low = Math.min(0, ...values);
  const high = Math.max(...values) + .05;
  const y = (value) => 190 - 170 * (value - low) / (high - low);
  const path = (points) => points.map(([a, b], k) => `${k ? 'L' : 'M'}${x(a)} ${y(b)}`).join('');
  const thresholds = sweep.filter((row) => row.decision?.threshold !== undefined)
    .map((row) => [row.resolution, row.decision.threshold]);
  const grid = [0, .25, .5, .75, 1].filter((value) => value <= high).map((value) =>
    `<path d="M${left} ${y(value)}H${left + width}" stroke="#e8eaed"/>`
    + `<text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`);
  const ticks = [7, 10, 14, 20, 28, 42, 56, 112].map((px) =>
    `<text x="${x(px)}" y="208" text-anchor="middle">${px}</text>`);
  ticks.push(`<text x="${left}" y="224">size of the second face, px</text>`);
  const line = sweep.map((row) => [row.resolution, row.similarity]);
  $('curve').innerHTML = `${grid.join('')}${ticks.join('')}
    <path d="${path(line)}" fill="none" stroke="#1f6feb" stroke-width="2.5"/>
    <path d="${path(thresholds)}" fill="none" stroke="#d1495b" stroke-width="2"
          stroke-dasharray="6 4"/>
    <path d="M${x(current.resolution)} 12V190" stroke="#8a8f98"/>
    <circle cx="${x(current.resolution)}" cy="${y(current.similarity)}" r="5" fill="#1f6feb"/>
    <text x="${left + width}" y="${y(line.at(-1)[1]) - 8}" text-anchor="end"
          fill="#1f6feb">similarity</text>
    ${thresholds.length ? `<text x="${left + width}" y="${y(thresholds.at(-1)[1]) + 16}"
      text-anchor="end">threshold</text>` : ''}`;
}

// -- gallery ---------------------------------------------------------------------------------
async function people() {
  const all = await api('/api/people');
  const health = await (await fetch('/health')).json();
  if (health.finest_fpir !== null) offerSearchRates(health.finest_fpir);
  $('people').replaceChildren(...all.map((person) => {
    const item = document.createElement('li');
    const text = document.createElement('span');
    text.textContent = `${person.name} `;
    const detail = document.createElement('small');
    const pictures = person.pictures === 1 ? '1 picture' : `${person.pictures} pictures`;
    detail.textContent = `${pictures}; ${person.consent || 'no consent noted'}`;
    text.append(detail);
    const button = document.createElement('button');
    button.textContent = 'Delete';
    button.addEventListener('click', () => attempt(async () => {
      if (!confirm(`Delete ${person.name} and every embedding?`)) return;
      await api(`/api/people/${encodeURIComponent(person.name)}`, { method: 'DELETE' });
      await people();
    }));
    item.append(text, button);
    return item;
  }));
}

// Rates of false identifications that the calibration supports for this gallery; 5 % where it can
// be had, else the lowest.
function offerSearchRates(finest) {
  const chosen = Number($('fpir').value);
  const rates = [.01, .05, .1, .3].filter((rate) => rate >= finest);
  if (finest > .05) rates.push(Math.min(Math.ceil(finest * 1000) / 1000, .999));
  rates.sort((a, b) => a - b);
  $('fpir').replaceChildren(...rates.map((rate) => new Option(percent(rate), rate)));
  $('fpir').value = rates.includes(chosen) ? chosen : rates.includes(.05) ? .05 : rates[0];
}

async function probe(file) {
  probed = file;
  $('answers').textContent = 'Searching…';
  const answered = await attempt(async () => {
    const found = await api('/api/identify', {
      method: 'POST', body: form({ picture: file, fpir: $('fpir').value }),
    });
    await draw($('canvas-probe'), file, found.faces, -1);
    $('answers').replaceChildren(...(found.faces.length ? found.faces : [null]).map((face) => {
      const item = document.createElement('li');
      if (!face) {
        item.textContent = 'No face was found.';
        return item;
      }
      const score = face.candidate?.score.toFixed(3);
      const who = face.person ? `${face.person} (similarity ${score})`
        : face.candidate ? `nobody of the gallery (best: ${face.candidate.person}, ${score})`
          : 'nobody of the gallery';
      item.textContent = `${Math.round(face.size)} px: ${face.problem || who}`;
      return item;
    }));
    return true;
  });
  if (!answered) $('answers').textContent = '';
}

// -- wiring ----------------------------------------------------------------------------------
[0, 1].forEach((side) => {
  const area = $(`drop-${side}`);
  const input = $(`file-${side}`);
  area.addEventListener('click', async (event) => {
    if (event.target === input) return;
    if (event.target.tagName === 'CANVAS' && await attempt(() => choose(side, event))) return;
    input.click();
  });
  area.addEventListener('keydown', (event) => { if (event.key === 'Enter') input.click(); });
  input.addEventListener('change', () => input.files[0] && load(side, input.files[0]));
  area.addEventListener('dragover', (event) => {
    event.preventDefault();
    area.classList.add('over');
  });
  area.addEventListener('dragleave', () => area.classList.remove('over'));
  area.addEventListener('drop', (event) => {
    event.preventDefault();
    area.classList.remove('over');
    if (event.dataTransfer.files[0]) load(side, event.dataTransfer.files[0]);
  });
});
$('resolution').addEventListener('input', update);
['compare', 'gallery'].forEach((name) => $(`tab-${name}`).addEventListener('click', () => {
  ['compare', 'gallery'].forEach((other) => {
    $(other).hidden = other !== name;
    $(`tab-${other}`).setAttribute('aria-selected', String(other === name));
  });
  if (name === 'gallery') attempt(people);
}));
$('choose-probe').addEventListener('click', () => $('file-probe').click());
$('file-probe').addEventListener('change', (event) => event.target.files[0]
                                 && probe(event.target.files[0]));
$('fpir').addEventListener('change', () => probed && probe(probed));
$('webcam').hidden = !navigator.mediaDevices?.getUserMedia;
$('webcam').addEventListener('click', () => attempt(async () => {
  $('video').srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  $('video').hidden = false;
  $('snap').hidden = false;
}));
$('snap').addEventListener('click', () => {
  const canvas = document.createElement('canvas');
  canvas.width = $('video').videoWidth;
  canvas.height = $('video').videoHeight;
  canvas.getContext('2d').drawImage($('video'), 0, 0);
  canvas.toBlob((blob) => probe(blob), 'image/jpeg', .95);
});
$('enroll').addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(async () => {
    const person = await api('/api/people', { method: 'POST', body: new FormData(event.target) });
    event.target.reset();
    show(null);
    await people();
    return person;
  });
});
$('wanted').addEventListener('change', () => attempt(compare));

// Rates that the calibration supports, and the finest of them; 1 % is chosen where it is there.
function offerRates(finest) {
  const rates = [.1, .01, .001, 1e-4, 1e-5].filter((rate) => rate >= finest);
  if (finest > .01) rates.push(finest);
  $('wanted').replaceChildren(...rates.map((rate) => new Option(percent(rate), rate)));
  $('wanted').value = rates.includes(.01) ? .01 : rates.at(-1);
  $('rate').hidden = false;
}

fetch('/health').then((response) => response.json()).then((health) => {
  $('tab-gallery').hidden = health.people === null;
  $('status').textContent = health.calibrated
    ? `calibrated from ${health.smallest} px, false-accept rates from `
      + `${percent(health.finest_far)} on`
    : 'not calibrated: similarities without verdicts';
  if (health.calibrated) offerRates(health.finest_far);
  else $('wanted').replaceChildren(new Option('', .01));
  if (health.token && !sessionStorage.getItem('token')) askForToken(false);
});
