import {render} from 'preact';
import {useCallback, useEffect, useMemo, useRef, useState} from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import './app.css';
import {bytes, compute, job, start as loadStart} from './api.js';
import {Artefacts} from './artefacts.jsx';
import {Controls} from './controls.jsx';
import {Doppler} from './doppler.jsx';
import {Lessons} from './lessons.jsx';
import {Picture, labelColour} from './picture.jsx';
import {mm, put, read, start as startScene, text} from './scene.js';
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
const views = {...stages, Twin};
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

/** The display gain moves the levels that the server sent. */
function brightened(image, gain) {
  if (!image || gain === 0) return image;
  const shift = (255 * gain) / image.dynamic_range;
  return {...image, values: Uint8Array.from(bytes(image.values), (v) => Math.max(0, Math.min(255, v + shift)))};
}

function App() {
  const [start, setStart] = useState(null);
  const [scene, setScene] = useState(startScene);
  const [past, setPast] = useState([]);
  const [result, setResult] = useState(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const [gain, setGain] = useState(0);
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
  const wanted = useRef(null);
  const running = useRef(false);

  useEffect(() => void loadStart().then(setStart).catch((e) => setError(e.message)), []);

  const change = useCallback((next) => {
    setPast((p) => [...p.slice(-49), scene]);
    setScene(next);
    setFull(null);
  }, [scene]);

  // One request at a time; while it runs, only the newest setting waits.
  const pump = useCallback(async () => {
    if (running.current) return;
    running.current = true;
    while (wanted.current) {
      const now = wanted.current;
      wanted.current = null;
      setBusy(true);
      const began = performance.now();
      try {
        const data = await compute('image', {view: 'image', config: now});
        setResult({...data, config: now});
        setError('');
        requestAnimationFrame(() => setLatency((l) => [...l.slice(-49), performance.now() - began]));
      } catch (e) {
        if (!e.replaced) setError(e.message);
      }
    }
    running.current = false;
    setBusy(false);
  }, []);
  useEffect(() => {
    wanted.current = config;
    pump();
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
  const image = useMemo(() => shown && brightened(shown.image, gain), [shown, gain]);
  const overlay = useMemo(() => shown && {...shown.labels, on: truth}, [shown, truth]);
  const marks = [];
  if (ruler) marks.push({...ruler.from, to: ruler.to, text: '+'}, {...ruler.to, text: `${(Math.hypot(ruler.to.x - ruler.from.x, ruler.to.z - ruler.from.z) * 1e3).toFixed(2)} mm`});
  if (found) marks.push({x: found.x, z: found.z, text: '+'});
  const sorted = [...latency].sort((a, b) => a - b);
  const View = views[view];
  const snr = shown?.metrics?.find((m) => m.name === 'speckle_snr');

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
        <Controls start={start} scene={scene} set={change} gain={gain} setGain={setGain} />
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
          <Artefacts onScene={(next) => { change(next); setTruth(true); }} />
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
              <dt>Truly there</dt><dd>{found.tissue || 'background'}, {found.sound_speed.toFixed(0)} m/s</dd>
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
              {snr?.value ? `; speckle SNR ${snr.value.toFixed(2)}` : ''}
              {sorted.length > 0 && `; answer in ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} ms (median), ${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))].toFixed(0)} ms (95 %)`}
              {busy && ' ...'}
            </p>
          )}
          {showText && <pre class="yaml">{config}</pre>}
        </section>
        <section class="stages" aria-label="Stages of the chain">
          <div class="tabs" role="tablist">
            {Object.keys(views).map((name) => <button type="button" role="tab" key={name} aria-selected={view === name} onClick={() => setView(name)}>{name}</button>)}
          </div>
          <View config={result?.config ?? config} point={point} facts={result?.facts} pinned={pinned} scene={scene} result={result} onPin={() => setPinned({scene, result})} />
        </section>
      </main>
      <Lessons lessons={start?.lessons ?? []} onScene={change} />
    </div>
  );
}

const place = document.getElementById('app');
place.textContent = '';
render(<App />, place);
