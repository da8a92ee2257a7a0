import {render} from 'preact';
import {useCallback, useEffect, useLayoutEffect, useMemo, useState} from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import './app.css';
import {bytes, compute, image as computeImage, job, start as loadStart} from './api.js';
import {Artefacts} from './artefacts.jsx';
import {Controls} from './controls.jsx';
import {Doppler} from './doppler.jsx';
import {Drawn} from './drawn.jsx';
import {Lessons} from './lessons.jsx';
import {Network} from './network.jsx';
import {useNewest} from './newest.js';
import {Picture, labelColour} from './picture.jsx';
import {mm, numberOf, put, read, start as startScene, text} from './scene.js';
import {Twin} from './twin.jsx';
import {views as stages} from './views.jsx';

const tools = {
  look: 'Look: click for what is there',
  measure: 'Measure: drag from point to point',
  cyst: 'Draw a cyst',
  mass: 'Draw a mass',
  layer: 'Draw a layer of fat',
  vessel: 'Draw a vessel (blood)',
  wire: 'Place a wire',
};
const views = {...stages, Twin, Network};
const tissues = {cyst: 'cyst', mass: 'tumour', layer: 'fat', vessel: 'blood'};

function withRegion(scene, tool, from, to) {
  const [x0, x1] = [Math.min(from.x, to.x) * 1e3, Math.max(from.x, to.x) * 1e3];
  const [z0, z1] = [Math.min(from.z, to.z) * 1e3, Math.max(from.z, to.z) * 1e3];
  const shape = tool === 'layer' ? {type: 'slab', z: [mm(z0), mm(z1)]}
    : {type: 'ellipsoid', centre: [mm((x0 + x1) / 2), '0 mm', mm((z0 + z1) / 2)], radii: [mm((x1 - x0) / 2), tool === 'vessel' ? '50 mm' : mm(Math.max(x1 - x0, z1 - z0) / 2), mm((z1 - z0) / 2)]};
  return put(scene, 'phantom.regions', [...(scene.phantom.regions ?? []), {shape, tissue: tissues[tool], label: tool === 'layer' ? 'fat' : tool}]);
}

function withWire(scene, p) {
  const wires = scene.phantom.wires ?? {positions: [], amplitude: 25};
  return put(scene, 'phantom.wires', {...wires, positions: [...wires.positions, [mm(p.x * 1e3), mm(p.z * 1e3)]]});
}

/** Gain [dB] at a row: the knobs of depth gain stand evenly over the picture, straight lines between them. */
function gainAt(row, rows, tgc) {
  const at = (row / Math.max(1, rows - 1)) * (tgc.length - 1);
  const k = Math.min(tgc.length - 2, Math.floor(at));
  return tgc[k] + (tgc[k + 1] - tgc[k]) * (at - k);
}

/** Display gains move the levels that the server sent. */
function brightened(image, gain, tgc) {
  if (!image || (gain === 0 && tgc.every((v) => v === 0))) return image;
  const values = bytes(image.values);
  const [nx, nz] = [image.x.count, image.z.count];
  for (let z = 0; z < nz; z++) {
    const shift = (255 * (gain + gainAt(z, nz, tgc))) / image.dynamic_range;
    for (let i = z * nx; i < (z + 1) * nx; i++) values[i] = Math.max(0, Math.min(255, values[i] + shift));
  }
  return {...image, values};
}

/** What a drag says: length, fall in level, and the true extent of the region under its middle. */
function ruled(ruler, shown, scene) {
  const length = Math.hypot(ruler.to.x - ruler.from.x, ruler.to.z - ruler.from.z) * 1e3;
  const {x, z, dynamic_range: range, values} = shown.image;
  const levels = bytes(values);
  const level = (p) => {
    const ix = Math.round((p.x - x.from) / x.step);
    const iz = Math.round((p.z - z.from) / z.step);
    return (levels[Math.max(0, Math.min(z.count - 1, iz)) * x.count + Math.max(0, Math.min(x.count - 1, ix))] / 255 - 1) * range;
  };
  const middle = [(ruler.from.x + ruler.to.x) * 500, (ruler.from.z + ruler.to.z) * 500];
  const under = [...(scene.phantom?.regions ?? [])].reverse().find(({shape}) => shape?.type === 'ellipsoid' && ((middle[0] - numberOf(shape.centre[0])) / numberOf(shape.radii[0])) ** 2 + ((middle[1] - numberOf(shape.centre[2])) / numberOf(shape.radii[2])) ** 2 < 1);
  return {length, from: level(ruler.from), to: level(ruler.to), under: under && {name: under.label ?? under.tissue, wide: 2 * numberOf(under.shape.radii[0]), deep: 2 * numberOf(under.shape.radii[2])}};
}

/** Tabs by arrow keys, as screen readers expect. */
function Tabs({names, current, onSelect, label}) {
  const key = (e) => {
    const step = {ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity}[e.key];
    if (!step) return;
    e.preventDefault();
    const at = names.indexOf(current);
    const next = step === -Infinity ? 0 : step === Infinity ? names.length - 1 : (at + step + names.length) % names.length;
    onSelect(names[next]);
    e.currentTarget.children[next].focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={key}>
      {names.map((name) => <button type="button" role="tab" key={name} id={`tab-${name}`} aria-controls="stage" aria-selected={current === name} tabIndex={current === name ? 0 : -1} onClick={() => onSelect(name)}>{name}</button>)}
    </div>
  );
}

function App() {
  const [start, setStart] = useState(null);
  const [scene, setScene] = useState(startScene);
  const [past, setPast] = useState([]);
  const [result, setResult] = useState(null);
  const [gain, setGain] = useState(0);
  const [tgc, setTgc] = useState([0, 0, 0, 0, 0]);
  const [settled, setSettled] = useState(null);
  const [tool, setTool] = useState('look');
  const [truth, setTruth] = useState(false);
  const [point, setPoint] = useState({x: 0, z: 0.02});
  const [found, setFound] = useState(null);
  const [ruler, setRuler] = useState(null);
  const [view, setView] = useState('Wave');
  const [mode, setMode] = useState('B-mode');
  const [pinned, setPinned] = useState(null);
  const [latency, setLatency] = useState([]);
  const [full, setFull] = useState(null);
  const [showText, setShowText] = useState(false);
  const config = useMemo(() => text(scene), [scene]);
  // The views beside the image ask once it stands still.
  const {ask, busy, error, setError} = useNewest(async ({config: now, began}) => {
    const shown = {...(await computeImage(now)), config: now};
    setResult(shown);
    requestAnimationFrame(() => setTimeout(() => setLatency((l) => [...l.slice(-49), performance.now() - began])));
    return shown;
  }, setSettled);

  useEffect(() => void loadStart().then(setStart).catch((e) => setError(e.message)), []);

  const change = useCallback((next) => {
    setPast((p) => [...p.slice(-49), scene]);
    setScene(next);
    setFull(null);
  }, [scene]);

  useLayoutEffect(() => {
    ask({config, began: performance.now()});
  }, [config]);

  const click = async (p) => {
    setPoint(p);
    if (tool === 'wire') return change(withWire(scene, p));
    try {
      setFound({...(await compute('point', {view: 'point', config, x: p.x, z: p.z})), ...p});
    } catch (e) {
      if (!e.replaced) setError(e.message);
    }
  };
  const drag = (from, to) => {
    if (tool === 'measure' || tool === 'look') setRuler({from, to});
    else if (tool === 'wire') change(withWire(scene, to));
    else change(withRegion(scene, tool, from, to));
  };

  const runFull = async () => {
    const exact = text(put(scene, 'engine', {type: 'exact', model: 'physical', dimensions: 3}));
    try {
      const {job: id} = await job.start({view: 'image', config: exact});
      setFull({id, percent: 0});
      for (;;) {
        await new Promise((r) => setTimeout(r, 300));
        const s = await job.status(id);
        if (!s.done) setFull({id, percent: s.percent});
        else {
          if (s.answer?.errors) setError(s.answer.errors.map((e) => e.text).join('\n'));
          else if (s.why && s.why !== 'cancelled') setError(s.why);
          setFull(s.answer && !s.answer.errors ? {image: s.answer} : null);
          return;
        }
      }
    } catch (e) {
      setError(e.message);
      setFull(null);
    }
  };

  const save = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`# Made in the Sonoforge lab. Run it: sonoforge run scene.yaml\n${config}`], {type: 'text/yaml'}));
    link.download = 'scene.yaml';
    link.click();
  };
  const load = async (e) => {
    const file = e.currentTarget.files[0];
    if (!file) return;
    try {
      change(read(await file.text()));
    } catch (problem) {
      setError(`${file.name}: ${problem.message}`);
    }
  };

  const shown = full?.image ?? result;
  const image = useMemo(() => shown && brightened(shown.image, gain, tgc), [shown, gain, tgc]);
  const overlay = useMemo(() => shown && {...shown.labels, on: truth}, [shown, truth]);
  const marks = [];
  if (ruler) marks.push({...ruler.from, to: ruler.to, text: '+'}, {...ruler.to, text: `${(Math.hypot(ruler.to.x - ruler.from.x, ruler.to.z - ruler.from.z) * 1e3).toFixed(2)} mm`});
  const rule = ruler && shown && ruled(ruler, shown, scene);
  if (found) marks.push({x: found.x, z: found.z, text: '+'});
  const sorted = [...latency].sort((a, b) => a - b);
  const View = views[view];
  const snr = shown?.facts.speckle_snr;

  return (
    <div class="lab">
      <header>
        <h1>Sonoforge lab</h1>
        <p>Real engines, exact truth: change something and see what the scanner would.</p>
        <nav aria-label="Benches">
          {['B-mode', 'Doppler'].map((name) => <button type="button" key={name} aria-pressed={mode === name} onClick={() => setMode(name)}>{name}</button>)}
        </nav>
      </header>
      {mode === 'Doppler' && <Doppler />}
      <main hidden={mode !== 'B-mode'}>
        <Controls start={start} scene={scene} set={change} gain={gain} setGain={setGain} tgc={tgc} setTgc={setTgc} />
        <section class="bench" aria-label="B-mode image">
          <div class="tools" role="toolbar" aria-label="Tools">
            {Object.entries(tools).map(([name, doc]) => (
              <button type="button" key={name} title={doc} aria-pressed={tool === name} onClick={() => setTool(name)}>{name}</button>
            ))}
            <span class="gap" />
            <button type="button" disabled={past.length === 0} onClick={() => { setScene(past.at(-1)); setPast(past.slice(0, -1)); }}>undo</button>
            <button type="button" onClick={() => change(put(put(scene, 'phantom.regions', []), 'phantom.wires', undefined))}>clear</button>
            <button type="button" aria-pressed={truth} onClick={() => setTruth(!truth)}>truth</button>
          </div>
          <Drawn scene={scene} set={change} tissues={start?.catalogs?.tissue?.presets.map((p) => p.name) ?? []} />
          <Artefacts onDoppler={() => setMode('Doppler')} onScene={(next) => { change(next); setTruth(true); }} />
          {error && <pre class="error" role="alert">{error}</pre>}
          {image ? (
            <Picture map={image} overlay={overlay} marks={marks} onPoint={click} onDrag={drag} low={`-${image.dynamic_range} dB`} high="0 dB"
              dragShape={tool === 'look' || tool === 'measure' || tool === 'wire' ? null : tool === 'layer' ? 'box' : 'oval'}
              title={full?.image ? 'B-mode, full physics (engine exact, 3-D)' : 'B-mode'} describe="B-mode image of the drawn phantom" />
          ) : <p>Computing the first image ...</p>}
          {truth && shown && <ul class="legend">{shown.labels.names.map((n, i) => <li key={n}><i style={{background: labelColour(i)}} />{n}</li>)}</ul>}
          {found && (
            <dl class="facts" aria-live="polite">
              <dt>At</dt><dd>({(found.x * 1e3).toFixed(1)}, {(found.z * 1e3).toFixed(1)}) mm</dd>
              <dt>Image level</dt><dd>{found.level === null ? 'none' : `${found.level.toFixed(1)} dB`}</dd>
              <dt>Truly there</dt><dd>{found.tissue || 'background'}, {found.sound_speed.toFixed(0)} m/s, {found.density.toFixed(0)} kg/m³{found.echogenicity !== null && found.echogenicity > -200 && `, scatters ${found.echogenicity.toFixed(1)} dB`}</dd>
            </dl>
          )}
          {rule && (
            <dl class="facts" aria-live="polite">
              <dt>Measured</dt><dd>{rule.length.toFixed(2)} mm, from {rule.from.toFixed(1)} to {rule.to.toFixed(1)} dB ({(rule.to - rule.from).toFixed(1)} dB)</dd>
              {rule.under && <><dt>Truly there</dt><dd>{rule.under.name}, {rule.under.wide.toFixed(2)} mm wide, {rule.under.deep.toFixed(2)} mm deep</dd></>}
            </dl>
          )}
          <div class="row">
            {full?.id ? (
              <>
                <progress max="100" value={full.percent} aria-label="Full physics" /> <button type="button" onClick={() => job.cancel(full.id)}>cancel</button>
              </>
            ) : <button type="button" onClick={runFull}>full physics</button>}
            {full?.image && <button type="button" onClick={() => setFull(null)}>back to live</button>}
            <button type="button" onClick={save}>save YAML</button>
            <label class="button">load YAML<input type="file" accept=".yaml,.yml" onChange={load} /></label>
            <button type="button" aria-pressed={showText} onClick={() => setShowText(!showText)}>show YAML</button>
          </div>
          {shown && (
            <p class="status" aria-live="off">
              {shown.facts.scatterers.toLocaleString('en')} scatterers, {shown.facts.elements} elements, {shown.facts.transmits} transmit{shown.facts.transmits > 1 ? 's' : ''}; engine {shown.facts.engine}, error at most {shown.facts.error}
              {snr ? `; speckle SNR ${snr.toFixed(2)}` : ''}
              {sorted.length > 0 && `; answer in ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} ms (median), ${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))].toFixed(0)} ms (95 %)`}
              {busy && ' ...'}
            </p>
          )}
          <p class="hidden" role="status">{settled ? `Image computed${snr ? `, speckle SNR ${snr.toFixed(2)}` : ''}, error at most ${settled.facts.error}` : ''}</p>
          {showText && <pre class="yaml">{config}</pre>}
        </section>
        <section class="stages" aria-label="Stages of the chain">
          <Tabs names={Object.keys(views)} current={view} onSelect={setView} label="Stages" />
          <div id="stage" role="tabpanel" aria-labelledby={`tab-${view}`} aria-busy={busy}>
            <View config={settled?.config ?? config} point={point} facts={settled?.facts} pinned={pinned} scene={scene} result={result} networks={start?.networks} onScene={change} onPin={() => setPinned({scene, result})} />
          </div>
        </section>
      </main>
      <Lessons lessons={start?.lessons ?? []} onScene={change} />
    </div>
  );
}

const place = document.getElementById('app');
place.textContent = '';
render(<App />, place);
