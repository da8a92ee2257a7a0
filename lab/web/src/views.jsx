// One stage of the chain at a time: each asks the server for what it shows.
import {useEffect, useMemo, useState} from 'preact/hooks';
import {bytes, compute} from './api.js';
import {Picture} from './picture.jsx';
import {Plot} from './plot.jsx';

function useView(view, config, extra) {
  const [state, setState] = useState({});
  const key = JSON.stringify(extra);
  useEffect(() => {
    let live = true;
    setState((old) => ({...old, busy: true}));
    compute('view', {view, config, ...extra})
      .then((data) => live && setState({data}))
      .catch((error) => live && !error.replaced && setState({error: error.message}));
    return () => (live = false);
  }, [view, config, key]);
  return state;
}

const Waiting = ({state}) => (state.error ? <p class="error" role="alert">{state.error}</p> : state.data ? null : <p>Computing ...</p>);
const grid = (a) => Array.from({length: a.count}, (_, i) => a.from + i * a.step);
const blue = '#2878c8';
const red = '#d0463b';

function Rf({config, facts}) {
  const state = useView('rf', config, {transmit: 0});
  const map = useMemo(() => {
    const d = state.data;
    if (!d) return null;
    // Time runs down, elements across.
    const from = bytes(d.values);
    const values = new Uint8Array(from.length);
    for (let m = 0; m < d.elements; m++) for (let n = 0; n < d.samples; n++) values[n * d.elements + m] = from[m * d.samples + n];
    return {x: {from: 0, step: 1, count: d.elements}, z: {from: d.start * 1e6, step: 1e6 / d.sampling_rate, count: d.samples}, values};
  }, [state.data]);
  if (!map) return <Waiting state={state} />;
  return <Picture map={map} colours="wave" square={false} unit={1} xLabel="Element" zLabel="Time [us]" title={`Echoes of all ${facts?.elements ?? ''} elements (square-root scale)`} low="-1" high="+1" />;
}

function Channel({config, facts}) {
  const most = (facts?.elements ?? 1) - 1;
  const [element, setElement] = useState(Math.floor(most / 2));
  const at = Math.min(element, most);
  const state = useView('channel', config, {transmit: 0, element: at});
  const d = state.data;
  const time = useMemo(() => d && d.samples.map((_, i) => (d.start + i / d.sampling_rate) * 1e6), [d]);
  const series = useMemo(() => d && [{name: 'echo', values: d.samples, colour: blue}, {name: 'envelope', values: d.envelope, colour: red}], [d]);
  const frequency = useMemo(() => d && d.spectrum.map((_, i) => (i * d.sampling_rate) / d.samples.length / 1e6), [d]);
  const spectrum = useMemo(() => d && [{name: 'spectrum', values: d.spectrum, colour: blue}], [d]);
  return (
    <div>
      <div class="control"><label for="v-element">Element</label><output>{at}</output><input id="v-element" type="range" min={0} max={most} value={at} onInput={(e) => setElement(+e.currentTarget.value)} /></div>
      <Waiting state={state} />
      {d && <Plot x={time} series={series} xLabel="Time [us]" yLabel="Pressure (relative)" title={`Echo at element ${at}`} />}
      {d && <Plot x={frequency} series={spectrum} xLabel="Frequency [MHz]" yLabel="Level [dB]" title="Spectrum" />}
    </div>
  );
}

function Delays({config, point}) {
  const state = useView('delays', config, {transmit: 0, x: point.x, z: point.z});
  const d = state.data;
  const x = useMemo(() => d && d.x.map((v) => v * 1e3), [d]);
  const sent = useMemo(() => d && [{name: 'firing time', values: d.transmit.map((v) => (v === null ? null : v * 1e6)), colour: red, points: true}], [d]);
  const received = useMemo(() => d && [{name: 'echo arrives', values: d.receive.map((v) => v * 1e6), colour: blue, points: true}], [d]);
  if (!d) return <Waiting state={state} />;
  return (
    <div>
      <Plot x={x} series={sent} xLabel="Element at [mm]" yLabel="Time [us]" title="When the elements fire" />
      <Plot x={x} series={received} xLabel="Element at [mm]" yLabel="Time [us]" title={`Way back from (${(point.x * 1e3).toFixed(1)}, ${(point.z * 1e3).toFixed(1)}) mm`} />
    </div>
  );
}

function Line({config, point}) {
  const state = useView('line', config, {x: point.x});
  const d = state.data;
  const z = useMemo(() => d && grid(d.z).map((v) => v * 1e3), [d]);
  const waves = useMemo(() => d && [{name: 'beamformed', values: d.wave, colour: blue}, {name: 'envelope', values: d.envelope, colour: red}], [d]);
  const level = useMemo(() => d && [{name: 'level', values: d.level, colour: blue}], [d]);
  if (!d) return <Waiting state={state} />;
  return (
    <div>
      <Plot x={z} series={waves} xLabel="Depth [mm]" yLabel="Sum of delayed echoes" title={`Image line at ${(d.x * 1e3).toFixed(1)} mm`} />
      <Plot x={z} series={level} xLabel="Depth [mm]" yLabel="Level [dB]" title="Log-compressed" />
    </div>
  );
}

function Beam({config}) {
  const state = useView('beam', config, {transmit: 0});
  if (!state.data) return <Waiting state={state} />;
  return <Picture map={state.data} colours="warm" title="Transmitted pressure (rms)" low={`-${state.data.dynamic_range} dB`} high="0 dB" />;
}

function Wave({config}) {
  const state = useView('wave', config, {transmit: 0});
  const [frame, setFrame] = useState(0);
  const [runs, setRuns] = useState(!matchMedia('(prefers-reduced-motion: reduce)').matches);
  const d = state.data;
  useEffect(() => {
    if (!d || !runs) return undefined;
    const timer = setInterval(() => setFrame((f) => (f + 1) % d.frames.length), 80);
    return () => clearInterval(timer);
  }, [d, runs]);
  const map = useMemo(() => d && {x: d.x, z: d.z, values: d.frames[frame]}, [d, frame]);
  if (!map) return <Waiting state={state} />;
  return (
    <div>
      <Picture map={map} colours="wave" title={`Pressure at ${(d.times[frame] * 1e6).toFixed(2)} us (square-root scale)`} low="-1" high="+1" />
      <div class="control"><label for="v-frame">Time</label><output>{(d.times[frame] * 1e6).toFixed(2)} us</output>
        <input id="v-frame" type="range" min={0} max={d.frames.length - 1} value={frame} onInput={(e) => { setRuns(false); setFrame(+e.currentTarget.value); }} /></div>
      <button type="button" onClick={() => setRuns(!runs)}>{runs ? 'Pause' : 'Play'}</button>
    </div>
  );
}

function Psf({config, point}) {
  const state = useView('psf', config, {x: point.x, z: point.z});
  const d = state.data;
  if (!d) return <Waiting state={state} />;
  const mm = (v) => (v === null ? 'wider than shown' : `${(v * 1e3).toFixed(3)} mm`);
  return (
    <div>
      <Picture map={d.image} title="One scatterer, alone" low={`-${d.image.dynamic_range} dB`} high="0 dB" />
      <dl class="facts">
        <dt>Lateral width (-6 dB)</dt><dd>{mm(d.widths.lateral)}</dd>
        <dt>Axial width (-6 dB)</dt><dd>{mm(d.widths.axial)}</dd>
        <dt>Peak</dt><dd>({(d.peak.x * 1e3 + 0).toFixed(2).replace(/^-(0\.0+)$/, '$1')}, {(d.peak.z * 1e3).toFixed(2)}) mm</dd>
        <dt>True place</dt><dd>({(d.truth.x * 1e3).toFixed(2)}, {(d.truth.z * 1e3).toFixed(2)}) mm</dd>
      </dl>
    </div>
  );
}

export const views = {
  'Wave': Wave,
  'Beam': Beam,
  'All channels': Rf,
  'One channel': Channel,
  'Delays': Delays,
  'Image line': Line,
  'Point spread': Psf,
};
