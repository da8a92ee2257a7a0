// Pulsed Doppler: blood that flows, a gate, a wall filter; the sonogram, its sound, and the truth beside what was measured.
import {useEffect, useMemo, useState} from 'preact/hooks';
import {bytes, compute} from './api.js';
import {useNewest} from './newest.js';
import {Picture} from './picture.jsx';
import {mm, text} from './scene.js';

const usual = {velocity: 25, tilt: 30, radius: 3, steering: 10, rate: 5, frequency: 5, cycles: 4, pulses: 256, wall: 100, pulsatile: false, depth: 15};

/** The config that the command line would take for the same flow. */
function sceneOf(s) {
  // The vessel must fit into what scatters.
  const length = 14;
  const turn = (s.tilt * Math.PI) / 180;
  const half = (along, aside) => Math.max(6, (length / 2) * Math.abs(along) + s.radius * Math.abs(aside) + 0.2);
  const [wide, deep] = [half(Math.cos(turn), Math.sin(turn)), half(Math.sin(turn), Math.cos(turn))];
  return flowScene(s, length, wide, deep);
}

const flowScene = (s, length, wide, deep) => ({
  sonoforge: 1,
  seed: 11,
  phantom: {
    type: 'flow',
    background: 'muscle',
    centre: ['0 mm', '0 mm', mm(s.depth)],
    angle: `${s.tilt} deg`,
    radius: mm(s.radius),
    length: mm(length),
    mean_velocity: `${s.velocity} cm/s`,
    ...(s.pulsatile ? {pulsation: [`${(0.6 * s.velocity).toFixed(2)} cm/s`], rate: '8 Hz', womersley: 5} : {}),
    extent: {x: [mm(-wide), mm(wide)], y: ['0 mm', '0 mm'], z: [mm(s.depth - deep), mm(s.depth + deep)]},
    scatterer_density: '10 /mm^3',
  },
  probe: {type: 'L11-5v', elements: 48, frequency: `${s.frequency} MHz`},
  pulse: {cycles: s.cycles},
  sequence: {type: 'plane_waves', angles: [`${s.steering} deg`], frames: {count: s.pulses, rate: `${s.rate} kHz`}},
  receive: {sampling_rate: `${4 * s.frequency} MHz`, depth: mm(s.depth + deep + 1)},
  engine: {type: 'scatterers', model: 'simus', dimensions: 2, accuracy: 0.01},
  beamformer: {type: 'delay_and_sum', f_number: 2, window: 'hann'},
  image: {x: ['-6 mm', '6 mm', '0.2 mm'], z: [mm(s.depth - 6), mm(s.depth + 6), '0.15 mm'], dynamic_range: '50 dB'},
  labels: [],
});

/** Two seconds of the gate's signal: what comes towards the probe in the left ear, what leaves in the right. */
function listen({i, q, rate}) {
  const context = new AudioContext();
  const n = i.length;
  const out = 16000;
  const length = Math.round((out * n) / rate);
  const buffer = context.createBuffer(2, length, out);
  for (const [channel, sign] of [[0, 1], [1, -1]]) {
    const sound = buffer.getChannelData(channel);
    for (let k = 1; k < n / 2; k++) {
      // The record's Fourier term of this frequency and direction.
      let re = 0;
      let im = 0;
      for (let t = 0; t < n; t++) {
        const phase = (-2 * Math.PI * sign * k * t) / n;
        re += i[t] * Math.cos(phase) - q[t] * Math.sin(phase);
        im += i[t] * Math.sin(phase) + q[t] * Math.cos(phase);
      }
      for (let t = 0; t < length; t++) {
        const phase = (2 * Math.PI * k * t) / length;
        sound[t] += (re * Math.cos(phase) - im * Math.sin(phase)) / n;
      }
    }
  }
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.loop = true;
  source.connect(context.destination);
  source.start();
  source.stop(context.currentTime + 2);
  source.onended = () => context.close();
}

function Knob({name, unit, from, to, step, value, set, hint}) {
  const id = `d-${name.replaceAll(' ', '-')}`;
  return (
    <div class="control" title={hint}>
      <label for={id}>{name}</label>
      <output for={id}>{value} {unit}</output>
      <input id={id} type="range" min={from} max={to} step={step} value={value} onInput={(e) => set(parseFloat(e.currentTarget.value))} />
    </div>
  );
}

export function Doppler() {
  const [s, setS] = useState(usual);
  const [gate, setGate] = useState({x: 0, z: usual.depth * 1e-3, side: 1});
  const [data, setData] = useState(null);
  const {ask, busy, error} = useNewest(async (request) => setData(await compute('doppler', request)));
  const config = useMemo(() => text(sceneOf(s)), [s.velocity, s.tilt, s.radius, s.steering, s.rate, s.frequency, s.cycles, s.pulses, s.pulsatile, s.depth]);
  const knob = (key) => ({value: s[key], set: (v) => setS({...s, [key]: v})});

  useEffect(() => {
    ask({view: 'doppler', config, x: gate.x, z: gate.z, gate: gate.side * 1e-3, wall_filter: s.wall});
  }, [config, gate, s.wall]);

  const sonogram = useMemo(() => {
    if (!data) return null;
    const {times, rows, step, values} = data.sonogram;
    return {
      x: {from: times[0] * 1e3, step: times.length > 1 ? (times[1] - times[0]) * 1e3 : 1, count: times.length},
      z: {from: -data.limit * 100, step: step * 100, count: rows},
      values,
    };
  }, [data]);
  const cm = (v) => (v === null || v === undefined ? 'none' : `${(v * 100).toFixed(1)} cm/s`);
  const half = gate.side * 5e-4;
  const aliased = data && data.truth !== null && Math.abs(data.truth) > data.limit;
  const marks = [
    {x: gate.x - half, z: gate.z - half, to: {x: gate.x + half, z: gate.z - half}, text: ''},
    {x: gate.x - half, z: gate.z + half, to: {x: gate.x + half, z: gate.z + half}, text: ''},
    {x: gate.x - half, z: gate.z - half, to: {x: gate.x - half, z: gate.z + half}, text: ''},
    {x: gate.x + half, z: gate.z - half, to: {x: gate.x + half, z: gate.z + half}, text: ''},
  ];
  return (
    <main>
      <form class="controls" aria-label="Doppler settings" onSubmit={(e) => e.preventDefault()}>
        <fieldset>
          <legend>Vessel</legend>
          <Knob name="Mean velocity" unit="cm/s" from={-100} to={100} step={1} {...knob('velocity')} hint="Over the section; twice that on the axis of steady flow" />
          <Knob name="Vessel angle" unit="deg" from={-60} to={60} step={1} {...knob('tilt')} hint="Of the axis, from the lateral axis towards depth" />
          <Knob name="Radius" unit="mm" from={1} to={4} step={0.5} {...knob('radius')} hint="Of the lumen" />
          <div class="control"><label for="d-pulsatile">Pulsatile</label><input id="d-pulsatile" type="checkbox" checked={s.pulsatile} onChange={(e) => setS({...s, pulsatile: e.currentTarget.checked})} /></div>
        </fieldset>
        <fieldset>
          <legend>Pulses</legend>
          <Knob name="Steering" unit="deg" from={-20} to={20} step={1} {...knob('steering')} hint="Of the transmitted plane wave" />
          <Knob name="Pulses a second" unit="kHz" from={0.5} to={12} step={0.25} {...knob('rate')} hint="Pulse repetition frequency" />
          <Knob name="Number of pulses" unit="" from={32} to={512} step={32} {...knob('pulses')} hint="Of the record" />
          <Knob name="Frequency" unit="MHz" from={3} to={9} step={0.5} {...knob('frequency')} hint="Of the pulse" />
          <Knob name="Cycles" unit="" from={1} to={12} step={1} {...knob('cycles')} hint="Of the pulse" />
        </fieldset>
        <fieldset>
          <legend>Gate</legend>
          <Knob name="Gate size" unit="mm" from={0.5} to={5} step={0.5} value={gate.side} set={(v) => setGate({...gate, side: v})} hint="Side of the square that is listened to" />
          <Knob name="Wall filter" unit="Hz" from={0} to={1000} step={10} {...knob('wall')} hint="Shifts up to this are removed" />
        </fieldset>
      </form>
      <section class="bench" aria-label="Vessel and gate">
        {error && <pre class="error" role="alert">{error}</pre>}
        {data ? (
          <Picture map={data.image} colour={data.colour} marks={marks} onPoint={(p) => setGate({...gate, ...p})} onDrag={(from, to) => setGate({...gate, ...to})}
            low={`-${cm(data.limit)} away`} high={`+${cm(data.limit)} towards the probe`} colours="flow" title="B-mode with velocity by autocorrelation: click to move the gate"
            describe="Vessel in tissue, blood coloured by its velocity along the beam" />
        ) : !error && <p>Computing the first record ...</p>}
        {data && <p class="status">{data.facts.scatterers.toLocaleString('en')} scatterers, {data.facts.frames} pulses; engine {data.facts.engine}, error at most {data.facts.error}{busy && ' ...'}</p>}
      </section>
      <section class="stages" aria-label="Sonogram">
        {sonogram && (
          <>
            <SonogramPicture map={sonogram} limit={data.limit} />
            <dl class="facts" aria-live="polite">
              <dt>Measured in the gate</dt><dd>{cm(data.velocity)} towards the probe</dd>
              <dt>Truly there</dt><dd>{cm(data.truth)}{data.angle !== undefined && data.angle !== null && `, ${((data.angle * 180) / Math.PI).toFixed(0)} deg between flow and beam`}</dd>
              <dt>Largest speed without aliasing</dt><dd>{cm(data.limit)}{aliased && ': the blood is faster, so it wraps around'}</dd>
            </dl>
            <button type="button" onClick={() => listen(data.samples)}>listen</button>
          </>
        )}
      </section>
    </main>
  );
}

function SonogramPicture({map, limit}) {
  // The picture's rows run down; the fastest motion towards the probe stands at the top.
  const values = useMemo(() => bytes(map.values), [map]);
  return (
    <Picture map={{...map, values}} square={false} unit={1} flip title="Sonogram of the gate" xLabel="Time [ms]" zLabel="Velocity towards the probe [cm/s]" low="-40 dB" high="0 dB"
      describe={`Velocities in the gate over time, up to ${(limit * 100).toFixed(0)} cm/s either way`} />
  );
}
